# distutils: libraries = nghttp2
"""The serving side of an HTTP/2 connection: heads judged, bodies collected into packet buffers, answers framed.

Owns nghttp2's callbacks on this side; each runs without the GIL and never sends. Knows no socket and no ILP packet.
"""
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memset

from ilprouter.bindings.http_kernel cimport (
    ilp_budget_credit,
    ilp_budget_take,
    ilp_http_head_add,
    ilp_http_head_begin,
    ilp_http_head_count,
    ilp_http_head_decide,
    ilp_http_head_method,
    ilp_http_head_path,
)
from ilprouter.bindings.nghttp2 cimport (
    NGHTTP2_CANCEL,
    NGHTTP2_DATA,
    NGHTTP2_ENHANCE_YOUR_CALM,
    NGHTTP2_ERR_CALLBACK_FAILURE,
    NGHTTP2_FLAG_END_STREAM,
    NGHTTP2_FLAG_NONE,
    NGHTTP2_HCAT_REQUEST,
    NGHTTP2_HEADERS,
    NGHTTP2_INTERNAL_ERROR,
    NGHTTP2_NO_ERROR,
    NGHTTP2_NV_FLAG_NO_COPY_NAME,
    NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    NGHTTP2_NV_FLAG_NO_INDEX,
    NGHTTP2_REFUSED_STREAM,
    NGHTTP2_RST_STREAM,
    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
    nghttp2_data_provider,
    nghttp2_frame,
    nghttp2_nv,
    nghttp2_session,
    nghttp2_session_callbacks,
    nghttp2_session_callbacks_new,
    nghttp2_session_callbacks_set_on_begin_headers_callback,
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback,
    nghttp2_session_callbacks_set_on_frame_recv_callback,
    nghttp2_session_callbacks_set_on_frame_send_callback,
    nghttp2_session_callbacks_set_on_header_callback,
    nghttp2_session_callbacks_set_on_stream_close_callback,
    nghttp2_session_get_stream_remote_close,
    nghttp2_session_get_stream_user_data,
    nghttp2_session_server_new2,
    nghttp2_session_set_stream_user_data,
    nghttp2_settings_entry,
    nghttp2_submit_response,
    nghttp2_submit_rst_stream,
    nghttp2_submit_settings,
)
from ilprouter.endpoints.h2_session cimport doom, read_outgoing, session_guard, session_options, session_settings
from ilprouter.endpoints.http_core cimport http_conn, http_stream
from ilprouter.endpoints.http_stream cimport (
    count_refusal,
    list_append,
    request_abandon,
    request_deliver,
    request_open,
    stream_free,
    stream_length,
    stream_receive,
)

cdef enum:
    STATIC_VALUE = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
    CONTROL_EARNED = 8         # frames without work that one request pays for: window updates for its answer, mostly
    REFUSAL_COST = 10          # charged to `control` for a wrong or missing token
    HEADERS_FATAL = 4          # times the header limit at which the connection ends instead of the request

cdef nghttp2_session_callbacks *CALLBACKS = NULL


cdef void name_value(
    nghttp2_nv *nv, const char *name, size_t name_len, const uint8_t *value, size_t length, uint8_t flags
) noexcept nogil:
    nv.name = <uint8_t *>name
    nv.namelen = name_len
    nv.value = <uint8_t *>value
    nv.valuelen = length
    nv.flags = STATIC_VALUE | flags


cdef const char *status_text(int status) noexcept nogil:
    if status == 200:
        return b"200"
    if status == 400:
        return b"400"
    if status == 401:
        return b"401"
    if status == 403:
        return b"403"
    if status == 404:
        return b"404"
    if status == 405:
        return b"405"
    if status == 413:
        return b"413"
    if status == 415:
        return b"415"
    if status == 431:
        return b"431"
    return b"503"


