# distutils: libraries = nghttp2
"""ClientConnection: one HTTP/2 connection to a peer that we ask.

Owns nghttp2's callbacks on this side and the limits towards a hostile server. Knows no ILP packet, and never retries.
"""
import asyncio
import socket

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ilprouter.bindings.http_kernel cimport ilp_budget, ilp_budget_credit, ilp_budget_init, ilp_budget_take
from ilprouter.bindings.kernel cimport (
    ILP_BUFFER_LARGE,
    ILP_OK,
    ILP_PEER_UNREACHABLE,
    ilp_round_flush_later,
)
from ilprouter.bindings.nghttp2 cimport (
    NGHTTP2_CANCEL,
    NGHTTP2_DATA,
    NGHTTP2_ENHANCE_YOUR_CALM,
    NGHTTP2_FLAG_ACK,
    NGHTTP2_FLAG_END_STREAM,
    NGHTTP2_FLAG_NONE,
    NGHTTP2_GOAWAY,
    NGHTTP2_HEADERS,
    NGHTTP2_NO_ERROR,
    NGHTTP2_NV_FLAG_NO_INDEX,
    NGHTTP2_REFUSED_STREAM,
    NGHTTP2_SETTINGS,
    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
    nghttp2_data_provider,
    nghttp2_frame,
    nghttp2_nv,
    nghttp2_session,
    nghttp2_session_callbacks,
    nghttp2_session_callbacks_new,
    nghttp2_session_callbacks_set_on_begin_headers_callback,
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback,
    nghttp2_session_callbacks_set_on_frame_not_send_callback,
    nghttp2_session_callbacks_set_on_frame_recv_callback,
    nghttp2_session_callbacks_set_on_header_callback,
    nghttp2_session_callbacks_set_on_stream_close_callback,
    nghttp2_session_client_new2,
    nghttp2_session_del,
    nghttp2_session_get_remote_settings,
    nghttp2_session_get_stream_user_data,
    nghttp2_session_terminate_session,
    nghttp2_submit_request,
    nghttp2_submit_rst_stream,
)
from ilprouter.endpoints.h2_session cimport (
    doom,
    read_outgoing,
    session_feed,
    session_guard,
    session_options,
    session_pump,
    session_settings,
)
from ilprouter.endpoints.http_core cimport HttpConnection, HttpCore, http_conn, http_stream
from ilprouter.endpoints.http_link cimport (
    HttpLink,
    call_answer,
    call_gone,
    link_assign,
    link_attach,
    link_detach,
    link_refresh,
)
from ilprouter.endpoints.http_stream cimport list_append, stream_length, stream_receive

cdef enum:
    CONTROL_EARNED = 8
    HEADERS_FATAL = 4
    # Half of what the commonest servers, and ours, forgive: what is not cancelled ends with the server's own expiry.
    CANCEL_BURST = 100
    CANCEL_RATE = 10
    CAPACITY_MAX = 100_000
    USER_TIMEOUT_MS = 15_000

cdef nghttp2_session_callbacks *CALLBACKS = NULL


cdef int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    conn.head_stream = <http_stream *>nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
    conn.head.size = 0
    return 0


cdef int on_header(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t length, uint8_t flags, void *user_data
) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream = conn.head_stream
    cdef uint64_t stated = 0
    cdef size_t at
    conn.head.size += <uint32_t>(name_len + length + 32)
    if conn.head.size > HEADERS_FATAL * conn.core.limits.header_bytes:
        return doom(conn, NGHTTP2_ENHANCE_YOUR_CALM)
    if stream == NULL:
        return 0
    # nghttp2 has checked both: a status of three digits, and a content-length that is a number.
    if name_len == 7 and name[0] == b':' and length == 3:
        stream.status = <unsigned short>((value[0] - 48) * 100 + (value[1] - 48) * 10 + (value[2] - 48))
    elif name_len == 14 and name[8] == b'l' and name[0] == b'c' and length <= 9:
        for at in range(length):
            stated = stated * 10 + (value[at] - 48)
        stream.stated = <uint32_t>stated
    return 0


