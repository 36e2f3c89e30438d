"""FrameLink: a Link driven by the kernel's frame engine (docs/link-protocol.md).

Owns the session of one link and the names of its counters. Knows no socket, no address and no datagram header.
"""
import os

from ilprouter.bindings.frames cimport (
    ILP_WINDOW_OPEN_MAX,
    ilp_session_clear,
    ilp_session_free,
    ilp_session_init,
    ilp_session_options,
)
from ilprouter.core.endpoint cimport Endpoint, Link


cdef class FrameLink(Link):
    """One peer behind link frames. Abstract: a transport's link calls begin_session and moves the frames."""

    cdef int begin_session(self, Endpoint endpoint, uint32_t in_flight, uint32_t open_max, uint32_t room) except -1:
        cdef ilp_session_options options
        if not 1 <= in_flight <= ILP_WINDOW_OPEN_MAX:
            raise ValueError(f"in_flight = {in_flight}; accepted: 1 to {ILP_WINDOW_OPEN_MAX}")
        if not 1 <= open_max <= ILP_WINDOW_OPEN_MAX:
            raise ValueError(f"open_max = {open_max}; accepted: 1 to {ILP_WINDOW_OPEN_MAX}")
        # Random numbers name the session and its PINGs: neither a restart nor a guess repeats one.
        options.local = int.from_bytes(os.urandom(8), "big") | 1
        options.seed = int.from_bytes(os.urandom(8), "big")
        options.in_flight = in_flight
        options.open_max = open_max
        options.room = room
        self.endpoint = endpoint
        if ilp_session_init(&self.session, &self.c, endpoint.pool.c, &endpoint.round.c, &options):
            raise MemoryError("no memory for the tables of a link")
        self.ready = True
        return 0

    def __dealloc__(self):
        if self.ready:
            ilp_session_clear(&self.session)
            ilp_session_free(&self.session)

    @property
    def session_id(self):
        """Our session number on this link."""
        return self.session.local

    @property
    def peer_session_id(self):
        """The peer's session number, 0 until it has proved fresh."""
        return self.session.remote

    @property
    def packet_max(self):
        """Largest Prepare the link carries, bytes; larger ones get T00."""
        return self.c.packet_max

    @property
    def open_requests(self):
        """(ours, the peer's): requests whose state is kept."""
        return self.session.out.used, self.session.c_in.used

    @property
    def round_trip_ns(self):
        """Smoothed (request to answer, answer to acknowledgement) times, ns; 0 before the first sample."""
        return self.session.request_rtt.srtt_ns, self.session.answer_rtt.srtt_ns

    def counters(self):
        """Packets and bytes since start, and what the frame engine saw, as a dict of ints. bytes_* count octets of frames."""
        counters = Link.counters(self)
        counters.update(self.session.counters)
        return counters
