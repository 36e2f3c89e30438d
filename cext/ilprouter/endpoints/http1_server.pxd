# The serving side of an HTTP/1.1 connection. Never a socket, never an ILP packet.
from libc.stdint cimport uint8_t

from ilprouter.endpoints.http_core cimport HttpConnection, http_stream


cdef class Http1Server:
    cdef HttpConnection connection
    cdef object parser         # httptools.HttpRequestParser
    cdef list out              # bytes to write with this flush
    cdef bytes url             # of the head that is being read; None once it is judged
    cdef http_stream *stream   # the request whose body is being read
    cdef int refusal           # status to answer the request that is being read; 0: its body becomes a packet
    cdef size_t discarded      # body bytes of a refused request
    cdef bint in_head
    cdef bint moved            # a callback ran since the last slice
    cdef size_t stray          # bytes of an unfinished line of the head
    cdef bint ending           # no further request is read
    cdef bint lingering        # our side is closed; the peer's bytes are thrown away until it closes too
    cdef bint stopped          # the transport is told not to read: too many requests are queued
    cdef int feed(self, const uint8_t *data, size_t length) except -1
    cdef int flush(self) except -1
    cdef int fail(self, int status) except -1
    cdef int queue_refusal(self, int status, bint close) except -1
    cdef void judge_url(self)
    cdef void end(self)
    cdef void detach(self)
    cdef void leave(self)