cdef int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream
    cdef uint32_t allowed
    if frame.hd.type == NGHTTP2_SETTINGS:
        if not frame.hd.flags & NGHTTP2_FLAG_ACK:
            allowed = nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
            conn.capacity = min(allowed, <uint32_t>CAPACITY_MAX)
            conn.usable = 1
            link_assign(conn.link)
            link_refresh(conn.link)
    elif frame.hd.type == NGHTTP2_GOAWAY:
        conn.draining = 1
        link_refresh(conn.link)
    elif frame.hd.flags & NGHTTP2_FLAG_END_STREAM and (frame.hd.type == NGHTTP2_DATA or frame.hd.type == NGHTTP2_HEADERS):
        stream = <http_stream *>nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
        if stream != NULL:
            ilp_budget_credit(&conn.control, CONTROL_EARNED)
            call_answer(conn, stream)
    return 0


cdef int on_data_chunk(
    nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t length, void *user_data
) noexcept nogil:
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream = <http_stream *>nghttp2_session_get_stream_user_data(session, stream_id)
    if stream == NULL or stream.answered or stream.finished or stream.status != 200:
        return 0
    if stream_receive(conn.core, stream, data, length, ILP_BUFFER_LARGE) != 0:
        # No ILP packet is that long, or no buffer is left: the answer counts as unreadable.
        stream.status = 0
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_CANCEL)
        call_answer(conn, stream)
    return 0


cdef int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data) noexcept nogil:
    cdef http_stream *stream = <http_stream *>nghttp2_session_get_stream_user_data(session, stream_id)
    if stream != NULL:
        # REFUSED_STREAM, also for streams above a GOAWAY's last, says that nothing was processed. Anything else is in doubt.
        call_gone(<http_conn *>user_data, stream, ILP_PEER_UNREACHABLE if error_code == NGHTTP2_REFUSED_STREAM else ILP_OK)
    return 0


cdef int on_frame_not_send(
    nghttp2_session *session, const nghttp2_frame *frame, int error, void *user_data
) noexcept nogil:
    """A request that may not start any more (a GOAWAY came in between): its stream never existed, so it is found by its id."""
    cdef http_conn *conn = <http_conn *>user_data
    cdef http_stream *stream = conn.waiting.first
    if frame.hd.type != NGHTTP2_HEADERS:
        return 0
    conn.draining = 1
    while stream != NULL and stream.stream_id != frame.hd.stream_id:
        stream = stream.next
    if stream != NULL and nghttp2_session_get_stream_user_data(session, frame.hd.stream_id) == NULL:
        call_gone(conn, stream, ILP_PEER_UNREACHABLE)
    return 0


cdef int client_callbacks() except -1:
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
    nghttp2_session_callbacks_set_on_frame_not_send_callback(CALLBACKS, on_frame_not_send)
    return 0


cdef void submit_ready(http_conn *conn) noexcept nogil:
    """Frame every queued request. Headers come from the link's static table, so only content-length is written per request."""
    cdef nghttp2_nv fields[8]
    cdef nghttp2_data_provider provider
    cdef http_stream *stream
    cdef int32_t stream_id
    if conn.ready.first == NULL:
        return
    memset(&provider, 0, sizeof(provider))
    provider.read_callback = read_outgoing
    memcpy(fields, conn.link.request, sizeof(fields))
    fields[7].flags |= NGHTTP2_NV_FLAG_NO_INDEX
    while conn.ready.first != NULL:
        stream = conn.ready.first
        stream_length(stream, stream.outgoing.len)
        fields[7].value = stream.length_text
        fields[7].valuelen = stream.length_len
        provider.source.ptr = stream
        stream_id = nghttp2_submit_request(conn.session, NULL, fields, 8, &provider, stream)
        if stream_id < 0:
            # Out of stream ids (2^30 requests) or closing: another connection takes over.
            conn.draining = 1
            call_gone(conn, stream, ILP_PEER_UNREACHABLE)
            continue
        stream.stream_id = stream_id
        list_append(&conn.waiting, stream, conn.core.round.now_ns)


