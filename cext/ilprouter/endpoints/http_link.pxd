# One peer over HTTP: requests waiting for a connection, requests in flight, and what the switch sees of both.
from ilprouter.core.endpoint cimport Link
from ilprouter.endpoints.http_core cimport HttpCore, http_conn, http_link, http_stream


cdef void link_refresh(http_link *link) noexcept nogil
cdef void link_assign(http_link *link) noexcept nogil
cdef bint link_attach(http_link *link, http_conn *conn) noexcept nogil
cdef void link_detach(http_link *link, http_conn *conn) noexcept nogil
cdef void call_answer(http_conn *conn, http_stream *stream) noexcept nogil
cdef void call_fail(http_stream *stream, int status) noexcept nogil
cdef void call_gone(http_conn *conn, http_stream *stream, int status) noexcept nogil


cdef class HttpLink(Link):
    cdef http_link state
    cdef HttpCore core
    cdef bytes name_bytes
    cdef list texts            # keeps the header values alive that state.request points to
    cdef readonly str url
    cdef readonly bint http1
    cdef int header(self, unsigned int at, bytes key, bytes value) except -1
    cdef object dialer         # callable(): more connections are wanted
