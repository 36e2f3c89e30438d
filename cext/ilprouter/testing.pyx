"""Drive the hooks of middleware without a switch or a socket: for the tests of this project and of third-party stages.

Owns one packet's context and walks it as the switch does. Knows no route, no timer and no commit barrier.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ilprouter.bindings.kernel cimport (
    ILP_OK,
    ILP_RESPONSE_ABORT,
    ILP_RESPONSE_FULFILL,
    ILP_RESPONSE_LATE,
    ILP_RESPONSE_REJECT,
    ILP_WAIT,
    ilp_buffer,
    ilp_context,
    ilp_hook,
    ilp_pipeline,
    ilp_pool_get,
    ilp_pool_put,
)
from ilprouter.core.endpoint cimport Pool
from ilprouter.core.pipeline cimport Pipeline

OK = ILP_OK        # Passage.status: passed both pipelines
WAIT = ILP_WAIT    # Passage.status: parked; as an answer's result: wants the commit barrier

cdef extern from *:
    """
    #include "ilp_context.h"
    static void probe_start(ilp_context *ctx) {
        ctx->base_numerator = ctx->amount_incoming;
        ctx->base_denominator = 1;
    }
    static void probe_preset(ilp_context *ctx) {
        ilp_u128 base = ctx->base_numerator / ctx->base_denominator;
        ctx->amount_outgoing = base > UINT64_MAX ? UINT64_MAX : (uint64_t)base;
    }
    static uint64_t probe_base_high(const ilp_context *ctx) { return (uint64_t)(ctx->base_numerator >> 64); }
    static uint64_t probe_base_low(const ilp_context *ctx) { return (uint64_t)ctx->base_numerator; }
    """
    void probe_start(ilp_context *ctx) nogil
    void probe_preset(ilp_context *ctx) nogil
    uint64_t probe_base_high(const ilp_context *ctx)
    uint64_t probe_base_low(const ilp_context *ctx)


@final
cdef class Probe:
    """An incoming and an outgoing pipeline with nothing between them.

    incoming, outgoing   sequences of stages
    raises               ValueError for a stage on the wrong side
    """

    cdef readonly Pipeline incoming
    cdef readonly Pipeline outgoing
    cdef Pool pool
    cdef uint32_t packets

    def __cinit__(self, incoming=(), outgoing=()):
        self.incoming = Pipeline(incoming, "incoming")
        self.outgoing = Pipeline(outgoing, "outgoing")
        self.pool = Pool(4, 4)

    def prepare(
        self,
        uint64_t amount=0,
        *,
        int64_t now_ns=1_000_000_000_000,
        int64_t expires_in_ns=30_000_000_000,
        int64_t hold_max_ns=60_000_000_000,
        int64_t wall_ms=1_800_000_000_000,
        bytes destination=b"test.bob",
        uint32_t data_len=0,
    ):
        """Walk a Prepare through both pipelines and return its Passage.

        amount          units of the incoming link
        now_ns          CLOCK_BOOTTIME at which the batch was read
        expires_in_ns   the packet's expiry, from now_ns
        hold_max_ns     the longest the switch itself waits: presets the outgoing expiry to the earlier of the two
        wall_ms         wall-clock ms since 1970 at now_ns
        """
        cdef Passage passage = Passage(self, destination)
        cdef int64_t hold_ns = min(expires_in_ns, hold_max_ns)
        self.packets += 1
        passage.ctx.index = self.packets
        passage.ctx.generation = 1
        passage.ctx.amount_incoming = amount
        passage.ctx.data_len = data_len
        passage.ctx.received_ns = now_ns
        passage.ctx.expires_incoming_ns = now_ns + expires_in_ns
        passage.ctx.expires_outgoing_ns = now_ns + hold_ns
        passage.ctx.expires_outgoing_ms = wall_ms + hold_ns // 1_000_000
        probe_start(&passage.ctx)
        passage.resume()
        return passage


@final
cdef class Passage:
    """One Prepare, held between the pipelines until one of the answers below is given. Created by Probe.prepare.

    status   OK passed both pipelines, WAIT parked by a stage (call resume), else the ilp_status that refused it; a refusal has
             already been walked back through the stages that had let it pass
    """

    cdef ilp_context ctx
    cdef Probe probe
    cdef bytes destination
    cdef readonly int status
    cdef bint answered
    cdef bint fulfilled

    def __cinit__(self, Probe probe not None, bytes destination not None):
        memset(&self.ctx, 0, sizeof(self.ctx))
        self.probe = probe
        self.destination = destination
        self.ctx.destination_view = <const uint8_t *>destination
        self.ctx.destination_len = <uint32_t>len(destination)
        self.status = ILP_WAIT

    def resume(self):
        """Ask a stage that parked the packet again, and go on; returns the new status."""
        if self.status != ILP_WAIT:
            raise RuntimeError(f"the packet is not parked: its status is {self.status}")
        with nogil:
            self.status = advance(&self.ctx, &self.probe.incoming.c, &self.probe.outgoing.c)
        if self.status > ILP_WAIT:
            self.walk_back(ILP_RESPONSE_ABORT)
        return self.status

    def fulfill(self):
        """Walk a valid Fulfill back; returns WAIT when a stage wants the commit barrier, else OK."""
        self.answer()
        self.fulfilled = True
        return self.walk_back(ILP_RESPONSE_FULFILL)

    def reject(self, bytes packet=b""):
        """Walk the next hop's Reject back; returns its bytes as the stages left them."""
        cdef ilp_buffer *buffer = ilp_pool_get(self.probe.pool.c, <uint32_t>len(packet))
        if buffer == NULL:
            raise ValueError(f"no packet has {len(packet)} bytes")
        try:
            self.answer()
            memcpy(buffer.data, <const uint8_t *>packet, len(packet))
            buffer.len = <uint32_t>len(packet)
            self.ctx.packet = buffer
            self.walk_back(ILP_RESPONSE_REJECT)
            return PyBytes_FromStringAndSize(<char *>buffer.data + buffer.offset, buffer.len)
        finally:
            self.ctx.packet = NULL
            ilp_pool_put(self.probe.pool.c, buffer)

    def abort(self):
        """Walk our own Reject back, as when the packet could not be sent or expired."""
        self.answer()
        self.walk_back(ILP_RESPONSE_ABORT)

    def late(self):
        """After fulfill(): the commit returned too late to deliver; returns WAIT when a stage wants the barrier again."""
        if not self.fulfilled:
            raise RuntimeError("only a fulfilled packet can be late")
        self.fulfilled = False
        self.ctx.hooks_out = 0
        self.ctx.hooks_in = <uint8_t>self.probe.incoming.c.count
        return self.walk_back(ILP_RESPONSE_LATE)

    cdef int answer(self) except -1:
        if self.status != ILP_OK or self.answered:
            raise RuntimeError("the packet is not in flight: it was refused, is parked, or has been answered")
        self.answered = True
        self.ctx.destination_view = NULL    # gone with the buffer once the packet is sent
        self.ctx.destination_len = 0
        return 0

    cdef int walk_back(self, int response) noexcept:
        cdef int status
        with nogil:
            status = retreat(&self.ctx, &self.probe.incoming.c, &self.probe.outgoing.c, response)
        return status

    @property
    def amount_incoming(self):
        """Units of the incoming link."""
        return self.ctx.amount_incoming

    @property
    def base(self):
        """The amount in the base currency as (numerator, denominator), not reduced."""
        high = int(probe_base_high(&self.ctx))    # a Python int: 128 bits fit no C type that Cython knows
        return (high << 64 | probe_base_low(&self.ctx), self.ctx.base_denominator)

    @property
    def amount_outgoing(self):
        """Units of the outgoing link; floor(base), at most 2^64 - 1, unless a stage set it."""
        return self.ctx.amount_outgoing

    @property
    def amount_maximum(self):
        """The limit a stage gave with F08, units of the incoming link."""
        return self.ctx.amount_maximum

    @property
    def expires_incoming_ns(self):
        """CLOCK_BOOTTIME ns."""
        return self.ctx.expires_incoming_ns

    @property
    def expires_outgoing_ns(self):
        """CLOCK_BOOTTIME ns."""
        return self.ctx.expires_outgoing_ns

    @property
    def expires_outgoing_ms(self):
        """Wall-clock ms since 1970, as the packet will say."""
        return self.ctx.expires_outgoing_ms

    @property
    def hooks(self):
        """How many stages let the packet pass and are not walked back yet: (incoming, outgoing)."""
        return (self.ctx.hooks_in, self.ctx.hooks_out)


