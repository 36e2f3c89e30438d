"""The serving side of an HTTP/1.1 connection, over httptools: keep-alive, pipelining answered in order, 100-continue.

Owns the order of answers on one connection. A compatibility path: it makes Python objects for each request.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

import httptools

from ilprouter.bindings.http_kernel cimport (
    ilp_http_head_add,
    ilp_http_head_begin,
    ilp_http_head_count,
    ilp_http_head_decide,
    ilp_http_head_method,
    ilp_http_head_path,
)
from ilprouter.bindings.kernel cimport ilp_round_flush_later
from ilprouter.endpoints.http_core cimport HttpConnection, http_conn, http_stream
from ilprouter.endpoints.http_stream cimport (
    count_refusal,
    list_append,
    request_deliver,
    request_open,
    request_slot,
    stream_free,
    stream_receive,
)

cdef enum:
    SLICE_BYTES = 4096         # what the parser gets at once, so that an endless header line is noticed early
    HEADERS_FATAL = 4          # times the header limit at which reading stops

REASONS = {
    200: b"200 OK", 400: b"400 Bad Request", 401: b"401 Unauthorized", 403: b"403 Forbidden", 404: b"404 Not Found",
    405: b"405 Method Not Allowed", 413: b"413 Content Too Large", 415: b"415 Unsupported Media Type",
    431: b"431 Request Header Fields Too Large", 503: b"503 Service Unavailable",
}
EXTRA = {401: b"www-authenticate: Bearer\r\n", 405: b"allow: POST, GET, HEAD\r\n"}


cdef bytes head_of(int status, size_t length, bint close):
    return b"HTTP/1.1 %s\r\n%scontent-type: application/octet-stream\r\ncontent-length: %d\r\n%s\r\n" % (
        REASONS[status], EXTRA.get(status, b""), length, b"connection: close\r\n" if close else b"")


cdef class Http1Server:
    """Parser callbacks and the queue of answers of one connection. The queue is conn.waiting, in order of arrival."""

    def __cinit__(self, HttpConnection connection not None):
        self.connection = connection
        self.parser = httptools.HttpRequestParser(self)
        self.out = []

    cdef int feed(self, const uint8_t *data, size_t length) except -1:
        cdef http_conn *conn = &self.connection.c
        cdef size_t at = 0
        cdef size_t part
        while at < length and not self.ending:
            part = min(length - at, <size_t>SLICE_BYTES)
            self.moved = False
            try:
                self.parser.feed_data(PyBytes_FromStringAndSize(<const char *>data + at, part))
            except httptools.HttpParserUpgrade:
                self.ending = True       # the message itself is complete; another protocol is not offered
            except httptools.HttpParserCallbackError:
                raise
            except httptools.HttpParserError:
                if not self.ending:
                    self.fail(400)
            at += part
            self.stray = 0 if self.moved else self.stray + part
            if self.in_head and self.stray > conn.core.limits.header_bytes and not self.ending:
                self.fail(431)
        ilp_round_flush_later(conn.core.round, &conn.flusher)
        return 0

    cdef int fail(self, int status) except -1:
        """The request that is being read cannot be finished: answer it, after the answers still owed, and close."""
        cdef http_conn *conn = &self.connection.c
        if self.stream != NULL:
            stream_free(conn.core, self.stream)
            self.stream = NULL
        conn.head_since_ns = 0
        self.ending = True
        self.lingering = True
        return self.queue_refusal(status, True)

    cdef int queue_refusal(self, int status, bint close) except -1:
        """Put an answer without a packet behind those still owed."""
        cdef http_conn *conn = &self.connection.c
        cdef http_stream *stream = request_slot(conn, 0)
        if stream == NULL:
            self.connection.abort()
            return 0
        count_refusal(conn.core, status)
        stream.status = <unsigned short>status
        stream.answered = 1
        stream.close_after = close
        list_append(&conn.waiting, stream, conn.core.round.now_ns)
        return 0

    cdef void judge_url(self):
        if self.url is not None:
            ilp_http_head_path(&self.connection.c.head, <const uint8_t *>self.url, len(self.url))
            self.url = None

    def on_message_begin(self):
        """httptools: the first byte of a request."""
        cdef http_conn *conn = &self.connection.c
        self.moved = True
        if self.ending:
            return
        self.in_head = True
        self.refusal = 0
        self.discarded = 0
        self.url = b""
        conn.head_since_ns = conn.core.round.now_ns
        ilp_http_head_begin(&conn.head, conn.core.tokens, conn.core.limits.header_bytes, conn.core.limits.body_bytes)

    def on_url(self, bytes part not None):
        """httptools: a piece of the request target."""
        cdef http_conn *conn = &self.connection.c
        self.moved = True
        if self.ending:
            return
        if ilp_http_head_count(&conn.head, 0, len(part)):
            self.url += part
        elif conn.head.size > HEADERS_FATAL * conn.head.size_max:
            self.fail(431)

    def on_header(self, bytes name not None, bytes value not None):
        """httptools: one header; after the body it is a trailer and means nothing here."""
        cdef http_conn *conn = &self.connection.c
        self.moved = True
        if self.ending:
            return
        if self.in_head:
            self.judge_url()
            ilp_http_head_add(&conn.head, <const uint8_t *>name, len(name), <const uint8_t *>value, len(value))
        else:
            ilp_http_head_count(&conn.head, len(name), len(value))
        if conn.head.size > HEADERS_FATAL * conn.head.size_max:
            self.fail(431)

    def on_headers_complete(self):
        """httptools: the head is over; decide before the body arrives."""
        cdef http_conn *conn = &self.connection.c
        cdef bytes method = self.parser.get_method()
        self.moved = True
        self.in_head = False
        conn.head_since_ns = 0
        if self.ending:
            return
        self.judge_url()
        ilp_http_head_method(&conn.head, <const uint8_t *>method, len(method))
        self.refusal = ilp_http_head_decide(&conn.head)
        if self.refusal == 0:
            conn.authenticated = 1
            self.stream = request_open(conn, 0)
            if self.stream == NULL:
                self.fail(503)
            elif conn.head.expect_continue and conn.waiting.first == NULL:
                self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
        elif self.refusal == 413 or self.refusal == 431 or conn.head.expect_continue:
            # Whether and how much of a body follows is not known or not worth reading.
            self.fail(self.refusal)

    def on_body(self, bytes body not None):
        """httptools: a piece of the body, without chunk framing."""
        cdef http_conn *conn = &self.connection.c
        cdef int status = 0
        self.moved = True
        if self.ending:
            return
        if self.stream != NULL:
            status = stream_receive(conn.core, self.stream, <const uint8_t *>body, len(body), conn.core.limits.body_bytes)
        else:
            self.discarded += len(body)
            if self.discarded > conn.core.limits.body_bytes:
                status = 413
        if status != 0:
            self.fail(status)

    def on_message_complete(self):
        """httptools: the request is complete."""
        cdef http_conn *conn = &self.connection.c
        cdef http_stream *stream = self.stream
        cdef int status
        self.moved = True
        if self.ending:
            return
        self.ending = not self.parser.should_keep_alive()
        self.stream = NULL
        if stream == NULL:
            self.queue_refusal(self.refusal, self.ending)
            return
        stream.close_after = self.ending
        status = request_deliver(conn, stream)
        if status != 0:
            stream_free(conn.core, stream)
            self.queue_refusal(status, self.ending)
        if conn.waiting.count > conn.core.limits.pipelined and not self.stopped:
            self.stopped = True
            self.connection.transport.pause_reading()

    cdef int flush(self) except -1:
        """Write the answers at the head of the queue, up to the first that is still owed."""
        cdef http_conn *conn = &self.connection.c
        cdef http_stream *stream = conn.waiting.first
        cdef bint close = False
        if self.connection.paused:
            return 0
        while stream != NULL and stream.answered and not close:
            close = stream.close_after or (self.ending and conn.waiting.count == 1)
            if stream.outgoing == NULL:
                self.out.append(head_of(stream.status, 0, close))
            else:
                self.out.append(head_of(200, stream.outgoing.len, close))
                self.out.append(PyBytes_FromStringAndSize(
                    <const char *>stream.outgoing.data + stream.outgoing.offset, stream.outgoing.len))
                conn.core.counters.answers += 1
            stream_free(conn.core, stream)
            stream = conn.waiting.first
        if self.out:
            answers = b"".join(self.out)
            self.connection.write(answers, len(answers))
            self.out.clear()
        if close or (self.ending and conn.waiting.first == NULL and self.stream == NULL):
            self.end()
        elif self.stopped and conn.waiting.count * 2 <= conn.core.limits.pipelined:
            self.stopped = False
            self.connection.transport.resume_reading()
        return 0

    cdef void end(self):
        """Close. When the peer may still be sending, close our half first: a reset would destroy the answer on its way."""
        cdef http_conn *conn = &self.connection.c
        if self.lingering and self.connection.transport.can_write_eof():
            if conn.head_since_ns == 0:
                self.connection.transport.write_eof()
                conn.head_since_ns = conn.core.round.now_ns   # check() cuts the line when the peer does not close in time
        else:
            self.connection.close_soon()

    cdef void leave(self):
        """Answer what has come, then close."""
        self.ending = self.stream == NULL
        ilp_round_flush_later(self.connection.c.core.round, &self.connection.c.flusher)

    cdef void detach(self):
        self.parser = None
        self.stream = NULL
        self.connection = None
