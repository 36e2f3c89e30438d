"""The loopback endpoint: a link whose peer is Python code in this process (local controllers, ping, tests).

Owns two queues between the packet path and Python. Parses no ILP and is not meant for payment traffic.
"""
import asyncio
import logging

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from ilprouter.bindings.kernel cimport (
    ILP_BUFFER_LARGE,
    ILP_CONNECTOR_BUSY,
    ILP_INTERNAL_ERROR,
    ILP_NO_LINK,
    ILP_OK,
    ilp_buffer,
    ilp_flusher,
    ilp_link,
    ilp_link_ops,
    ilp_pool,
    ilp_pool_get,
    ilp_pool_put,
    ilp_round,
    ilp_round_flush_later,
)
from ilprouter.core.endpoint cimport Endpoint, Link

log = logging.getLogger(__name__)

cdef struct loopback_state:
    ilp_flusher flusher            # first: the flush callback finds the state by it
    void *owner                    # the LoopbackLink, which outlives its state
    ilp_pool *pool
    ilp_round *round
    ilp_buffer *requests           # sent by the router, waiting for the flush; newest first; 16 bytes in front of each packet
    ilp_buffer *replies
    uint64_t next_token


cdef class LoopbackEndpoint(Endpoint):
    """An endpoint without a network: open and close have nothing to do."""

    async def open(self):
        """Nothing to bind."""

    async def close(self):
        """Nothing to release."""

    def add_link(self, str name, handler=None, unsigned int in_flight=4096, bint origin=False):
        """A link to `handler(packet: bytes) -> bytes | Awaitable[bytes]`, which answers each Prepare with a Fulfill or Reject.

        origin   call `handler(packet, number)`: the link the Prepare came in on, None when the receiver does not know it
        """
        return LoopbackLink(self, name, handler, in_flight, origin)


cdef ilp_link_ops LOOPBACK_OPS
LOOPBACK_OPS.send = loopback_send
LOOPBACK_OPS.reply = loopback_reply
LOOPBACK_OPS.finish = loopback_finish