cdef void refuse(http_conn *conn, int32_t stream_id, int status) noexcept nogil:
    """Answer a request that never becomes a packet: a status alone. A body still to come is cut off once this is sent."""
    cdef nghttp2_nv fields[4]
    cdef size_t count = 3
    name_value(&fields[0], b":status", 7, <const uint8_t *>status_text(status), 3, 0)
    name_value(&fields[1], b"content-type", 12, b"application/octet-stream", 24, 0)
    name_value(&fields[2], b"content-length", 14, b"0", 1, 0)
    if status == 401:
        name_value(&fields[3], b"www-authenticate", 16, b"Bearer", 6, 0)
        count = 4
    elif status == 405:
        name_value(&fields[3], b"allow", 5, b"POST, GET, HEAD", 15, 0)
        count = 4
    count_refusal(conn.core, status)
    if not ilp_budget_take(&conn.control, REFUSAL_COST if status == 401 or status == 403 else 1, conn.core.round.now_ns):
        doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    nghttp2_submit_response(conn.session, stream_id, fields, count, NULL)


cdef int accepted(http_conn *conn) noexcept nogil:
    """A request with a known token: it pays for control frames, and the first one opens the stream limit."""
    cdef nghttp2_settings_entry entry
    ilp_budget_credit(&conn.control, CONTROL_EARNED)
    if conn.authenticated:
        return 0
    conn.authenticated = 1
    entry.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
    entry.value = conn.core.limits.streams
    return nghttp2_submit_settings(conn.session, NGHTTP2_FLAG_NONE, &entry, 1)


cdef void deliver(http_conn *conn, http_stream *stream) noexcept nogil:
    cdef int32_t stream_id = stream.stream_id
    cdef int status = request_deliver(conn, stream)
    if status != 0:
        nghttp2_session_set_stream_user_data(conn.session, stream_id, NULL)
        stream_free(conn.core, stream)
        refuse(conn, stream_id, status)


cdef int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    ilp_http_head_begin(&conn.head, conn.core.tokens, conn.core.limits.header_bytes, conn.core.limits.body_bytes)
    conn.head_since_ns = conn.core.round.now_ns
    conn.head_stream_id = frame.hd.stream_id if frame.headers.cat == NGHTTP2_HCAT_REQUEST else 0
    return 0


cdef int on_header(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t length, uint8_t flags, void *user_data
) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef bint fits
    if conn.head_stream_id == 0 or name[0] == b':':
        fits = ilp_http_head_count(&conn.head, name_len, length)
        if conn.head_stream_id != 0 and name_len == 5:
            ilp_http_head_path(&conn.head, value, length)
        elif conn.head_stream_id != 0 and name_len == 7 and name[1] == b'm':
            ilp_http_head_method(&conn.head, value, length)
    else:
        fits = ilp_http_head_add(&conn.head, name, name_len, value, length)
    if not fits and conn.head.size > HEADERS_FATAL * conn.head.size_max:
        return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    return 0


cdef int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream
    cdef int status
    if frame.hd.type == NGHTTP2_HEADERS:
        conn.head_since_ns = 0
        if frame.headers.cat == NGHTTP2_HCAT_REQUEST:
            status = ilp_http_head_decide(&conn.head)
            if status == 0:
                if accepted(conn) != 0:
                    return doom(conn, NGHTTP2_INTERNAL_ERROR)
                stream = request_open(conn, frame.hd.stream_id)
                if stream == NULL:
                    status = 503
                else:
                    nghttp2_session_set_stream_user_data(session, frame.hd.stream_id, stream)
            if status != 0:
                refuse(conn, frame.hd.stream_id, status)
                return NGHTTP2_ERR_CALLBACK_FAILURE if conn.doom else 0
    elif frame.hd.type == NGHTTP2_RST_STREAM:
        if not ilp_budget_take(&conn.resets, 1, conn.core.round.now_ns):
            return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
        return 0
    elif frame.hd.type != NGHTTP2_DATA:
        return 0
    if frame.hd.flags & NGHTTP2_FLAG_END_STREAM:
        stream = <http_stream *>nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
        if stream != NULL:
            deliver(conn, stream)
    return 0


