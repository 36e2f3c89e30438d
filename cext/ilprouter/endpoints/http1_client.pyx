"""Http1Connection: one HTTP/1.1 connection to a peer that we ask; one request at a time, kept alive between them.

Owns the turn-taking on one connection. A compatibility path for peers without HTTP/2: it makes Python objects per request.
"""
import asyncio

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t

import httptools

from ilprouter.bindings.kernel cimport (
    ILP_BUFFER_LARGE,
    ILP_OK,
    ilp_buffer,
    ilp_pool_put,
    ilp_round_flush_later,
)
from ilprouter.endpoints.http_core cimport HttpConnection, HttpCore, http_stream
from ilprouter.endpoints.http_link cimport (
    HttpLink,
    call_answer,
    call_gone,
    link_assign,
    link_attach,
    link_detach,
    link_refresh,
)
from ilprouter.endpoints.http_stream cimport list_append, stream_receive

from ilprouter.endpoints.http_client import keep_alive

cdef enum:
    HEADERS_FATAL = 4          # times the header limit at which a response is cut


cdef class Http1Connection(HttpConnection):
    """One connection of a link; made by its dialer."""

    cdef HttpLink link
    cdef object parser
    cdef bytes head                    # request up to the value of content-length
    cdef http_stream *stream           # the request that is being answered; NULL: idle
    cdef readonly object ready         # Future[bool]: True when connected, False when the connection was lost first
    cdef readonly object closed        # Future[None]: done when the connection is lost
    cdef uint32_t head_bytes           # of the response that is being read

    def __cinit__(self, HttpCore core not None, HttpLink link not None):
        self.link = link
        self.c.link = &link.state
        self.head = link.http1_head()
        self.ready = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    cdef int opened(self) except -1:
        keep_alive(self.transport)
        self.parser = httptools.HttpResponseParser(self)
        if not link_attach(&self.link.state, &self.c):
            self.abort()
            return 0
        self.c.capacity = 1
        self.c.usable = 1
        link_assign(&self.link.state)
        link_refresh(&self.link.state)
        self.ready.set_result(True)
        return 0

    cdef int lost(self) except -1:
        self.stream = NULL
        self.parser = None
        with nogil:
            link_detach(&self.link.state, &self.c)
        if not self.ready.done():
            self.ready.set_result(False)
        if not self.closed.done():
            self.closed.set_result(None)
        return 0

    cdef int feed(self, const uint8_t *data, size_t length) except -1:
        if self.stream == NULL:
            self.stop()                # bytes nobody asked for: the peer and we no longer agree where an answer begins
            return 0
        if not self.in_body():
            self.head_bytes += <uint32_t>min(length, <size_t>1 << 20)
            if self.head_bytes > HEADERS_FATAL * self.c.core.limits.header_bytes + ILP_BUFFER_LARGE:
                self.stop()
                return 0
        try:
            self.parser.feed_data(PyBytes_FromStringAndSize(<const char *>data, length))
        except httptools.HttpParserCallbackError:
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.stop()
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        return 0

    cdef bint in_body(self):
        return self.stream.incoming != NULL

    cdef void stop(self):
        """Nothing on this connection can be trusted any more; its request, if any, is in doubt."""
        self.c.draining = 1
        link_refresh(&self.link.state)
        self.abort()

    cdef int flush(self) except -1:
        cdef http_stream *stream = self.c.ready.first
        cdef ilp_buffer *packet
        if self.closing:
            return 0
        if self.c.dropped.first != NULL:
            # HTTP/1.1 has no other way to cancel.
            self.core.c.counters.cancelled += 1
            self.stop()
            return 0
        if stream != NULL and self.stream == NULL:
            packet = stream.outgoing
            self.stream = stream
            self.head_bytes = 0
            list_append(&self.c.waiting, stream, self.c.core.round.now_ns)
            stream.outgoing = NULL
            request = self.head + b"%d\r\n\r\n" % packet.len + PyBytes_FromStringAndSize(
                <const char *>packet.data + packet.offset, packet.len)
            self.write(request, len(request))
            ilp_pool_put(self.c.core.pool, packet)
        elif self.c.draining and self.stream == NULL:
            self.close_soon()
        return 0

    def on_message_begin(self):
        """httptools: the first byte of an answer; one that nobody asked for ends the connection."""
        if self.stream == NULL and not self.closing:
            self.stop()

    def on_header(self, bytes name not None, bytes value not None):
        """httptools: one header; only the length is of interest, and the parser keeps that itself."""

    def on_body(self, bytes body not None):
        """httptools: a piece of the answer's body."""
        if self.stream == NULL or self.parser.get_status_code() != 200:
            return
        if self.stream.answered or self.stream.finished:
            return
        if stream_receive(self.c.core, self.stream, <const uint8_t *>body, len(body), ILP_BUFFER_LARGE) != 0:
            self.stream.status = 0
            call_answer(&self.c, self.stream)
            self.stop()

    def on_message_complete(self):
        """httptools: the answer is complete, and the connection free again."""
        cdef http_stream *stream = self.stream
        cdef unsigned short status = self.parser.get_status_code()
        if stream == NULL or self.closing or status < 200:
            return
        if not self.parser.should_keep_alive():
            self.c.draining = 1
        stream.status = status
        call_answer(&self.c, stream)
        self.stream = NULL
        call_gone(&self.c, stream, ILP_OK)

    cdef int check(self, int64_t now_ns) except -1:
        if self.closing and self.transport is not None and now_ns - self.closing_since_ns > self.c.core.limits.drain_ns:
            self.abort()
        return 0

    def leave(self):
        """Take no new request; close when the open one is answered."""
        self.core.round.begin()
        self.c.draining = 1
        link_refresh(&self.link.state)
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        self.core.round.finish()

    def cut(self):
        """Close now; a request the peer may have is in doubt until its timer."""
        self.abort()
