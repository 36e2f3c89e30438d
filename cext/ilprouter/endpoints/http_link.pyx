"""HttpLink: one peer over HTTP, asked over several connections and asking over its tokens.

Owns which connection a Prepare takes, how much room there is, and when a request is over. Knows no frame and no socket.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from ilprouter.bindings.http_kernel cimport ilp_slot_name, ilp_slots_find, ilp_slots_get
from ilprouter.bindings.kernel cimport (
    ILP_BAD_REQUEST,
    ILP_CONNECTOR_BUSY,
    ILP_INTERNAL_ERROR,
    ILP_INVALID_ANSWER,
    ILP_OK,
    ILP_PEER_BUSY,
    ILP_PEER_UNREACHABLE,
    ilp_buffer,
    ilp_flusher,
    ilp_link,
    ilp_link_ops,
    ilp_round_flush_later,
)
from ilprouter.bindings.nghttp2 cimport NGHTTP2_NV_FLAG_NO_COPY_NAME, NGHTTP2_NV_FLAG_NO_COPY_VALUE
from ilprouter.endpoints.http_core cimport CONNECTIONS_PER_LINK, http_core
from ilprouter.endpoints.http_stream cimport list_append, list_remove, reply, stream_free

PACKET_MAX = 40_000  # what the strictest common server reads (interledger-rs); every legal Prepare fits


cdef inline uint32_t conn_open(http_conn *conn) noexcept nogil:
    return conn.ready.count + conn.waiting.count + conn.dropped.count + conn.sending.count


cdef inline bint conn_takes(http_conn *conn) noexcept nogil:
    return conn.usable and not conn.draining and conn_open(conn) < conn.capacity


cdef void link_refresh(http_link *link) noexcept nogil:
    """Bring `up` and `room` in line with the connections; wake the dialer when more of them are wanted."""
    cdef uint64_t spare = link.promised
    cdef uint64_t capacity = 0
    cdef bint usable = False
    cdef uint32_t at
    cdef http_conn *conn
    for at in range(link.conns_count):
        conn = link.conns[at]
        if conn.usable and not conn.draining:
            usable = True
            capacity += conn.capacity
            if conn_open(conn) < conn.capacity:
                spare += conn.capacity - conn_open(conn)
    link.link.up = usable or link.promised > 0
    spare = spare - link.waiting.count if spare > link.waiting.count else 0
    if link.in_flight >= link.in_flight_max:
        spare = 0
    elif spare > link.in_flight_max - link.in_flight:
        spare = link.in_flight_max - link.in_flight
    link.link.room = <uint32_t>spare
    # A quarter of the streams is kept in reserve, so that the next connection is up before the last stream is taken.
    if not link.wanted and link.conns_count < link.conns_max and (not usable or spare * 4 < capacity):
        link.wanted = 1
        ilp_round_flush_later(link.core.round, &link.flusher)


cdef void link_assign(http_link *link) noexcept nogil:
    """Give waiting requests to connections that take them, oldest first."""
    cdef uint32_t at = 0
    cdef http_stream *stream
    cdef http_conn *conn
    while link.waiting.first != NULL and at < link.conns_count:
        conn = link.conns[at]
        if not conn_takes(conn):
            at += 1
            continue
        stream = link.waiting.first
        stream.conn = conn
        list_append(&conn.ready, stream, link.core.round.now_ns)
        ilp_round_flush_later(link.core.round, &conn.flusher)


cdef bint link_attach(http_link *link, http_conn *conn) noexcept nogil:
    if link.conns_count >= CONNECTIONS_PER_LINK:
        return False
    link.conns[link.conns_count] = conn
    link.conns_count += 1
    return True


cdef void link_detach(http_link *link, http_conn *conn) noexcept nogil:
    """The connection is lost. Requests not framed yet have failed; those the peer may have are in doubt until their timer."""
    cdef uint32_t at
    for at in range(link.conns_count):
        if link.conns[at] == conn:
            link.conns_count -= 1
            link.conns[at] = link.conns[link.conns_count]
            break
    conn.usable = 0
    while conn.ready.first != NULL:
        call_gone(conn, conn.ready.first, ILP_PEER_UNREACHABLE)
    while conn.waiting.first != NULL:
        call_gone(conn, conn.waiting.first, ILP_OK)
    while conn.dropped.first != NULL:
        stream_free(conn.core, conn.dropped.first)
    while conn.sending.first != NULL:
        call_gone(conn, conn.sending.first, ILP_OK)
    link_refresh(link)


cdef void call_fail(http_stream *stream, int status) noexcept nogil:
    """Tell the receiver that no answer will come. The stream stays until the receiver finishes it."""
    cdef ilp_link *link = stream.link
    stream.answered = 1
    link.receiver.on_failure(
        link.receiver, link, stream.handle, ilp_slot_name(&stream.slot), status,
        (<http_link *>link.owner).core.round.now_ns)


cdef int refusal_status(uint16_t status) noexcept nogil:
    """The Reject for an HTTP status that carries no ILP packet (IL-RFC 35: 5xx should become T00)."""
    if status >= 500:
        return ILP_INTERNAL_ERROR
    if status == 429:
        return ILP_PEER_BUSY
    if status >= 400:
        return ILP_BAD_REQUEST
    return ILP_INVALID_ANSWER


cdef void call_answer(http_conn *conn, http_stream *stream) noexcept nogil:
    """The answer is complete: body to the receiver, or the failure that its status means.

    The receiver may finish the request inside this call; the stream stays in a list of the connection until it closes.
    """
    cdef ilp_link *link = stream.link
    cdef ilp_buffer *answer = stream.incoming
    if stream.answered or stream.finished:
        return
    list_append(&conn.sending, stream, conn.core.round.now_ns)
    if stream.status == 200 and answer != NULL and answer.len > 0:
        stream.incoming = NULL
        stream.answered = 1
        conn.core.counters.received += 1
        link.bytes_in += answer.len
        link.receiver.on_answer(
            link.receiver, link, stream.handle, ilp_slot_name(&stream.slot), answer, conn.core.round.now_ns)
    else:
        call_fail(stream, ILP_INVALID_ANSWER if stream.status == 200 else refusal_status(stream.status))


cdef void call_gone(http_conn *conn, http_stream *stream, int status) noexcept nogil:
    """The HTTP stream of a request is over.

    status   ILP_OK when nobody can say what became of the request; else the Reject to make when it was not answered
    """
    cdef http_link *link = conn.link
    cdef bint told = stream.answered
    list_remove(stream)
    stream.conn = NULL
    if stream.finished:
        stream_free(conn.core, stream)
    elif not told and status != ILP_OK:
        call_fail(stream, status)
    elif not told:
        conn.core.counters.in_doubt += 1
    if link.waiting.first != NULL:
        link_assign(link)
    link_refresh(link)


cdef int send(
    ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token
) noexcept nogil:
    """ilp_link_ops.send: queue the Prepare on the first connection with a free stream; it leaves with this round's flush."""
    cdef http_link *state = <http_link *>link.owner
    cdef http_core *core = state.core
    cdef http_stream *stream
    cdef http_conn *conn = NULL
    cdef uint32_t at
    if not link.up:
        return ILP_PEER_UNREACHABLE
    if link.room == 0:
        return ILP_PEER_BUSY
    stream = <http_stream *>ilp_slots_get(core.streams)
    if stream == NULL:
        return ILP_CONNECTOR_BUSY
    stream.link = link
    stream.handle = handle
    stream.outgoing = prepare
    # Filling one connection before the next keeps its batches long, which is what makes a request cheap.
    for at in range(state.conns_count):
        if conn_takes(state.conns[at]):
            conn = state.conns[at]
            break
    if conn != NULL:
        stream.conn = conn
        list_append(&conn.ready, stream, core.round.now_ns)
        ilp_round_flush_later(core.round, &conn.flusher)
    else:
        list_append(&state.waiting, stream, core.round.now_ns)
        ilp_round_flush_later(core.round, &state.flusher)
    state.in_flight += 1
    core.counters.sent += 1
    link.bytes_out += prepare.len
    token[0] = ilp_slot_name(&stream.slot)
    link_refresh(state)
    return ILP_OK


