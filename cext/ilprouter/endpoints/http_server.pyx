# distutils: libraries = nghttp2
"""ServerConnection: a connection of a peer that asks us. HTTP/2 by its preface, HTTP/1.1 otherwise, on one port.

Owns the choice of version and every deadline of a connection. Knows no frame, no header, no ILP packet.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memcpy

from ilprouter.bindings.kernel cimport ilp_round_flush_later
from ilprouter.bindings.nghttp2 cimport (
    NGHTTP2_FLAG_NONE,
    NGHTTP2_NO_ERROR,
    nghttp2_session_del,
    nghttp2_session_get_last_proc_stream_id,
    nghttp2_submit_goaway,
    nghttp2_submit_shutdown_notice,
)
from ilprouter.endpoints.h2_server cimport server_answer_ready, server_session
from ilprouter.endpoints.h2_session cimport session_feed, session_pump
from ilprouter.endpoints.http1_server cimport Http1Server
from ilprouter.endpoints.http_core cimport HttpConnection, http_conn, http_list
from ilprouter.endpoints.http_stream cimport request_abandon

cdef enum:
    OPENING_BYTES = 3          # "PRI" begins no method that a peer could use here

cdef const uint8_t *PREFACE = b"PRI"


cdef void abandon_all(http_conn *conn, http_list *list) noexcept nogil:
    while list.first != NULL:
        request_abandon(conn, list.first)


cdef class ServerConnection(HttpConnection):
    """One accepted connection."""

    cdef int opened(self) except -1:
        peer = self.transport.get_extra_info("peername")
        self.source = peer[0] if isinstance(peer, tuple) else ""
        if not self.core.admit(self.source):
            self.source = None
            self.abort()
        return 0

    cdef int lost(self) except -1:
        cdef http_conn *conn = &self.c
        if self.source is not None:
            self.core.dismiss(self.source)
        with nogil:
            abandon_all(conn, &conn.receiving)
            abandon_all(conn, &conn.waiting)
            abandon_all(conn, &conn.ready)
            abandon_all(conn, &conn.sending)
            if conn.session != NULL:
                nghttp2_session_del(conn.session)
                conn.session = NULL
        if self.http1 is not None:
            (<Http1Server>self.http1).detach()
            self.http1 = None
        return 0

    cdef int feed(self, const uint8_t *data, size_t length) except -1:
        cdef bint alive
        cdef size_t part
        if self.c.session != NULL:
            with nogil:
                alive = session_feed(&self.c, data, length)
            if not alive:
                self.abort()
            ilp_round_flush_later(self.c.core.round, &self.c.flusher)
            return 0
        if self.http1 is not None:
            return (<Http1Server>self.http1).feed(data, length)
        part = min(length, sizeof(self.opening) - self.opening_len)
        memcpy(self.opening + self.opening_len, data, part)
        self.opening_len += <unsigned int>part
        part = self.opening_len - part       # bytes of earlier reads, which the chosen side has not seen
        if memcmp(self.opening, PREFACE, min(self.opening_len, <unsigned int>OPENING_BYTES)) != 0:
            self.http1 = Http1Server(self)
            self.c.in_order = 1
        elif self.opening_len < OPENING_BYTES:
            return 0
        else:
            server_session(&self.c)
        if part:
            self.feed(self.opening, part)
        return self.feed(data, length)

    cdef int flush(self) except -1:
        if self.closing:
            return 0
        if self.c.session != NULL:
            with nogil:
                server_answer_ready(&self.c)
            return session_pump(self)
        if self.http1 is not None:
            return (<Http1Server>self.http1).flush()
        return 0

    cdef int check(self, int64_t now_ns) except -1:
        """Cut a connection whose peer is late: with its opening, its headers, its body, or with taking an answer."""
        cdef http_conn *conn = &self.c
        cdef int64_t receive_ns = conn.core.limits.receive_ns
        cdef int64_t drain_ns = conn.core.limits.drain_ns
        cdef bint late
        if self.closing:
            if self.transport is not None and now_ns - self.closing_since_ns > drain_ns:
                self.abort()
            return 0
        late = conn.session == NULL and self.http1 is None and now_ns - self.opened_ns > receive_ns
        late = late or (conn.head_since_ns != 0 and now_ns - conn.head_since_ns > receive_ns)
        late = late or (conn.receiving.first != NULL and now_ns - conn.receiving.first.since_ns > receive_ns)
        late = late or (conn.sending.first != NULL and now_ns - conn.sending.first.since_ns > drain_ns)
        late = late or (self.paused and now_ns - self.paused_since_ns > drain_ns)
        # Peers that never showed a token do not keep a connection for nothing.
        late = late or (not conn.authenticated and now_ns - self.opened_ns > conn.core.limits.idle_ns)
        if late:
            conn.core.counters.timeouts += 1
            self.abort()
        return 0

    def announce_close(self):
        """Tell the peer to take its next requests elsewhere; those it has sent are still answered."""
        if self.closing:
            return
        self.core.round.begin()
        if self.c.session != NULL:
            nghttp2_submit_shutdown_notice(self.c.session)
            ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        elif self.http1 is not None:
            (<Http1Server>self.http1).leave()
        else:
            self.close_soon()
        self.core.round.finish()

    def finish_close(self):
        """Accept no further request; close once the open ones are answered."""
        if self.closing:
            return
        self.core.round.begin()
        if self.c.session != NULL:
            nghttp2_submit_goaway(
                self.c.session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(self.c.session),
                NGHTTP2_NO_ERROR, NULL, 0)
            ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        self.core.round.finish()

    def cut(self):
        """Close now. Requests that were delivered are still decided, but their answers find nobody."""
        self.abort()
