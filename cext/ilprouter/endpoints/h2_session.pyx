# distutils: libraries = nghttp2
"""What both ends of an HTTP/2 connection do alike: options, budgets against floods, feeding bytes in, collecting bytes out.

Owns the arithmetic of abuse and the one write per round. Knows no request, no token, no ILP packet.
"""
from libc.stdint cimport int32_t
from libc.string cimport memcpy

from ilprouter.bindings.http_kernel cimport ilp_budget_take
from ilprouter.bindings.kernel cimport ilp_buffer, ilp_pool_put
from ilprouter.bindings.nghttp2 cimport (
    NGHTTP2_DATA,
    NGHTTP2_DATA_FLAG_EOF,
    NGHTTP2_ENHANCE_YOUR_CALM,
    NGHTTP2_ERR_CALLBACK_FAILURE,
    NGHTTP2_ERR_CANCEL,
    NGHTTP2_FLAG_END_STREAM,
    NGHTTP2_FLAG_NONE,
    NGHTTP2_HEADERS,
    NGHTTP2_SETTINGS_ENABLE_PUSH,
    NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
    NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
    NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES,
    nghttp2_data_source,
    nghttp2_frame_hd,
    nghttp2_option,
    nghttp2_option_new,
    nghttp2_option_set_max_continuations,
    nghttp2_option_set_max_outbound_ack,
    nghttp2_option_set_max_settings,
    nghttp2_option_set_no_closed_streams,
    nghttp2_option_set_stream_reset_rate_limit,
    nghttp2_option_set_user_recv_extension_type,
    nghttp2_session,
    nghttp2_session_callbacks,
    nghttp2_session_callbacks_set_on_begin_frame_callback,
    nghttp2_session_callbacks_set_unpack_extension_callback,
    nghttp2_session_get_outbound_queue_size,
    nghttp2_session_mem_recv,
    nghttp2_session_mem_send,
    nghttp2_session_set_local_window_size,
    nghttp2_session_terminate_session,
    nghttp2_session_want_read,
    nghttp2_session_want_write,
    nghttp2_settings_entry,
    nghttp2_submit_settings,
)
from ilprouter.endpoints.http_core cimport ARENA_BYTES, FRAME_BYTES_MAX, HttpConnection, http_conn, http_core, http_stream

cdef enum:
    STREAM_WINDOW = 65_536             # a whole legal packet of either kind without waiting for a WINDOW_UPDATE
    CONNECTION_WINDOW = 64 * 1024 * 1024
    CONTINUATIONS_MAX = 8
    SETTINGS_MAX = 32
    FRAME_KINDS_KNOWN = 10             # RFC 9113 defines types 0 to 9
    ERR_FLOODED = -904                 # NGHTTP2_ERR_FLOODED


cdef nghttp2_option *session_options(http_core *core) except NULL:
    """Options of new sessions. nghttp2's own reset limit stands behind ours, which answers ENHANCE_YOUR_CALM first."""
    cdef nghttp2_option *option = NULL
    cdef int kind
    if core.options != NULL:
        return core.options
    if nghttp2_option_new(&option) != 0:
        raise MemoryError
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_max_outbound_ack(option, core.limits.acks)
    nghttp2_option_set_max_settings(option, SETTINGS_MAX)
    nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX)
    nghttp2_option_set_stream_reset_rate_limit(option, 2 * core.limits.reset_burst, 2 * core.limits.reset_rate)
    # Frames of unknown types are skipped without a callback unless each type is claimed; claimed, they can be charged.
    for kind in range(FRAME_KINDS_KNOWN, 256):
        nghttp2_option_set_user_recv_extension_type(option, <uint8_t>kind)
    core.options = option
    return option


cdef int unpack_extension(
    nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd, void *user_data
) noexcept nogil:
    return NGHTTP2_ERR_CANCEL


cdef void session_guard(nghttp2_session_callbacks *callbacks) noexcept nogil:
    """Set the callbacks that count frames without work."""
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame)
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, unpack_extension)


cdef int session_settings(http_conn *conn, uint32_t streams, bint serving) noexcept nogil:
    """Queue our SETTINGS and the connection window. Returns 0 or an nghttp2 error."""
    cdef nghttp2_settings_entry entries[4]
    cdef int status
    entries[0].settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS if serving else NGHTTP2_SETTINGS_ENABLE_PUSH
    entries[0].value = streams if serving else 0
    entries[1].settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
    entries[1].value = STREAM_WINDOW
    entries[2].settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
    entries[2].value = conn.core.limits.header_bytes
    entries[3].settings_id = NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES
    entries[3].value = 1
    status = nghttp2_submit_settings(conn.session, NGHTTP2_FLAG_NONE, entries, 4)
    if status == 0:
        status = nghttp2_session_set_local_window_size(conn.session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW)
    return status


