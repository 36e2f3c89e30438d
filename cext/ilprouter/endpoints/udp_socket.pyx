"""UdpSocket: the compiled loop of the UDP endpoint, from a readable socket to frames and back.

Owns the known addresses, the links with something to write and the links that need ticks. It must not know ILP, nor how the
socket was opened: ilprouter/endpoints/udp.py does that, and lends the descriptor.
"""
import os

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from ilprouter.bindings.frames cimport (
    ILP_DATAGRAM_HEADER,
    ILP_SESSION_MALFORMED,
    ILP_SESSION_NOT_YET,
    ILP_SESSION_STALE,
    ILP_SESSION_UNKNOWN,
    UDP_PAYLOAD_MAX,
    UDP_RECEIVE_MESSAGES,
    ilp_datagram_header,
    ilp_datagram_parse,
    ilp_datagram_write,
    ilp_session,
    ilp_session_busy,
    ilp_session_clear,
    ilp_session_fill,
    ilp_session_receive,
    ilp_session_start,
    ilp_session_stop,
    ilp_session_tick,
    ilp_session_wants,
    udp_address,
    udp_address_set,
    udp_message,
    udp_receive,
    udp_receiver,
    udp_receiver_free,
    udp_receiver_message,
    udp_receiver_new,
    udp_receiver_overflow,
    udp_send,
    udp_sender,
    udp_sender_add,
    udp_sender_end_run,
    udp_sender_free,
    udp_sender_init,
    udp_sender_space,
    udp_table,
    udp_table_add,
    udp_table_find,
    udp_table_free,
    udp_table_init,
    udp_table_remove,
)
from ilprouter.bindings.kernel cimport ilp_flusher, ilp_round, ilp_round_flush_later
from ilprouter.core.endpoint cimport Endpoint
from ilprouter.endpoints.link_frames cimport FrameLink

from ilprouter.errors import EndpointError

# One entry from the event loop reads at most this much, so that timers and other sockets get their turn.
cdef enum:
    READ_CALLS = 4
    READ_BYTES = 1 << 20

cdef struct udp_peer:
    ilp_session *session
    udp_core *core
    udp_address address
    udp_peer *dirty_next
    udp_peer *active_next
    uint8_t dirty                  # in the list of links that may have something to write
    uint8_t active                 # in the list of links that need ticks

cdef struct udp_wish:
    ilp_flusher flusher            # asks for the GIL at the end of the round
    void *owner                    # the UdpSocket

cdef struct udp_counts:
    uint64_t datagrams
    uint64_t messages
    uint64_t unknown_sender        # from an address that is no link's: dropped, nothing is sent back
    uint64_t malformed
    uint64_t unknown_frame
    uint64_t stale
    uint64_t not_yet
    uint64_t receive_errors
    uint64_t blocked               # times the socket took no more and a flush had to wait

cdef struct udp_core:
    ilp_flusher flusher            # first: the flush callback finds the core by it
    udp_wish wish
    ilp_round *round
    int fd
    uint8_t blocked                # waiting for the socket to become writable
    uint8_t ticking                # the fast timer runs, or was asked for
    udp_table table
    udp_receiver *receiver
    udp_sender sender
    udp_peer *dirty_first
    udp_peer *dirty_last
    udp_peer *active_first
    udp_counts counts


cdef class UdpLink(FrameLink):
    """A peer at one address. Made by UdpEndpoint.add_link.

    remote   "host:port" of the peer
    """

    cdef udp_peer peer
    cdef readonly str remote

    def __cinit__(self, UdpSocket endpoint not None, str name not None, str remote not None, bytes host not None,
                  uint16_t port, uint32_t in_flight, uint32_t open_max):
        self.name = name
        self.remote = remote
        if udp_address_set(&self.peer.address, host, port):
            raise EndpointError(f"{remote} is not a numeric address with a port")
        self.begin_session(endpoint, in_flight, open_max, endpoint.core.sender.payload_size - ILP_DATAGRAM_HEADER)
        self.peer.session = &self.session
        self.peer.core = &endpoint.core
        self.session.owner = &self.peer
        self.session.wake = wake