cdef int on_data_chunk(
    nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t length, void *user_data
) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream = <http_stream *>nghttp2_session_get_stream_user_data(session, stream_id)
    cdef int status
    if stream == NULL:
        return 0
    status = stream_receive(conn.core, stream, data, length, conn.core.limits.body_bytes)
    if status != 0:
        nghttp2_session_set_stream_user_data(session, stream_id, NULL)
        stream_free(conn.core, stream)
        refuse(conn, stream_id, status)
    return 0


cdef int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data) noexcept nogil:
    cdef http_stream *stream = <http_stream *>nghttp2_session_get_stream_user_data(session, stream_id)
    if stream != NULL:
        request_abandon(<http_conn *>user_data, stream)
    return 0


cdef int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    if frame.hd.type == NGHTTP2_HEADERS:
        if frame.hd.flags & NGHTTP2_FLAG_END_STREAM and not nghttp2_session_get_stream_remote_close(session, frame.hd.stream_id):
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR)
    elif frame.hd.type == NGHTTP2_RST_STREAM:
        if frame.rst_stream.error_code == NGHTTP2_NO_ERROR or frame.rst_stream.error_code == NGHTTP2_CANCEL:
            return 0
        # A peer that makes us reset streams pays as if it had reset them; refusing a surplus stream is cheaper than that.
        if frame.rst_stream.error_code == NGHTTP2_REFUSED_STREAM:
            if not ilp_budget_take(&conn.control, 1, conn.core.round.now_ns) and not conn.doomed:
                return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
        elif not ilp_budget_take(&conn.resets, 1, conn.core.round.now_ns) and not conn.doomed:
            return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    return 0


cdef int server_callbacks() except -1:
    global CALLBACKS
    if CALLBACKS != NULL:
        return 0
    if nghttp2_session_callbacks_new(&CALLBACKS) != 0:
        raise MemoryError
    session_guard(CALLBACKS)
    nghttp2_session_callbacks_set_on_begin_headers_callback(CALLBACKS, on_begin_headers)
    nghttp2_session_callbacks_set_on_header_callback(CALLBACKS, on_header)
    nghttp2_session_callbacks_set_on_frame_recv_callback(CALLBACKS, on_frame_recv)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(CALLBACKS, on_data_chunk)
    nghttp2_session_callbacks_set_on_stream_close_callback(CALLBACKS, on_stream_close)
    nghttp2_session_callbacks_set_on_frame_send_callback(CALLBACKS, on_frame_send)
    return 0


cdef int server_session(http_conn *conn) except -1:
    """Give a connection its session and queue our SETTINGS."""
    server_callbacks()
    if nghttp2_session_server_new2(&conn.session, CALLBACKS, conn, session_options(conn.core)) != 0:
        raise MemoryError
    if session_settings(conn, conn.core.limits.streams_first, True) != 0:
        raise MemoryError
    return 0


cdef void server_answer_ready(http_conn *conn) noexcept nogil:
    """Submit every queued answer: Content-Type, Content-Length, body."""
    cdef nghttp2_nv fields[3]
    cdef nghttp2_data_provider provider
    cdef http_stream *stream
    memset(&provider, 0, sizeof(provider))
    provider.read_callback = read_outgoing
    name_value(&fields[0], b":status", 7, b"200", 3, 0)
    name_value(&fields[1], b"content-type", 12, b"application/octet-stream", 24, 0)
    while conn.ready.first != NULL:
        stream = conn.ready.first
        list_append(&conn.sending, stream, conn.core.round.now_ns)
        stream_length(stream, stream.outgoing.len)
        name_value(
            &fields[2], b"content-length", 14, stream.length_text, stream.length_len, NGHTTP2_NV_FLAG_NO_INDEX)
        provider.source.ptr = stream
        conn.core.counters.answers += 1
        if nghttp2_submit_response(conn.session, stream.stream_id, fields, 3, &provider) != 0:
            nghttp2_submit_rst_stream(conn.session, NGHTTP2_FLAG_NONE, stream.stream_id, NGHTTP2_INTERNAL_ERROR)
