# Requests that carry a Request-Id: forwarded once, answered as often as they are asked. Never a frame, never an ILP packet.
from ilprouter.bindings.kernel cimport ilp_buffer
from ilprouter.endpoints.http_core cimport http_conn, http_core, http_stream

cdef enum:
    REQUEST_NEW = -1     # not known so far: deliver it


cdef int repeat_check(http_conn *conn, http_stream *stream, const ilp_buffer *body) noexcept nogil
cdef void repeat_answered(http_core *core, http_stream *stream, const ilp_buffer *answer) noexcept nogil
cdef void repeat_leave(http_stream *stream) noexcept nogil
