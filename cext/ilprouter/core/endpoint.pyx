"""Round, Pool, Link and Endpoint: the seam between transports and the switch.

Owns the batch clock and the list of flushes that end a batch. Knows no socket, no packet field, no policy.
"""
from ilprouter.bindings.kernel cimport ilp_flusher, ilp_pool_free, ilp_pool_in_use, ilp_pool_new


cdef extern from "<time.h>" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *now)
    enum:
        CLOCK_BOOTTIME
        CLOCK_REALTIME


cdef class Pool:
    """Packet buffers of one event loop.

    small, large   number of buffers of 2 KiB and of 41.25 KiB; reserved as address space, touched on first use
    raises         MemoryError when the mapping fails
    """

    def __cinit__(self, unsigned int small=65536, unsigned int large=1024):
        self.c = ilp_pool_new(small, large)
        if self.c == NULL:
            raise MemoryError(f"cannot reserve {small} small and {large} large packet buffers")

    def __dealloc__(self):
        if self.c != NULL:
            ilp_pool_free(self.c)

    @property
    def in_use(self):
        """Buffers handed out; 0 at rest, or something leaks."""
        return ilp_pool_in_use(self.c)


cdef class Round:
    """One entry from the event loop: read the clocks, do a batch of work, flush once."""

    def __cinit__(self):
        self.after = None

    cdef void begin(self) noexcept nogil:
        cdef timespec boot
        cdef timespec wall
        clock_gettime(CLOCK_BOOTTIME, &boot)
        clock_gettime(CLOCK_REALTIME, &wall)
        self.c.now_ns = <int64_t>boot.tv_sec * 1_000_000_000 + boot.tv_nsec
        self.c.wall_offset_ns = <int64_t>wall.tv_sec * 1_000_000_000 + wall.tv_nsec - self.c.now_ns

    cdef int finish(self) except -1:
        cdef ilp_flusher *flusher
        # A flush may queue another one (a loopback answer makes a reply): go on until both lists are empty.
        while self.c.first != NULL or self.c.first_gil != NULL:
            with nogil:
                while self.c.first != NULL:
                    flusher = self.c.first
                    self.c.first = flusher.next
                    flusher.queued = 0
                    flusher.flush(flusher)
            while self.c.first_gil != NULL:
                flusher = self.c.first_gil
                self.c.first_gil = flusher.next
                flusher.queued = 0
                flusher.flush(flusher)
        if self.after is not None:
            self.after()
        return 0

    @property
    def now_ns(self):
        """CLOCK_BOOTTIME of the last batch, ns."""
        return self.c.now_ns


cdef class Receiver:
    """Whoever handles packets. Abstract: a subclass points `c` at its function table."""


cdef class Link:
    """One peer over an endpoint: what the switch sees of it."""

    def __cinit__(self, *args, **kwargs):
        self.c.up = 0
        self.c.room = 0

    @property
    def number(self):
        """Dense link number, given by the receiver that the link was attached to."""
        return self.c.number

    @property
    def up(self):
        """Can packets be sent to the peer now?"""
        return bool(self.c.up)

    @property
    def room(self):
        """How many more requests the link takes now; 0 means busy (T02)."""
        return self.c.room

    def attach(self, Receiver receiver, unsigned int number):
        """Deliver this link's packets to `receiver`, under the dense link number."""
        self.c.receiver = receiver.c
        self.c.number = number

    def counters(self):
        """Packets and bytes since start, as a dict of ints."""
        return {
            "prepares_in": self.c.prepares_in,
            "prepares_out": self.c.prepares_out,
            "fulfills_in": self.c.fulfills_in,
            "fulfills_out": self.c.fulfills_out,
            "rejects_in": self.c.rejects_in,
            "rejects_out": self.c.rejects_out,
            "bytes_in": self.c.bytes_in,
            "bytes_out": self.c.bytes_out,
            "fulfills_wrong": self.c.fulfills_wrong,
        }


cdef class Endpoint:
    """One transport with its sockets.

    round   shared by all endpoints of an event loop
    pool    shared packet buffers
    """

    def __cinit__(self, Round round not None, Pool pool not None, *args, **kwargs):
        self.round = round
        self.pool = pool

    async def open(self):
        """Bind and connect. Raises EndpointError with the address and the reason."""
        raise NotImplementedError

    async def close(self):
        """Release every socket. In-flight requests of peers are not answered any more."""
        raise NotImplementedError
