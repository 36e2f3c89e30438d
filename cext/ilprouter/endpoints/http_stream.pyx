"""The life of one request, whatever the version of HTTP: lists, bodies in packet buffers, the way to the receiver and back.

Owns who frees what when a stream ends before its answer, or after. Knows no frame, no header text, no ILP packet.
"""
from libc.string cimport memcpy

from ilprouter.bindings.http_kernel cimport ilp_slot_name, ilp_slots_find, ilp_slots_get, ilp_slots_put
from ilprouter.bindings.kernel cimport ILP_BUFFER_LARGE, ilp_pool_get, ilp_pool_put, ilp_round_flush_later
from ilprouter.endpoints.http_core cimport http_link
from ilprouter.endpoints.http_repeat cimport REQUEST_NEW, repeat_answered, repeat_check, repeat_leave


cdef void list_append(http_list *into, http_stream *stream, int64_t now_ns) noexcept nogil:
    """Move a stream to the end of a list, out of the one it stands in."""
    if stream.list != NULL:
        list_remove(stream)
    stream.list = into
    stream.since_ns = now_ns
    stream.next = NULL
    stream.previous = into.last
    if into.last != NULL:
        into.last.next = stream
    else:
        into.first = stream
    into.last = stream
    into.count += 1


cdef void list_remove(http_stream *stream) noexcept nogil:
    cdef http_list *list = stream.list
    if list == NULL:
        return
    if stream.previous != NULL:
        stream.previous.next = stream.next
    else:
        list.first = stream.next
    if stream.next != NULL:
        stream.next.previous = stream.previous
    else:
        list.last = stream.previous
    list.count -= 1
    stream.list = NULL


cdef void stream_free(http_core *core, http_stream *stream) noexcept nogil:
    """Give back the slot and every buffer it holds; its name goes stale."""
    list_remove(stream)
    ilp_pool_put(core.pool, stream.incoming)
    ilp_pool_put(core.pool, stream.outgoing)
    ilp_slots_put(core.streams, stream)


cdef int stream_receive(
    http_core *core, http_stream *stream, const uint8_t *data, size_t length, uint32_t maximum
) noexcept nogil:
    """Add body bytes to stream.incoming, in a buffer that fits stream.stated bytes.

    returns   0, 413 when the body passes `maximum` bytes, 503 when no buffer is left
    """
    cdef ilp_buffer *buffer = stream.incoming
    cdef ilp_buffer *larger
    cdef size_t total = length
    if buffer != NULL:
        total += buffer.len
    if total > maximum:
        return 413
    if buffer == NULL:
        buffer = ilp_pool_get(core.pool, stream.stated if total <= stream.stated <= maximum else <uint32_t>total)
        if buffer == NULL:
            return 503
        stream.incoming = buffer
    elif total > buffer.cap:
        larger = ilp_pool_get(core.pool, ILP_BUFFER_LARGE)
        if larger == NULL:
            return 503
        memcpy(larger.data, buffer.data, buffer.len)
        larger.len = buffer.len
        ilp_pool_put(core.pool, buffer)
        stream.incoming = buffer = larger
    memcpy(buffer.data + buffer.len, data, length)
    buffer.len += <uint32_t>length
    return 0


cdef void stream_answer(http_core *core, http_stream *stream, ilp_buffer *answer) noexcept nogil:
    """Queue the answer of a received request whose connection is still there. Takes the buffer."""
    cdef http_conn *conn = stream.conn
    stream.answered = 1
    stream.outgoing = answer
    stream.link.bytes_out += answer.len
    if not conn.in_order:
        list_append(&conn.ready, stream, core.round.now_ns)
    ilp_round_flush_later(core.round, &conn.flusher)


cdef void stream_length(http_stream *stream, uint32_t length) noexcept nogil:
    """Write the decimal content-length into the stream, where it stays until the headers are framed."""
    cdef uint8_t digits[12]
    cdef uint8_t count = 0
    cdef uint8_t at
    while True:
        digits[count] = <uint8_t>(48 + length % 10)
        length //= 10
        count += 1
        if length == 0:
            break
    stream.length_len = count
    for at in range(count):
        stream.length_text[at] = digits[count - 1 - at]