cdef class UdpSocket(Endpoint):
    """The compiled half of UdpEndpoint. Subclasses provide on_blocked() and on_active(), called when a round ends."""

    cdef udp_core core
    cdef dict by_name

    def __cinit__(self, *args, payload_size=1200, **kwargs):
        memset(&self.core, 0, sizeof(udp_core))
        self.core.fd = -1
        self.by_name = {}
        self.core.round = &self.round.c
        self.core.flusher.flush = flush
        self.core.wish.flusher.flush = grant
        self.core.wish.flusher.needs_gil = 1
        self.core.wish.owner = <void *>self
        if not 600 <= payload_size <= UDP_PAYLOAD_MAX:
            raise ValueError(f"payload_size = {payload_size}; accepted: 600 to {UDP_PAYLOAD_MAX}")
        if udp_table_init(&self.core.table, int.from_bytes(os.urandom(8), "big")):
            raise MemoryError("no memory for the table of addresses")
        self.core.receiver = udp_receiver_new()
        if self.core.receiver == NULL or udp_sender_init(&self.core.sender, payload_size, False):
            raise MemoryError("no memory for the areas of a UDP socket")

    def __dealloc__(self):
        udp_table_free(&self.core.table)
        udp_receiver_free(self.core.receiver)
        udp_sender_free(&self.core.sender)

    @property
    def links(self):
        """The links by name."""
        return dict(self.by_name)

    def start(self, int fd, bint gso):
        """Use this non-blocking socket from now on, and greet every peer."""
        self.core.fd = fd
        self.core.sender.gso = gso
        self.round.begin()
        for link in self.by_name.values():
            ilp_session_start(&(<UdpLink>link).session)
        self.round.finish()

    def stop(self):
        """Say CLOSE to every peer, forget all requests, and use the socket no more."""
        self.round.begin()
        for link in self.by_name.values():
            ilp_session_stop(&(<UdpLink>link).session)
        self.round.finish()
        self.core.fd = -1
        for name in list(self.by_name):
            self.drop(name)

    def admit(self, UdpLink link not None):
        """Take datagrams from the link's address. Raises EndpointError when its name or address is taken already."""
        if link.name in self.by_name:
            raise EndpointError(f"there is a UDP link named {link.name} already")
        if udp_table_find(&self.core.table, &link.peer.address) != NULL:
            raise EndpointError(f"another UDP link has the address {link.remote} already")
        if udp_table_add(&self.core.table, &link.peer.address, &link.peer):
            raise MemoryError("no memory for the table of addresses")
        self.by_name[link.name] = link
        if self.core.fd >= 0:
            self.round.begin()
            ilp_session_start(&link.session)
            self.round.finish()

    def remove_link(self, str name not None):
        """Say CLOSE to a peer and forget it; its open requests get no answer any more. Raises KeyError for an unknown name."""
        cdef UdpLink link = self.by_name[name]
        self.round.begin()
        ilp_session_stop(&link.session)
        self.round.finish()
        self.drop(name)

    cdef int drop(self, str name) except -1:
        cdef UdpLink link = self.by_name.pop(name)
        udp_table_remove(&self.core.table, &link.peer.address)
        unlist(&self.core, &link.peer)
        ilp_session_clear(&link.session)
        return 0

    def readable(self):
        """The event loop says: there is something to read."""
        self.round.begin()
        with nogil:
            read_datagrams(&self.core)
        self.round.finish()

    def writable(self):
        """The event loop says: the socket takes datagrams again. False while it is still full."""
        self.round.begin()
        self.core.blocked = 0
        ilp_round_flush_later(self.core.round, &self.core.flusher)
        self.round.finish()
        return not self.core.blocked

    def tick(self, bint everyone):
        """Resend and ping what is due. True while some link needs the next tick within milliseconds.

        everyone   also the links with nothing open: to notice silence, at least twice a second
        """
        self.round.begin()
        if everyone:
            for link in self.by_name.values():
                ilp_session_tick(&(<UdpLink>link).session)
        with nogil:
            tick_active(&self.core)
        self.round.finish()
        self.core.ticking = self.core.active_first != NULL
        return bool(self.core.ticking)

    def counters(self):
        """What the socket saw since start, as a dict of ints; each link has its own."""
        counters = dict(self.core.counts)
        counters["kernel_drops"] = udp_receiver_overflow(self.core.receiver)
        counters["datagrams_out"] = self.core.sender.datagrams
        counters["messages_out"] = self.core.sender.messages
        counters["padding_out"] = self.core.sender.padding
        counters["send_errors"] = self.core.sender.errors
        counters["gso_fallbacks"] = self.core.sender.fallbacks
        counters["gso"] = self.core.sender.gso
        return counters


cdef void wake(ilp_session *session) noexcept nogil:
    cdef udp_peer *peer = <udp_peer *>session.owner
    cdef udp_core *core = peer.core
    if not peer.dirty:
        peer.dirty = 1
        peer.dirty_next = NULL
        if core.dirty_last != NULL:
            core.dirty_last.dirty_next = peer
        else:
            core.dirty_first = peer
        core.dirty_last = peer
    ilp_round_flush_later(core.round, &core.flusher)
    if not peer.active:
        peer.active = 1
        peer.active_next = core.active_first
        core.active_first = peer
        if not core.ticking:
            core.ticking = 1
            ilp_round_flush_later(core.round, &core.wish.flusher)


cdef void unlist(udp_core *core, udp_peer *peer) noexcept nogil:
    """Take a peer out of both lists; they are short, and links are seldom removed."""
    cdef udp_peer **at = &core.active_first
    cdef udp_peer *before = NULL
    cdef udp_peer *each = core.dirty_first
    while at[0] != NULL:
        if at[0] == peer:
            at[0] = peer.active_next
            break
        at = &at[0].active_next
    while each != NULL and each != peer:
        before = each
        each = each.dirty_next
    if each != NULL:
        if before == NULL:
            core.dirty_first = peer.dirty_next
        else:
            before.dirty_next = peer.dirty_next
        if core.dirty_last == peer:
            core.dirty_last = before
    peer.active = 0
    peer.dirty = 0


