# distutils: libraries = nghttp2
"""What the halves of the HTTP endpoint share: limits, tokens, counters, and the base of every connection.

Owns admission and the entry from the event loop. Knows no frame, no header text, no ILP packet.
"""
import os

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from ilprouter.bindings.http_kernel cimport (
    ilp_budget_init,
    ilp_kept_count,
    ilp_kept_drop,
    ilp_kept_free,
    ilp_kept_limits,
    ilp_kept_new,
    ilp_slots_free,
    ilp_slots_in_use,
    ilp_slots_new,
    ilp_token_entry,
    ilp_tokens,
    ilp_tokens_build,
    ilp_tokens_free,
)
from ilprouter.bindings.kernel cimport (
    ILP_BUFFER_LARGE,
    ilp_flusher,
    ilp_round_flush_later,
)
from ilprouter.bindings.nghttp2 cimport nghttp2_option_del
from ilprouter.endpoints.http_link cimport HttpLink

from ilprouter.errors import EndpointError

KEPT_MAX = 65_536   # requests remembered by their Request-Id, over all peers; 168 bytes each, and the answers
REFUSALS = (400, 401, 403, 404, 405, 413, 415, 431)


cdef void flush_connection(ilp_flusher *flusher) noexcept with gil:
    cdef http_conn *conn = <http_conn *>flusher
    (<HttpConnection>conn.owner).flush()


cdef class HttpCore:
    """State shared by all connections of one HTTP endpoint.

    limits         an HttpLimits
    streams_max    requests known at once, both ways, over all connections (each is 208 bytes of address space)
    """

    def __cinit__(self, Round round not None, Pool pool not None, limits, unsigned int streams_max=262_144):
        cdef ilp_kept_limits kept
        self.round = round
        self.pool = pool
        self.links = {}
        self.retired = []
        self.sources = {}
        self.connections = set()
        self.key = os.urandom(16)
        self.c.key = <const uint8_t *>self.key
        self.c.round = &round.c
        self.c.pool = pool.c
        self.c.streams = ilp_slots_new(streams_max, sizeof(http_stream))
        self.c.arena = <uint8_t *>calloc(1, ARENA_BYTES)
        kept.entries = KEPT_MAX
        kept.share_entries = limits.answers_kept_max
        kept.share_bytes = limits.answers_kept_bytes_max
        kept.keep_ns = <int64_t>limits.answers_kept_ms * 1_000_000
        self.c.kept = ilp_kept_new(&kept)
        if self.c.streams == NULL or self.c.arena == NULL or self.c.kept == NULL:
            raise MemoryError("cannot reserve the HTTP stream table")
        self.input_bytes = bytearray(READ_BYTES)
        self.input_view = memoryview(self.input_bytes)
        self.c.input = <uint8_t *>PyByteArray_AS_STRING(self.input_bytes)
        self.c.limits.streams_first = limits.streams_unauthenticated_max
        self.c.limits.streams = limits.streams_max
        self.c.limits.header_bytes = limits.header_list_bytes_max
        self.c.limits.body_bytes = min(limits.body_bytes_max, ILP_BUFFER_LARGE)   # a packet lives in one buffer
        self.c.limits.reset_burst = limits.resets_burst
        self.c.limits.reset_rate = limits.resets_per_second
        self.c.limits.control_burst = limits.control_burst
        self.c.limits.control_rate = limits.control_per_second
        self.c.limits.acks = limits.acks_max
        self.c.limits.outbound_frames = limits.outbound_frames_max
        self.c.limits.connections_per_source = limits.connections_per_source_max
        self.c.limits.connections = limits.connections_max
        self.c.limits.pipelined = limits.pipelined_max
        self.c.limits.receive_ns = <int64_t>limits.receive_timeout_ms * 1_000_000
        self.c.limits.drain_ns = <int64_t>limits.drain_timeout_ms * 1_000_000
        self.c.limits.idle_ns = <int64_t>limits.anonymous_timeout_ms * 1_000_000

    def __dealloc__(self):
        ilp_tokens_free(self.c.tokens)
        nghttp2_option_del(self.c.options)
        ilp_kept_free(self.c.kept)
        ilp_slots_free(self.c.streams)
        free(self.c.arena)

    def register(self, HttpLink link not None, tokens):
        """Add a link, or replace the tokens of a known one: they count from the next request on, on open connections too.

        tokens   iterable of str or bytes, all of which speak for this link
        raises   EndpointError when a token is empty or another link has it; nothing changes then
        """
        before = self.links.get(link.name)
        secrets = tuple(token.encode() if isinstance(token, str) else bytes(token) for token in tokens)
        self.links[link.name] = (link, secrets)
        try:
            self.rebuild()
        except EndpointError:
            if before is None:
                del self.links[link.name]
            else:
                self.links[link.name] = before
            raise

    def forget(self, HttpLink link not None):
        """Remove a link and its tokens."""
        if self.links.pop(link.name, None) is not None:
            self.retired.append(link)
            ilp_kept_drop(self.c.kept, &link.state.kept)
            self.rebuild()

    cdef int rebuild(self) except -1:
        cdef ilp_tokens *fresh
        cdef ilp_token_entry *entries
        cdef HttpLink link
        cdef HttpConnection connection
        cdef bytes secret
        cdef unsigned int at = 0
        pairs = [(link, secret) for link, secrets in self.links.values() for secret in secrets]
        entries = <ilp_token_entry *>calloc(len(pairs) + 1, sizeof(ilp_token_entry))
        if entries == NULL:
            raise MemoryError
        try:
            for link, secret in pairs:
                if not secret:
                    raise EndpointError(f"link {link.name}: an incoming token is empty")
                entries[at].token = <const uint8_t *>secret
                entries[at].len = len(secret)
                entries[at].owner = &link.state.peer
                at += 1
            fresh = ilp_tokens_build(<const uint8_t *>self.key, entries, at)
        finally:
            free(entries)
        if fresh == NULL:
            raise EndpointError("two links share an incoming token: it would not say who is speaking")
        for item in self.connections:
            connection = item
            # A head that is half read judges by the new tokens: the old ones are gone in a moment.
            if connection.c.head.tokens == self.c.tokens:
                connection.c.head.tokens = fresh
        ilp_tokens_free(self.c.tokens)
        self.c.tokens = fresh
        return 0

    cdef bint admit(self, object source):
        """Count a new connection of `source`; False when it is one too many."""
        cdef unsigned int open_now = self.sources.get(source, 0)
        if open_now >= self.c.limits.connections_per_source or self.accepted >= self.c.limits.connections:
            self.c.counters.connections_refused += 1
            return False
        self.sources[source] = open_now + 1
        self.accepted += 1
        self.c.counters.connections += 1
        return True

    cdef void dismiss(self, object source):
        left = self.sources[source] - 1
        self.accepted -= 1
        if left:
            self.sources[source] = left
        else:
            del self.sources[source]

    def check(self):
        """Enforce the deadlines of every connection; call a few times a second."""
        cdef HttpConnection connection
        self.round.begin()
        for item in tuple(self.connections):
            connection = item
            connection.check(self.c.round.now_ns)
        self.round.finish()

    @property
    def streams_in_use(self):
        """Requests known now; 0 at rest, or something leaks."""
        return ilp_slots_in_use(self.c.streams)

    @property
    def answers_kept(self):
        """Requests remembered by their Request-Id, running or answered."""
        return ilp_kept_count(self.c.kept)

    def counters(self):
        """Totals since start, as a dict of ints."""
        cdef http_counters *counters = &self.c.counters
        result = {
            "connections": counters.connections,
            "connections_refused": counters.connections_refused,
            "requests": counters.requests,
            "answers": counters.answers,
            "abandoned": counters.abandoned,
            "floods": counters.floods,
            "timeouts": counters.timeouts,
            "sent": counters.sent,
            "received": counters.received,
            "in_doubt": counters.in_doubt,
            "cancelled": counters.cancelled,
            "repeated": counters.repeated,
            "mutated": counters.mutated,
        }
        for at, status in enumerate(REFUSALS):
            result[f"refused_{status}"] = counters.refused[at]
        return result