cdef int doom(http_conn *conn, uint32_t code) noexcept nogil:
    """Decide inside a callback that the connection ends with GOAWAY(code). Returns what the callback must return."""
    if conn.doom == 0:
        conn.doom = code
        if code == NGHTTP2_ENHANCE_YOUR_CALM:
            conn.core.counters.floods += 1
    return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data) noexcept nogil:
    """Charge every frame that carries no work: all but HEADERS and the last DATA of a body. Requests earn the charge back."""
    cdef http_conn *conn = <http_conn *>user_data
    if hd.type == NGHTTP2_HEADERS:
        return 0
    if hd.type == NGHTTP2_DATA and hd.flags & NGHTTP2_FLAG_END_STREAM:
        return 0
    if not ilp_budget_take(&conn.control, 1, conn.core.round.now_ns):
        return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    return 0


cdef bint session_feed(http_conn *conn, const uint8_t *data, size_t length) noexcept nogil:
    """Give received bytes to the session. False when the connection must end without another word."""
    cdef ssize_t used = nghttp2_session_mem_recv(conn.session, data, length)
    cdef size_t allowed
    if used == ERR_FLOODED:
        doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    elif used < 0 and conn.doom == 0:
        return False
    # Streams bound the frames of answers; whatever else piles up is provoked by the peer.
    allowed = conn.core.limits.outbound_frames + 2 * (conn.sending.count + conn.ready.count)
    if nghttp2_session_get_outbound_queue_size(conn.session) > allowed:
        doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    if conn.doom and not conn.doomed:
        conn.doomed = 1
        nghttp2_session_terminate_session(conn.session, conn.doom)
    return True


cdef ssize_t collect(http_conn *conn) noexcept nogil:
    """Frames that may leave now, copied into the arena until it is nearly full. Bytes, or a negative nghttp2 error."""
    cdef const uint8_t *data
    cdef size_t filled = 0
    cdef ssize_t length
    while filled + FRAME_BYTES_MAX <= ARENA_BYTES:
        length = nghttp2_session_mem_send(conn.session, &data)
        if length < 0:
            return length
        if length == 0:
            break
        if length > FRAME_BYTES_MAX:
            return -1
        memcpy(conn.core.arena + filled, data, length)
        filled += length
    return filled


cdef int session_pump(HttpConnection connection) except -1:
    """Write what may leave, at once unless the arena overflows; close a session that has nothing left to say."""
    cdef http_conn *conn = &connection.c
    cdef ssize_t filled = 0
    if connection.closing or conn.session == NULL:
        return 0
    while not connection.paused:
        with nogil:
            filled = collect(conn)
            if filled < 0 and conn.doom and not conn.doomed:
                conn.doomed = 1
                nghttp2_session_terminate_session(conn.session, conn.doom)
                filled = collect(conn)
        if filled < 0:
            connection.abort()
            return 0
        if filled == 0:
            break
        connection.write(conn.core.arena, filled)
        if filled + FRAME_BYTES_MAX <= ARENA_BYTES:
            break
    if conn.doomed:
        connection.close_soon()
    elif not nghttp2_session_want_read(conn.session) and not nghttp2_session_want_write(conn.session):
        connection.close_soon()
    return 0


cdef ssize_t read_outgoing(
    nghttp2_session *session, int32_t stream_id, uint8_t *into, size_t length, uint32_t *flags,
    nghttp2_data_source *source, void *user_data
) noexcept nogil:
    """nghttp2_data_source_read_callback over stream.outgoing; the buffer goes back with its last byte."""
    cdef http_stream *stream = <http_stream *>source.ptr
    cdef http_conn *conn = <http_conn *>user_data
    cdef ilp_buffer *buffer = stream.outgoing
    cdef size_t left = buffer.len - stream.sent
    if length >= left:
        length = left
        flags[0] |= NGHTTP2_DATA_FLAG_EOF
    memcpy(into, buffer.data + buffer.offset + stream.sent, length)
    stream.sent += <uint32_t>length
    if flags[0] & NGHTTP2_DATA_FLAG_EOF:
        stream.outgoing = NULL
        ilp_pool_put(conn.core.pool, buffer)
    return length