cdef void read_datagrams(udp_core *core) noexcept nogil:
    cdef udp_message message
    cdef udp_peer *peer
    cdef uint64_t taken = 0
    cdef uint32_t at, size
    cdef int count, i, _call
    for _call in range(READ_CALLS):
        count = udp_receive(core.receiver, core.fd)
        if count < 0:
            core.counts.receive_errors += 1
            return
        for i in range(count):
            message = udp_receiver_message(core.receiver, i)
            core.counts.messages += 1
            peer = <udp_peer *>udp_table_find(&core.table, message.address)
            if peer == NULL:
                core.counts.unknown_sender += 1
                continue
            taken += message.len
            at = 0
            while at < message.len:
                size = message.segment if message.len - at > message.segment else message.len - at
                take_datagram(core, peer, message.data_view + at, size)
                at += size
        if count < UDP_RECEIVE_MESSAGES or taken >= READ_BYTES:
            return


cdef void take_datagram(udp_core *core, udp_peer *peer, const uint8_t *datagram, uint32_t size) noexcept nogil:
    cdef ilp_datagram_header header
    cdef int verdict
    core.counts.datagrams += 1
    if not ilp_datagram_parse(datagram, size, &header):
        core.counts.malformed += 1
        return
    verdict = ilp_session_receive(
        peer.session, header.sender, header.receiver, datagram + ILP_DATAGRAM_HEADER, size - ILP_DATAGRAM_HEADER
    )
    if verdict == ILP_SESSION_MALFORMED:
        core.counts.malformed += 1
    elif verdict == ILP_SESSION_UNKNOWN:
        core.counts.unknown_frame += 1
    elif verdict == ILP_SESSION_STALE:
        core.counts.stale += 1
    elif verdict == ILP_SESSION_NOT_YET:
        core.counts.not_yet += 1


cdef bint send_now(udp_core *core) noexcept nogil:
    """True when everything added is gone; else the socket is full and the event loop must say when it is not."""
    if udp_send(&core.sender, core.fd) == 0:
        return True
    core.blocked = 1
    core.counts.blocked += 1
    ilp_round_flush_later(core.round, &core.wish.flusher)
    return False


cdef bint write_peer(udp_core *core, udp_peer *peer) noexcept nogil:
    """Pack all that the link has to say into datagrams. False when the socket is full before that."""
    cdef udp_sender *sender = &core.sender
    cdef uint64_t receiver
    cdef uint8_t *out
    cdef size_t size, cap
    udp_sender_end_run(sender)
    while ilp_session_wants(peer.session):
        out = udp_sender_space(sender)
        if out == NULL:
            if not send_now(core):
                return False
            continue
        cap = sender.segment if sender.segment else sender.payload_size
        size = ilp_session_fill(
            peer.session, out + ILP_DATAGRAM_HEADER, cap - ILP_DATAGRAM_HEADER, UDP_PAYLOAD_MAX - ILP_DATAGRAM_HEADER, &receiver
        )
        if size == 0:
            if not sender.segment:
                break
            udp_sender_end_run(sender)  # what comes next is larger than the run's datagrams
            continue
        size += ILP_DATAGRAM_HEADER
        if size > cap:
            udp_sender_end_run(sender)
        ilp_datagram_write(out, peer.session.local, receiver)
        udp_sender_add(sender, &peer.address, size, ilp_session_wants(peer.session))
    return True


cdef void flush(ilp_flusher *flusher) noexcept nogil:
    cdef udp_core *core = <udp_core *>flusher
    cdef udp_peer *peer
    if core.fd < 0 or core.blocked:
        return
    if core.sender.count and not send_now(core):
        return
    while core.dirty_first != NULL:
        peer = core.dirty_first
        if not write_peer(core, peer):
            return
        core.dirty_first = peer.dirty_next
        if core.dirty_first == NULL:
            core.dirty_last = NULL
        peer.dirty = 0
    send_now(core)


cdef void tick_active(udp_core *core) noexcept nogil:
    cdef udp_peer **at = &core.active_first
    cdef udp_peer *peer
    while at[0] != NULL:
        peer = at[0]
        ilp_session_tick(peer.session)
        if ilp_session_busy(peer.session):
            at = &peer.active_next
        else:
            peer.active = 0
            at[0] = peer.active_next


cdef void grant(ilp_flusher *flusher) noexcept with gil:
    """The round ends with the GIL held: let Python start the timer or wait for the socket."""
    cdef udp_wish *wish = <udp_wish *>flusher
    cdef UdpSocket self = <UdpSocket>wish.owner
    if self.core.blocked:
        self.on_blocked()
    if self.core.ticking:
        self.on_active()