cdef void cancel_dropped(http_conn *conn, ilp_budget *budget) noexcept nogil:
    """Reset streams nobody waits for, as fast as servers tolerate resets; the rest keep their stream until the peer answers."""
    cdef http_stream *stream
    while conn.dropped.first != NULL and ilp_budget_take(budget, 1, conn.core.round.now_ns):
        stream = conn.dropped.first
        list_append(&conn.sending, stream, conn.core.round.now_ns)
        conn.core.counters.cancelled += 1
        nghttp2_submit_rst_stream(conn.session, NGHTTP2_FLAG_NONE, stream.stream_id, NGHTTP2_CANCEL)


cdef class ClientConnection(HttpConnection):
    """One connection of a link; made by its dialer."""

    cdef HttpLink link
    cdef ilp_budget cancels
    cdef readonly object ready         # Future[bool]: the peer's SETTINGS came (True), or the connection was lost first
    cdef readonly object closed        # Future[None]: done when the connection is lost

    def __cinit__(self, HttpCore core not None, HttpLink link not None):
        self.link = link
        self.c.link = &link.state
        self.ready = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()
        ilp_budget_init(&self.cancels, CANCEL_BURST, CANCEL_RATE, core.c.round.now_ns)

    cdef int opened(self) except -1:
        keep_alive(self.transport)
        client_callbacks()
        if nghttp2_session_client_new2(&self.c.session, CALLBACKS, &self.c, session_options(&self.core.c)) != 0:
            raise MemoryError
        if session_settings(&self.c, 0, False) != 0:
            raise MemoryError
        if not link_attach(&self.link.state, &self.c):
            self.abort()
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        return 0

    cdef int lost(self) except -1:
        with nogil:
            link_detach(&self.link.state, &self.c)
            if self.c.session != NULL:
                nghttp2_session_del(self.c.session)
                self.c.session = NULL
        if not self.ready.done():
            self.ready.set_result(False)
        if not self.closed.done():
            self.closed.set_result(None)
        return 0

    cdef int feed(self, const uint8_t *data, size_t length) except -1:
        cdef bint alive
        with nogil:
            alive = session_feed(&self.c, data, length)
        if not alive:
            self.abort()
        if self.c.usable and not self.ready.done():
            self.ready.set_result(True)
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        return 0

    cdef int flush(self) except -1:
        if self.closing or self.c.session == NULL:
            return 0
        with nogil:
            cancel_dropped(&self.c, &self.cancels)
            submit_ready(&self.c)
        session_pump(self)
        if self.c.draining and not self.closing and self.c.waiting.count + self.c.dropped.count + self.c.sending.count == 0:
            nghttp2_session_terminate_session(self.c.session, NGHTTP2_NO_ERROR)
            session_pump(self)
        return 0

    cdef int check(self, int64_t now_ns) except -1:
        if self.closing:
            if self.transport is not None and now_ns - self.closing_since_ns > self.c.core.limits.drain_ns:
                self.abort()
        elif not self.c.usable and now_ns - self.opened_ns > self.c.core.limits.receive_ns:
            self.core.c.counters.timeouts += 1
            self.abort()
        elif self.c.dropped.first != NULL:
            ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        return 0

    def leave(self):
        """Take no new request; close when the open ones are answered."""
        self.core.round.begin()
        self.c.draining = 1
        link_refresh(&self.link.state)
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        self.core.round.finish()

    def cut(self):
        """Close now; requests the peer may have are in doubt until their timer."""
        self.abort()


def keep_alive(transport):
    """Let the kernel find out within about 15 s that a silent peer is gone; requests meanwhile end by their own timers."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