cdef int advance(ilp_context *ctx, ilp_pipeline *incoming, ilp_pipeline *outgoing) noexcept nogil:
    cdef ilp_hook *hook
    cdef int status
    while ctx.hooks_in < incoming.count:
        hook = &incoming.hooks[ctx.hooks_in]
        if hook.on_prepare != NULL:
            status = hook.on_prepare(hook.state, ctx, &ctx.scratch_in[ctx.hooks_in])
            if status != ILP_OK:
                return status
        ctx.hooks_in += 1
    if ctx.hooks_out == 0:
        probe_preset(ctx)
    while ctx.hooks_out < outgoing.count:
        hook = &outgoing.hooks[ctx.hooks_out]
        if hook.on_prepare != NULL:
            status = hook.on_prepare(hook.state, ctx, &ctx.scratch_out[ctx.hooks_out])
            if status != ILP_OK:
                return status
        ctx.hooks_out += 1
    return ILP_OK


cdef int retreat(ilp_context *ctx, ilp_pipeline *incoming, ilp_pipeline *outgoing, int response) noexcept nogil:
    cdef ilp_hook *hook
    cdef int wait = ILP_OK
    while ctx.hooks_out > 0:
        ctx.hooks_out -= 1
        hook = &outgoing.hooks[ctx.hooks_out]
        if hook.on_response != NULL:
            wait |= hook.on_response(hook.state, ctx, &ctx.scratch_out[ctx.hooks_out], response)
    while ctx.hooks_in > 0:
        ctx.hooks_in -= 1
        hook = &incoming.hooks[ctx.hooks_in]
        if hook.on_response != NULL:
            wait |= hook.on_response(hook.state, ctx, &ctx.scratch_in[ctx.hooks_in], response)
    return wait