cdef class LoopbackLink(Link):
    """A link answered by a Python callable, and a way to send requests as if a peer had.

    handler   called once for each Prepare that the router sends to this link; an exception is logged and becomes T00
    """

    cdef Endpoint endpoint
    cdef object handler
    cdef bint origin
    cdef loopback_state state
    cdef dict waiting              # token -> Future of request()
    cdef set tasks

    def __cinit__(self, Endpoint endpoint not None, str name not None, handler, unsigned int in_flight, bint origin):
        self.endpoint = endpoint
        self.name = name
        self.handler = handler
        self.origin = origin
        self.waiting = {}
        self.tasks = set()
        self.state.flusher.flush = loopback_flush
        self.state.flusher.needs_gil = 1
        self.state.owner = <void *>self
        self.state.pool = endpoint.pool.c
        self.state.round = &endpoint.round.c
        self.state.next_token = 1
        self.c.ops = &LOOPBACK_OPS
        self.c.owner = &self.state
        self.c.packet_max = ILP_BUFFER_LARGE - 16
        self.c.room = in_flight
        self.c.up = handler is not None

    async def request(self, bytes packet not None):
        """Give the router a Prepare as if a peer had sent it; returns the bytes of the answer."""
        cdef uint64_t token = self.state.next_token
        cdef ilp_buffer *buffer = ilp_pool_get(self.endpoint.pool.c, <unsigned int>len(packet))
        if buffer == NULL:
            raise MemoryError("no packet buffer left")
        memcpy(buffer.data, <const uint8_t *>packet, len(packet))
        buffer.len = <unsigned int>len(packet)
        self.state.next_token += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting[token] = future
        self.endpoint.round.begin()
        self.c.receiver.on_prepare(self.c.receiver, &self.c, token, buffer, self.endpoint.round.c.now_ns)
        self.endpoint.round.finish()
        try:
            return await future
        finally:
            self.waiting.pop(token, None)

    cdef int answer(self, uint64_t handle, uint64_t token, bytes packet) except -1:
        cdef ilp_buffer *buffer = ilp_pool_get(self.endpoint.pool.c, <unsigned int>len(packet))
        if buffer == NULL:
            self.c.receiver.on_failure(
                self.c.receiver, &self.c, handle, token, ILP_INTERNAL_ERROR, self.endpoint.round.c.now_ns
            )
            return 0
        memcpy(buffer.data, <const uint8_t *>packet, len(packet))
        buffer.len = <unsigned int>len(packet)
        self.c.receiver.on_answer(self.c.receiver, &self.c, handle, token, buffer, self.endpoint.round.c.now_ns)
        return 0

    cdef int fail(self, uint64_t handle, uint64_t token) except -1:
        self.c.receiver.on_failure(
            self.c.receiver, &self.c, handle, token, ILP_INTERNAL_ERROR, self.endpoint.round.c.now_ns
        )
        return 0

    async def answer_later(self, uint64_t handle, uint64_t token, answer):
        """Wait for an asynchronous handler and hand its answer to the router in a round of its own."""
        packet = None
        try:
            packet = await answer
        except Exception:
            log.exception("the handler of loopback link %s failed", self.name)
        self.endpoint.round.begin()
        if packet is None:
            self.fail(handle, token)
        else:
            self.answer(handle, token, packet)
        self.endpoint.round.finish()

    cdef object asker(self, uint64_t handle):
        cdef uint32_t number = ILP_NO_LINK
        if self.c.receiver.origin != NULL:
            number = self.c.receiver.origin(self.c.receiver, handle)
        return None if number == ILP_NO_LINK else number

    cdef int deliver(self, ilp_buffer *buffer) except -1:
        cdef uint64_t handle = (<uint64_t *>buffer.data)[0]
        cdef uint64_t token = (<uint64_t *>buffer.data)[1]
        cdef bytes packet = PyBytes_FromStringAndSize(<char *>buffer.data + 16, buffer.len - 16)
        ilp_pool_put(self.endpoint.pool.c, buffer)
        try:
            answer = self.handler(packet, self.asker(handle)) if self.origin else self.handler(packet)
        except Exception:
            log.exception("the handler of loopback link %s failed", self.name)
            return self.fail(handle, token)
        if isinstance(answer, bytes):
            return self.answer(handle, token, answer)
        task = asyncio.ensure_future(self.answer_later(handle, token, answer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return 0

    cdef int resolve(self, ilp_buffer *buffer) except -1:
        cdef uint64_t token = (<uint64_t *>buffer.data)[0]
        cdef bytes packet = PyBytes_FromStringAndSize(<char *>buffer.data + 16, buffer.len - 16)
        ilp_pool_put(self.endpoint.pool.c, buffer)
        future = self.waiting.pop(token, None)
        if future is not None and not future.done():
            future.set_result(packet)
        return 0


cdef ilp_buffer *with_header(ilp_pool *pool, ilp_buffer *packet, uint64_t first, uint64_t second) noexcept nogil:
    """Move a packet behind a 16-byte header, in its own buffer if it has room. NULL: no other is left, nothing has changed."""
    cdef ilp_buffer *buffer = packet
    if packet.cap < packet.len + 16:
        buffer = ilp_pool_get(pool, packet.len + 16)
        if buffer == NULL:
            return NULL
    memmove(buffer.data + 16, packet.data + packet.offset, packet.len)
    (<uint64_t *>buffer.data)[0] = first
    (<uint64_t *>buffer.data)[1] = second
    buffer.len = packet.len + 16
    buffer.offset = 0
    if buffer != packet:
        ilp_pool_put(pool, packet)
    return buffer


cdef ilp_buffer *reversed_list(ilp_buffer *first) noexcept nogil:
    cdef ilp_buffer *result = NULL
    cdef ilp_buffer *rest
    while first != NULL:
        rest = first.next
        first.next = result
        result = first
        first = rest
    return result


cdef int loopback_send(
    ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token
) noexcept nogil:
    cdef loopback_state *state = <loopback_state *>link.owner
    cdef ilp_buffer *buffer = with_header(state.pool, prepare, handle, state.next_token)
    if buffer == NULL:
        return ILP_CONNECTOR_BUSY
    token[0] = state.next_token
    state.next_token += 1
    link.room -= 1
    link.bytes_out += buffer.len - 16
    buffer.next = state.requests
    state.requests = buffer
    ilp_round_flush_later(state.round, &state.flusher)
    return ILP_OK


cdef void loopback_reply(ilp_link *link, uint64_t token, ilp_buffer *answer) noexcept nogil:
    cdef loopback_state *state = <loopback_state *>link.owner
    cdef ilp_buffer *buffer = with_header(state.pool, answer, token, 0)
    if buffer == NULL:
        ilp_pool_put(state.pool, answer)
        return
    buffer.next = state.replies
    state.replies = buffer
    ilp_round_flush_later(state.round, &state.flusher)


cdef void loopback_finish(ilp_link *link, uint64_t token, int outcome) noexcept nogil:
    link.room += 1


cdef void loopback_flush(ilp_flusher *flusher) noexcept with gil:
    cdef loopback_state *state = <loopback_state *>flusher
    cdef LoopbackLink link = <LoopbackLink>state.owner
    cdef ilp_buffer *replies = reversed_list(state.replies)
    cdef ilp_buffer *requests = reversed_list(state.requests)
    cdef ilp_buffer *buffer
    state.replies = NULL
    state.requests = NULL
    while replies != NULL:
        buffer = replies
        replies = buffer.next
        link.resolve(buffer)
    while requests != NULL:
        buffer = requests
        requests = buffer.next
        link.deliver(buffer)
