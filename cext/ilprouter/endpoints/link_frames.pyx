"""FrameLink: a Link driven by the kernel's frame engine (docs/link-protocol.md).

Owns the session of one link and the names of its counters. Knows no socket, no address and no datagram header.
"""
import os

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ilprouter.bindings.frames cimport (
    ILP_DATAGRAM_HEADER,
    ILP_FRAME_ACK,
    ILP_FRAME_ACK_RANGE,
    ILP_FRAME_ANS,
    ILP_FRAME_CLOSE,
    ILP_FRAME_LOW,
    ILP_FRAME_PING,
    ILP_FRAME_PONG,
    ILP_FRAME_REQ,
    ILP_FRAMES_OK,
    ILP_FRAMES_UNKNOWN,
    ILP_WINDOW_OPEN_MAX,
    ilp_datagram_header,
    ilp_datagram_parse,
    ilp_frame,
    ilp_frame_ack_range,
    ilp_frame_next,
    ilp_frames_check,
    ilp_requester_room,
    ilp_session_clear,
    ilp_session_free,
    ilp_session_init,
    ilp_session_options,
)
from ilprouter.bindings.kernel cimport ILP_INVALID_PACKET
from ilprouter.core.endpoint cimport Endpoint, Link

from ilprouter.errors import RemoteProtocolError

NAMES = {
    ILP_FRAME_REQ: "REQ",
    ILP_FRAME_ANS: "ANS",
    ILP_FRAME_ACK: "ACK",
    ILP_FRAME_LOW: "LOW",
    ILP_FRAME_PING: "PING",
    ILP_FRAME_PONG: "PONG",
    ILP_FRAME_CLOSE: "CLOSE",
}


def decode_datagram(bytes datagram not None):
    """Take a plain datagram apart, for tools and tests; the packet path does not come by here.

    returns   (sender's session, receiver's session, [(frame name, value)]). The value is (id, packet) for REQ and ANS,
              [(first id, count)] for ACK, the id for LOW, the time for PING and PONG, the reason for CLOSE
    raises    RemoteProtocolError for a datagram that an endpoint would drop
    source    docs/link-protocol.md
    """
    cdef ilp_datagram_header header
    cdef ilp_frame frame
    cdef const uint8_t *at = <const uint8_t *>datagram
    cdef const uint8_t *end = at + len(datagram)
    cdef uint64_t first
    cdef uint32_t i, count
    cdef int verdict
    if not ilp_datagram_parse(at, len(datagram), &header):
        raise RemoteProtocolError("not a plain datagram", ILP_INVALID_PACKET)
    at += ILP_DATAGRAM_HEADER
    verdict = ilp_frames_check(at, end - at)
    if verdict != ILP_FRAMES_OK:
        reason = "an unknown mandatory frame" if verdict == ILP_FRAMES_UNKNOWN else "a malformed frame"
        raise RemoteProtocolError(reason, ILP_INVALID_PACKET)
    frames = []
    while ilp_frame_next(&at, end, &frame):
        if frame.type in (ILP_FRAME_REQ, ILP_FRAME_ANS):
            value = (frame.id, frame.body_view[:frame.len])
        elif frame.type == ILP_FRAME_ACK:
            value = []
            for i in range(frame.len // ILP_FRAME_ACK_RANGE):
                count = ilp_frame_ack_range(frame.body_view, i, &first)
                value.append((first, count))
        elif frame.type == ILP_FRAME_CLOSE:
            value = frame.body_view[0]
        else:
            value = frame.id
        frames.append((NAMES[frame.type], value))
    return header.sender, header.receiver, frames


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

    def set_in_flight(self, uint32_t in_flight, uint32_t open_max):
        """Change the bounds of open requests, ours and the peer's, while the link works.

        What is open already beyond a lower bound stays; new requests wait until it is over. Raises ValueError out of range.
        """
        if not (1 <= in_flight <= ILP_WINDOW_OPEN_MAX and 1 <= open_max <= ILP_WINDOW_OPEN_MAX):
            raise ValueError(f"in_flight = {in_flight}, open_max = {open_max}; accepted: 1 to {ILP_WINDOW_OPEN_MAX}")
        self.session.in_flight = in_flight
        self.session.out.open_max = in_flight
        self.session.c_in.open_max = open_max
        ilp_requester_room(&self.session)

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
