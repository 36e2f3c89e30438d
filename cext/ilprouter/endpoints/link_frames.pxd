# A link that speaks link frames, for any transport that can carry them: plain UDP now, sealed UDP and QUIC streams later.
from libc.stdint cimport uint32_t

from ilprouter.bindings.frames cimport ilp_session
from ilprouter.core.endpoint cimport Endpoint, Link


cdef class FrameLink(Link):
    cdef ilp_session session
    cdef bint ready              # session was initialised: it must be freed
    cdef readonly Endpoint endpoint  # keeps the pool and the round alive
    # Must be called once, before the link is used. `room`: octets of frames in one datagram.
    cdef int begin_session(self, Endpoint endpoint, uint32_t in_flight, uint32_t open_max, uint32_t room) except -1
