# Round, Pool, Link and Endpoint: all that a transport may import from the router. Never a socket.
from libc.stdint cimport int64_t, uint64_t

from ilprouter.bindings.kernel cimport ilp_link, ilp_pool, ilp_receiver, ilp_round


cdef class Pool:
    cdef ilp_pool *c


cdef class Round:
    cdef ilp_round c
    cdef public object after         # callable() run with the GIL after each finished round, or None
    cdef void begin(self) noexcept nogil   # reads the clocks; call first on each entry from the event loop
    cdef int finish(self) except -1  # flushes what was queued, then calls `after`; call last


cdef class Receiver:
    # Whoever handles packets: the switch, a generator, a test. Subclasses fill `c`.
    cdef ilp_receiver *c


cdef class Link:
    # One peer over an endpoint. Subclasses fill c.ops, c.owner, c.packet_max and keep c.up and c.room.
    cdef ilp_link c
    cdef readonly str name


cdef class Endpoint:
    # One transport with its sockets. Subclasses implement open, close, and add_link for their own Link class.
    cdef readonly Round round
    cdef readonly Pool pool