cdef void finish(ilp_link *link, uint64_t token, int outcome) noexcept nogil:
    """ilp_link_ops.finish: the receiver needs the request no longer. An open stream is cancelled with the next flush."""
    cdef http_link *state = <http_link *>link.owner
    cdef http_core *core = state.core
    cdef http_stream *stream = <http_stream *>ilp_slots_find(core.streams, token)
    cdef http_conn *conn
    if stream == NULL or stream.link != link or stream.finished:
        return
    conn = stream.conn
    state.in_flight -= 1
    if stream.list == NULL or conn == NULL or stream.list == &conn.ready:
        stream_free(core, stream)
    else:
        stream.finished = 1
        if not stream.answered:
            list_append(&conn.dropped, stream, core.round.now_ns)
            ilp_round_flush_later(core.round, &conn.flusher)
    link_refresh(state)


cdef void wake_dialer(ilp_flusher *flusher) noexcept with gil:
    cdef HttpLink link = <HttpLink>(<http_link *>flusher).owner
    if link.dialer is not None:
        link.dialer()


cdef ilp_link_ops HTTP_OPS
HTTP_OPS.send = send
HTTP_OPS.reply = reply
HTTP_OPS.finish = finish


cdef class HttpLink(Link):
    """A peer reached by HTTP. Without a url it can ask us but not be asked.

    core               of the endpoint
    name               the account name in /accounts/{name}/ilp
    url                http:// or https:// URL that takes its Prepares, or None
    target             (scheme, authority, path) of url as bytes, or None
    outgoing_token     sent as "Authorization: Bearer <token>"; empty: no such header is of use, so it must be given with a url
    in_flight          most requests unanswered at once
    connections_max    most connections to the peer at once, 1 to 64
    http1              the peer speaks HTTP/1.1: one request at a time on each connection
    bare_token         also accept its incoming token without "Bearer"
    """

    def __cinit__(
        self, HttpCore core not None, str name not None, *, url=None, target=None, outgoing_token="", in_flight=4096,
        connections_max=4, http1=False, bare_token=False,
    ):
        if not 1 <= connections_max <= CONNECTIONS_PER_LINK:
            raise ValueError(f"connections_max is {connections_max}; accepted: 1 to {CONNECTIONS_PER_LINK}")
        self.core = core
        self.name = name
        self.name_bytes = name.encode()
        self.url = url
        self.http1 = http1
        self.texts = []
        self.c.ops = &HTTP_OPS
        self.c.owner = &self.state
        self.c.packet_max = PACKET_MAX
        self.c.lossy = 1
        self.state.core = &core.c
        self.state.link = &self.c
        self.state.owner = <void *>self
        self.state.flusher.flush = wake_dialer
        self.state.flusher.needs_gil = 1
        self.state.peer.name = <const uint8_t *>self.name_bytes
        self.state.peer.name_len = <uint32_t>len(self.name_bytes)
        self.state.peer.bare_token = bare_token
        self.state.peer.link = &self.c
        self.state.in_flight_max = in_flight
        if target is not None:
            self.state.conns_max = connections_max
            scheme, authority, path = target
            credential = b"Bearer " + (outgoing_token if isinstance(outgoing_token, bytes) else outgoing_token.encode())
            for at, (key, value) in enumerate((
                (b":method", b"POST"),
                (b":scheme", scheme),
                (b":authority", authority),
                (b":path", path),
                (b"authorization", credential),
                (b"content-type", b"application/octet-stream"),
                (b"accept", b"application/octet-stream"),
                (b"content-length", b""),
            )):
                self.header(at, key, value)

    cdef int header(self, unsigned int at, bytes key, bytes value) except -1:
        self.texts.append((key, value))
        self.state.request[at].name = <uint8_t *>key
        self.state.request[at].namelen = len(key)
        self.state.request[at].value = <uint8_t *>value
        self.state.request[at].valuelen = len(value)
        self.state.request[at].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
        return 0

    def http1_head(self):
        """The fixed beginning of an HTTP/1.1 request, up to and including "content-length: "."""
        fields = dict(self.texts)
        return (
            b"POST " + fields[b":path"] + b" HTTP/1.1\r\nhost: " + fields[b":authority"]
            + b"\r\nauthorization: " + fields[b"authorization"]
            + b"\r\ncontent-type: application/octet-stream\r\naccept: application/octet-stream\r\ncontent-length: "
        )

    def set_in_flight(self, unsigned int in_flight):
        """Change how many requests to the peer may be unanswered, from the next one on."""
        self.state.in_flight_max = in_flight
        self.core.round.begin()
        link_refresh(&self.state)
        self.core.round.finish()

    def on_wanted(self, dialer):
        """Call `dialer()` whenever another connection would be of use."""
        self.dialer = dialer

    def promise(self, unsigned int streams):
        """How many requests may wait for connections that are being opened; 0 while the peer is known to be unreachable."""
        self.core.round.begin()
        self.state.promised = streams
        link_refresh(&self.state)
        self.core.round.finish()

    def give_up(self):
        """No connection can be had: requests that wait for one have failed, and none of them was sent."""
        cdef http_stream *stream
        self.core.round.begin()
        self.state.promised = 0
        while self.state.waiting.first != NULL:
            stream = self.state.waiting.first
            list_remove(stream)
            call_fail(stream, ILP_PEER_UNREACHABLE)
        link_refresh(&self.state)
        self.core.round.finish()

    def rest(self):
        """The dialer has done what it can: wake it again when more is wanted."""
        self.state.wanted = 0

    @property
    def in_flight(self):
        """Requests sent and not finished."""
        return self.state.in_flight

    @property
    def connections(self):
        """Connections to the peer that are open now."""
        return self.state.conns_count

    @property
    def connections_usable(self):
        """Connections that take requests."""
        cdef unsigned int at
        cdef unsigned int count = 0
        for at in range(self.state.conns_count):
            count += self.state.conns[at].usable and not self.state.conns[at].draining
        return count

    @property
    def crowded(self):
        """Would another connection help: none takes requests, or less than a quarter of their streams is free?"""
        cdef unsigned int at
        cdef uint64_t capacity = 0
        cdef uint64_t used = self.state.waiting.count
        cdef http_conn *conn
        for at in range(self.state.conns_count):
            conn = self.state.conns[at]
            if conn.usable and not conn.draining:
                capacity += conn.capacity
                used += conn_open(conn)
        return capacity == 0 or (capacity - used if capacity > used else 0) * 4 < capacity