cdef void count_refusal(http_core *core, int status) noexcept nogil:
    cdef int at = -1
    if status == 400:
        at = 0
    elif status == 401:
        at = 1
    elif status == 403:
        at = 2
    elif status == 404:
        at = 3
    elif status == 405:
        at = 4
    elif status == 413:
        at = 5
    elif status == 415:
        at = 6
    elif status == 431:
        at = 7
    if at >= 0:
        core.counters.refused[at] += 1


cdef http_stream *request_slot(http_conn *conn, int32_t stream_id) noexcept nogil:
    """A slot for a request, in no list yet; NULL when none is left."""
    cdef http_stream *stream = <http_stream *>ilp_slots_get(conn.core.streams)
    if stream != NULL:
        stream.conn = conn
        stream.stream_id = stream_id
    return stream


cdef http_stream *request_open(http_conn *conn, int32_t stream_id) noexcept nogil:
    """A slot for the request whose head was just accepted, with its body to come; NULL when none is left."""
    cdef http_stream *stream = request_slot(conn, stream_id)
    if stream == NULL:
        return NULL
    stream.link = conn.head.peer.link
    stream.named = conn.head.has_request_id
    stream.id = conn.head.request_id
    if conn.head.content_length <= conn.core.limits.body_bytes:
        stream.stated = <uint32_t>conn.head.content_length
    list_append(&conn.receiving, stream, conn.core.round.now_ns)
    return stream


cdef int request_deliver(http_conn *conn, http_stream *stream) noexcept nogil:
    """Hand a complete request to the receiver of its link.

    An empty body is delivered as an empty packet: the receiver answers it like any other bytes that are no Prepare.
    returns   0; or the status to refuse it with, and the stream is the caller's: 503 when there is no buffer or nobody receives,
              400 when its Request-Id belongs to another request
    """
    cdef ilp_link *link = stream.link
    cdef ilp_buffer *body = stream.incoming
    cdef int status
    if link.receiver == NULL:
        return 503
    if body == NULL:
        body = ilp_pool_get(conn.core.pool, 0)
        if body == NULL:
            return 503
        stream.incoming = body
    if stream.named:
        status = repeat_check(conn, stream, body)
        if status == 0:
            ilp_pool_put(conn.core.pool, body)
            stream.incoming = NULL
        if status != REQUEST_NEW:
            return status
    stream.incoming = NULL
    list_append(&conn.waiting, stream, conn.core.round.now_ns)
    conn.core.counters.requests += 1
    link.bytes_in += body.len
    link.receiver.on_prepare(link.receiver, link, ilp_slot_name(&stream.slot), body, conn.core.round.now_ns)
    return 0


cdef void request_abandon(http_conn *conn, http_stream *stream) noexcept nogil:
    """The peer's stream is gone. What the receiver already has lives on there: only its answer will find nobody."""
    if stream.repeats and not stream.answered:
        repeat_leave(stream)
    elif stream.list == &conn.waiting and not stream.answered:
        list_remove(stream)
        stream.conn = NULL
        conn.core.counters.abandoned += 1
        return
    if stream.list == &conn.ready or stream.list == &conn.waiting:
        conn.core.counters.abandoned += 1
    stream_free(conn.core, stream)


cdef void reply(ilp_link *link, uint64_t token, ilp_buffer *answer) noexcept nogil:
    """ilp_link_ops.reply: queue an answer; it leaves with the flush that ends the round."""
    cdef http_core *core = (<http_link *>link.owner).core
    cdef http_stream *stream = <http_stream *>ilp_slots_find(core.streams, token)
    if stream == NULL or stream.answered:
        ilp_pool_put(core.pool, answer)
        return
    if stream.kept != NULL:
        repeat_answered(core, stream, answer)
    if stream.conn == NULL:
        ilp_pool_put(core.pool, answer)
        stream_free(core, stream)
        return
    stream_answer(core, stream, answer)
