# One connection of a peer that asks us: HTTP/2 by its preface, HTTP/1.1 otherwise. Never an ILP packet.
from libc.stdint cimport uint8_t

from ilprouter.endpoints.http_core cimport HttpConnection


cdef class ServerConnection(HttpConnection):
    cdef uint8_t opening[24]   # the first bytes, until they tell the version of HTTP
    cdef unsigned int opening_len
    cdef object http1          # Http1Server, or None