cdef class HttpConnection:
    """One transport, as asyncio's BufferedProtocol. Subclasses fill feed, flush, opened, lost and check."""

    def __cinit__(self, HttpCore core not None, *args, **kwargs):
        cdef http_limits *limits = &core.c.limits
        self.core = core
        self.c.core = &core.c
        self.c.owner = <void *>self
        self.c.flusher.flush = flush_connection
        self.c.flusher.needs_gil = 1
        ilp_budget_init(&self.c.resets, limits.reset_burst, limits.reset_rate, core.c.round.now_ns)
        ilp_budget_init(&self.c.control, limits.control_burst, limits.control_rate, core.c.round.now_ns)

    cdef int feed(self, const uint8_t *data, size_t length) except -1:
        raise NotImplementedError

    cdef int flush(self) except -1:
        raise NotImplementedError

    cdef int opened(self) except -1:
        raise NotImplementedError

    cdef int lost(self) except -1:
        raise NotImplementedError

    cdef int check(self, int64_t now_ns) except -1:
        raise NotImplementedError

    cdef int write(self, const uint8_t *data, size_t length) except -1:
        # A transport that failed says so before connection_lost comes, and raises when it is written to.
        if self.transport is not None and length and not self.transport.is_closing():
            self.transport.write(PyBytes_FromStringAndSize(<const char *>data, length))
        return 0

    cdef void close_soon(self):
        """Close after what is written has left; check() aborts a peer that does not take it."""
        if not self.closing and self.transport is not None:
            self.closing = True
            self.closing_since_ns = self.core.c.round.now_ns
            self.transport.close()

    cdef void abort(self):
        if self.transport is not None:
            self.closing = True
            self.transport.abort()

    def connection_made(self, transport):
        """asyncio: the transport is connected (and TLS is up)."""
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 20)
        self.core.round.begin()
        self.opened_ns = self.core.c.round.now_ns
        self.core.connections.add(self)
        self.opened()
        self.core.round.finish()

    def connection_lost(self, error):
        """asyncio: no byte will come or go any more."""
        self.core.round.begin()
        self.closing = True
        self.transport = None
        self.lost()
        self.core.round.finish()
        self.core.connections.discard(self)

    def get_buffer(self, int size_hint):
        """asyncio: where the next bytes go. One buffer serves all connections, because each read is consumed at once."""
        return self.core.input_view

    def buffer_updated(self, Py_ssize_t length):
        """asyncio: bytes have arrived."""
        if self.closing:
            return
        self.core.round.begin()
        self.feed(self.core.c.input, <size_t>length)
        self.core.round.finish()

    def eof_received(self):
        """asyncio: the peer sends no more. Closing is the answer: half-open HTTP is of no use to anyone."""
        return False

    def pause_writing(self):
        """asyncio: the kernel takes no more for now; frames stay in the session, which is bounded."""
        self.paused = True
        self.paused_since_ns = self.core.c.round.now_ns

    def resume_writing(self):
        """asyncio: the kernel takes bytes again."""
        self.paused = False
        if self.closing:
            return
        self.core.round.begin()
        ilp_round_flush_later(self.c.core.round, &self.c.flusher)
        self.core.round.finish()
