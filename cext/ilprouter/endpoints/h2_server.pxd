# The serving side of an HTTP/2 connection. Never a socket, never an ILP packet.
from ilprouter.endpoints.http_core cimport http_conn


cdef int server_session(http_conn *conn) except -1
cdef void server_answer_ready(http_conn *conn) noexcept nogil
