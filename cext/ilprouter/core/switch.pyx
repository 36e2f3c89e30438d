"""The packet switch: one Prepare in, one Prepare out, exactly one answer back, nothing acknowledged before it is durable.

Owns the invariants that no configuration may remove: expiry, fulfillment check, one outcome per packet, commit barrier.
Knows links by number and amounts in the base currency; who a peer is and what he owes is middleware's business.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from ilprouter.bindings.kernel cimport (
    ILP_AMOUNT_OVERFLOW,
    ILP_CONNECTOR_BUSY,
    ILP_EXPIRED,
    ILP_FULFILL,
    ILP_INVALID_ANSWER,
    ILP_INVALID_PACKET,
    ILP_NO_LINK,
    ILP_OK,
    ILP_OUTCOME_EXPIRED,
    ILP_OUTCOME_FULFILLED,
    ILP_OUTCOME_REFUSED,
    ILP_OUTCOME_REJECTED,
    ILP_REJECT,
    ILP_REJECT_END,
    ILP_REJECT_FIRST,
    ILP_RESPONSE_ABORT,
    ILP_RESPONSE_FULFILL,
    ILP_RESPONSE_LATE,
    ILP_RESPONSE_REJECT,
    ILP_ROUTE_LOOP,
    ILP_SCHEME_EXAMPLE,
    ILP_SCHEME_G,
    ILP_SCHEME_INVALID,
    ILP_SCHEME_PEER,
    ILP_SCHEME_SELF,
    ILP_SCHEME_TEST,
    ILP_STATE_EXPIRED,
    ILP_STATE_FORWARDED,
    ILP_STATE_FULFILLED,
    ILP_STATE_PARKED,
    ILP_STATE_REJECTED,
    ILP_STORE_BUSY,
    ILP_TRANSFER_TIMED_OUT,
    ILP_UNKNOWN_PEER_PROTOCOL,
    ILP_UNREACHABLE,
    ILP_WAIT,
    ILP_WRONG_CONDITION,
    ILP_WRONG_NETWORK,
    ilp_address_scheme,
    ilp_context_floor_base,
    ilp_context_handle,
    ilp_context_prefetch,
    ilp_fulfill_encode,
    ilp_fulfill_parse,
    ilp_fulfill_view,
    ilp_hook,
    ilp_link_ready,
    ilp_pending_arm,
    ilp_pending_at,
    ilp_pending_disarm,
    ilp_pending_expired,
    ilp_pending_find,
    ilp_pending_free,
    ilp_pending_get,
    ilp_pending_in_use,
    ilp_pending_max,
    ilp_pending_new,
    ilp_pending_put,
    ilp_pool_get,
    ilp_pool_put,
    ilp_prepare_encode,
    ilp_prepare_parse,
    ilp_prepare_patch,
    ilp_prepare_view,
    ilp_reject_encode,
    ilp_reject_lookup,
    ilp_reject_make,
    ilp_reject_parse,
    ilp_reject_view,
    ilp_routes_find,
    ilp_sha256_32,
)
from ilprouter.core.endpoint cimport Link
from ilprouter.core.pipeline cimport Pipeline

cdef uint32_t NONE = 0xFFFFFFFF
cdef int64_t MS = 1_000_000
cdef const uint8_t *EMPTY_DIGEST = (
    b"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24"
    b"\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55"
)
cdef const uint8_t *ZEROS = (
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
)
cdef uint32_t REJECT_BYTES = 128  # more than any Reject of ours takes beside our address: a message of 60, data of 16


# --- lists -----------------------------------------------------------------------------------------------------------

cdef void append(switch_state *s, switch_list *items, ilp_context *ctx) noexcept nogil:
    ctx.list_next = NONE
    if items.count == 0:
        items.first = ctx.index
    else:
        ilp_pending_at(s.pending, items.last).list_next = ctx.index
    items.last = ctx.index
    items.count += 1


cdef ilp_context *pop(switch_state *s, switch_list *items) noexcept nogil:
    cdef ilp_context *ctx
    if items.count == 0:
        return NULL
    ctx = ilp_pending_at(s.pending, items.first)
    items.first = ctx.list_next
    items.count -= 1
    return ctx


# --- the way back ----------------------------------------------------------------------------------------------------

cdef int walk_back(switch_state *s, ilp_context *ctx, int response) noexcept nogil:
    """Outgoing hooks backward, then incoming hooks backward; each that let the packet pass, once. ILP_WAIT if any says so."""
    cdef const ilp_pipeline *pipeline
    cdef const ilp_hook *hook
    cdef int result = ILP_OK
    cdef uint32_t i
    if ctx.outgoing != NULL and response != ILP_RESPONSE_LATE:
        pipeline = <const ilp_pipeline *>ctx.pipeline_out
        i = ctx.hooks_out
        while i > 0:
            i -= 1
            hook = &pipeline.hooks[i]
            if hook.on_response != NULL and hook.on_response(hook.state, ctx, &ctx.scratch_out[i], response) == ILP_WAIT:
                result = ILP_WAIT
    pipeline = <const ilp_pipeline *>ctx.pipeline_in
    i = ctx.hooks_in
    while i > 0:
        i -= 1
        hook = &pipeline.hooks[i]
        if hook.on_response != NULL and hook.on_response(hook.state, ctx, &ctx.scratch_in[i], response) == ILP_WAIT:
            result = ILP_WAIT
    return result


cdef void send_reject(
    switch_state *s, ilp_link *link, uint64_t token, ilp_buffer *buffer, int status, uint64_t received, uint64_t maximum
) noexcept nogil:
    """Answer with a Reject of our own. Takes `buffer` (the packet that is refused) if there is one, else gets one."""
    cdef size_t size = 0
    s.rejects[status] += 1
    if buffer != NULL:
        size = ilp_reject_make(buffer.data, buffer.cap, status, s.address, received, maximum)
    if size == 0:  # no buffer, or one too small for our address
        ilp_pool_put(s.pool, buffer)
        buffer = ilp_pool_get(s.pool, s.reject_bytes)
        if buffer == NULL:
            s.answers_lost += 1
            return
        size = ilp_reject_make(buffer.data, buffer.cap, status, s.address, received, maximum)
    buffer.offset = 0
    buffer.len = <uint32_t>size
    link.rejects_out += 1
    link.ops.reply(link, token, buffer)


cdef void refuse(switch_state *s, ilp_context *ctx, int status) noexcept nogil:
    """End a packet with a Reject of our own: hooks walked back, answer sent, slot free."""
    cdef ilp_buffer *buffer = ctx.packet
    ctx.packet = NULL
    walk_back(s, ctx, ILP_RESPONSE_ABORT)
    send_reject(s, ctx.incoming, ctx.incoming_token, buffer, status, ctx.amount_incoming, ctx.amount_maximum)
    ilp_pending_put(s.pending, ctx)


cdef void deliver(switch_state *s, ilp_context *ctx) noexcept nogil:
    """Hand a Fulfill that may leave to the link it is for, and free the slot."""
    cdef ilp_link *link = ctx.incoming
    link.fulfills_out += 1
    link.ops.reply(link, ctx.incoming_token, ctx.packet)
    ctx.packet = NULL
    ctx.outgoing.ops.finish(ctx.outgoing, ctx.outgoing_token, ILP_OUTCOME_FULFILLED)
    ilp_pending_put(s.pending, ctx)


# --- the way out -----------------------------------------------------------------------------------------------------

cdef int walk(const ilp_pipeline *pipeline, ilp_context *ctx, uint8_t *passed, uint64_t *scratch) noexcept nogil:
    """Hooks forward from *passed on; ILP_OK when all let the packet pass."""
    cdef const ilp_hook *hook
    cdef int status
    while passed[0] < pipeline.count:
        hook = &pipeline.hooks[passed[0]]
        if hook.on_prepare != NULL:
            status = hook.on_prepare(hook.state, ctx, &scratch[passed[0]])
            if status != ILP_OK:
                return status
        passed[0] += 1
    return ILP_OK


cdef int route(switch_state *s, ilp_context *ctx) noexcept nogil:
    """Choose the outgoing link and check that it is ready."""
    cdef ilp_bytes_view destination
    cdef ilp_scheme scheme = ilp_address_scheme(ctx.destination_view, ctx.destination_len)
    cdef uint32_t number
    cdef switch_port *port
    ctx.bilateral = scheme == ILP_SCHEME_PEER
    if ctx.bilateral:
        number = s.ports[ctx.incoming.number].neighbour
        if number == ILP_NO_LINK:
            number = s.local_port
        if number == ILP_NO_LINK:
            return ILP_UNKNOWN_PEER_PROTOCOL
    else:
        if scheme == ILP_SCHEME_SELF or scheme == ILP_SCHEME_EXAMPLE:
            return ILP_WRONG_NETWORK
        if scheme != s.network and s.network != ILP_SCHEME_INVALID and (
            scheme == ILP_SCHEME_G or scheme == ILP_SCHEME_TEST
        ):
            return ILP_WRONG_NETWORK
        destination.at = ctx.destination_view
        destination.len = ctx.destination_len
        number = ILP_NO_LINK if s.routes == NULL else ilp_routes_find(s.routes, destination, NULL)
        if number == ILP_NO_LINK or number >= s.ports_count:
            return ILP_UNREACHABLE
    port = &s.ports[number]
    if port.link == NULL:
        return ILP_UNREACHABLE
    if port.link == ctx.incoming:
        return ILP_ROUTE_LOOP
    ilp_context_floor_base(ctx)  # an outgoing exchange starts again from the exact fraction
    ctx.outgoing = port.link
    ctx.pipeline_out = port.outgoing
    return ilp_link_ready(port.link, ctx.packet.len)


cdef void forward(switch_state *s, ilp_context *ctx) noexcept nogil:
    """Run the hooks that are left, then send. Also resumes a parked packet: `hooks_in` and `hooks_out` say where it stood."""
    cdef int status
    cdef ilp_buffer *packet
    cdef ilp_link *link
    if ctx.outgoing == NULL:
        status = walk(<const ilp_pipeline *>ctx.pipeline_in, ctx, &ctx.hooks_in, ctx.scratch_in)
        if status == ILP_OK:
            status = route(s, ctx)
        if status != ILP_OK:
            if status == ILP_WAIT:
                park(s, ctx)
            else:
                refuse(s, ctx, status)
            return
    status = walk(<const ilp_pipeline *>ctx.pipeline_out, ctx, &ctx.hooks_out, ctx.scratch_out)
    if status == ILP_OK and ctx.overflow:
        status = ILP_AMOUNT_OVERFLOW
    if status != ILP_OK:
        if status == ILP_WAIT:
            park(s, ctx)
        else:
            refuse(s, ctx, status)
        return
    packet = ctx.packet
    link = ctx.outgoing
    ilp_prepare_patch(
        packet.data + packet.offset, ctx.amount_offset, ctx.amount_outgoing, ctx.expires_outgoing_ms
    )
    ctx.state = ILP_STATE_FORWARDED
    ilp_pending_arm(s.pending, ctx)
    ctx.packet = NULL
    status = link.ops.send(link, packet, ilp_context_handle(ctx), ctx.expires_outgoing_ns, &ctx.outgoing_token)
    if status != ILP_OK:
        ctx.packet = packet
        refuse(s, ctx, status)
        return
    link.prepares_out += 1


cdef void park(switch_state *s, ilp_context *ctx) noexcept nogil:
    s.parked += 1
    ctx.state = ILP_STATE_PARKED
    append(s, &s.open, ctx)


cdef ilp_buffer *canonical_prepare(switch_state *s, ilp_buffer *packet, const ilp_prepare_view *view) noexcept nogil:
    """The same Prepare encoded canonically, in a buffer of its own; NULL when no buffer is left."""
    cdef ilp_buffer *result = ilp_pool_get(s.pool, packet.len + 8)
    if result == NULL:
        return NULL
    result.len = <uint32_t>ilp_prepare_encode(
        result.data, result.cap, view.amount, view.expires_at_ms, view.condition_view, view.destination, view.data
    )
    ilp_pool_put(s.pool, packet)
    return result


cdef void on_prepare(
    ilp_receiver *self, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns
) noexcept nogil:
    cdef switch_state *s = <switch_state *>self
    cdef ilp_prepare_view view
    cdef ilp_context *ctx
    cdef ilp_buffer *rewritten
    cdef int64_t now_ms = (now_ns + s.round.wall_offset_ns) // MS
    cdef int64_t expires_ms
    link.prepares_in += 1
    if ilp_prepare_parse(packet.data + packet.offset, packet.len, &view) != ILP_OK:
        send_reject(s, link, token, packet, ILP_INVALID_PACKET, 0, 0)
        return
    if s.refuse != ILP_OK:
        send_reject(s, link, token, packet, s.refuse, 0, 0)
        return
    if not view.canonical:
        # A strict next hop refuses what IL-RFC 27 lets us accept, so only canonical bytes go on.
        rewritten = canonical_prepare(s, packet, &view)
        if rewritten == NULL:
            send_reject(s, link, token, packet, ILP_CONNECTOR_BUSY, 0, 0)
            return
        packet = rewritten
        ilp_prepare_parse(packet.data, packet.len, &view)
    ctx = ilp_pending_get(s.pending)
    if ctx == NULL:
        send_reject(s, link, token, packet, ILP_CONNECTOR_BUSY, 0, 0)
        return
    ctx.packet = packet
    ctx.incoming = link
    ctx.incoming_token = token
    ctx.pipeline_in = s.ports[link.number].incoming
    ctx.amount_offset = view.amount_offset
    ctx.amount_incoming = view.amount
    ctx.amount_outgoing = view.amount
    ctx.amount_maximum = 0
    ctx.base_numerator = view.amount
    ctx.base_denominator = 1
    ctx.data_len = view.data.len
    ctx.destination_view = view.destination.at
    ctx.destination_len = view.destination.len
    memcpy(ctx.condition, view.condition_view, 32)
    ctx.received_ns = now_ns
    if view.expires_at_ms <= now_ms:
        refuse(s, ctx, ILP_EXPIRED)
        return
    # Far dates are clamped before they are turned into nanoseconds, which year 9999 does not fit.
    expires_ms = min(view.expires_at_ms, now_ms + 2 * (s.hold_max_ns // MS))
    ctx.expires_incoming_ns = expires_ms * MS - s.round.wall_offset_ns
    if expires_ms - now_ms > s.hold_max_ns // MS:
        ctx.expires_outgoing_ns = now_ns + s.hold_max_ns
        ctx.expires_outgoing_ms = now_ms + s.hold_max_ns // MS
    else:
        ctx.expires_outgoing_ns = ctx.expires_incoming_ns
        ctx.expires_outgoing_ms = expires_ms
    forward(s, ctx)


# --- answers ---------------------------------------------------------------------------------------------------------

cdef ilp_context *answered(switch_state *s, ilp_link *link, uint64_t handle) noexcept nogil:
    """The packet that `handle` names, if it still waits for an answer from `link`; else NULL."""
    cdef ilp_context *ctx = ilp_pending_find(s.pending, handle)
    if ctx == NULL or ctx.state != ILP_STATE_FORWARDED or ctx.outgoing != link:
        s.answers_unknown += 1
        return NULL
    return ctx


cdef void end_refused(switch_state *s, ilp_context *ctx, int status) noexcept nogil:
    """The next hop's answer does not count: Reject upstream, and tell the outgoing link so."""
    ctx.state = ILP_STATE_REJECTED
    ctx.outgoing.ops.finish(ctx.outgoing, ctx.outgoing_token, ILP_OUTCOME_REFUSED)
    refuse(s, ctx, status)


cdef ilp_buffer *canonical_answer(switch_state *s, ilp_buffer *answer, size_t size, ilp_buffer *rewritten) noexcept nogil:
    rewritten.len = <uint32_t>size
    ilp_pool_put(s.pool, answer)
    return rewritten


cdef bint bilateral_answer(const ilp_context *ctx, const uint8_t *fulfillment) noexcept nogil:
    """IL-RFC 38 prints SHA-256 of nothing as the condition of a peer.* request and 32 zero bytes as its fulfillment. No other
    destination is allowed that pair, and no value moves by it: nobody answers a peer.* request with an amount.
    """
    return (
        ctx.bilateral and ctx.amount_incoming == 0
        and memcmp(ctx.condition, EMPTY_DIGEST, 32) == 0 and memcmp(fulfillment, ZEROS, 32) == 0
    )


cdef void on_fulfill(switch_state *s, ilp_context *ctx, ilp_buffer *answer, int64_t now_ns) noexcept nogil:
    cdef ilp_fulfill_view view
    cdef ilp_buffer *rewritten
    cdef uint8_t digest[32]
    if s.fenced or now_ns >= ctx.expires_outgoing_ns:
        # Too late by our own clock: the timer, which is due, gives the one outcome. Fenced: nothing is decided any more.
        s.fulfills_late += 1
        ilp_pool_put(s.pool, answer)
        return
    if ilp_fulfill_parse(answer.data + answer.offset, answer.len, &view) != ILP_OK:
        ilp_pool_put(s.pool, answer)
        end_refused(s, ctx, ILP_INVALID_ANSWER)
        return
    ilp_sha256_32(view.fulfillment_view, digest)
    if memcmp(digest, ctx.condition, 32) != 0 and not bilateral_answer(ctx, view.fulfillment_view):
        ilp_pool_put(s.pool, answer)
        ctx.outgoing.fulfills_wrong += 1
        end_refused(s, ctx, ILP_WRONG_CONDITION)
        return
    if not view.canonical:
        rewritten = ilp_pool_get(s.pool, answer.len + 8)
        if rewritten != NULL:
            answer = canonical_answer(
                s, answer,
                ilp_fulfill_encode(rewritten.data, rewritten.cap, view.fulfillment_view, view.data), rewritten,
            )
    ilp_pending_disarm(s.pending, ctx)
    ctx.state = ILP_STATE_FULFILLED
    ctx.packet = answer
    if walk_back(s, ctx, ILP_RESPONSE_FULFILL) == ILP_WAIT:
        append(s, &s.open, ctx)
    else:
        deliver(s, ctx)


cdef void on_reject(switch_state *s, ilp_context *ctx, ilp_buffer *answer) noexcept nogil:
    cdef ilp_reject_view view
    cdef ilp_buffer *rewritten
    cdef ilp_link *link = ctx.incoming
    if ilp_reject_parse(answer.data + answer.offset, answer.len, &view) != ILP_OK:
        ilp_pool_put(s.pool, answer)
        end_refused(s, ctx, ILP_INVALID_ANSWER)
        return
    if not view.canonical or view.triggered_by.len == 0:
        # Some nodes cannot read a Reject whose triggered_by is empty, so ours stands in for it.
        if view.triggered_by.len == 0:
            view.triggered_by = s.address
        rewritten = ilp_pool_get(s.pool, answer.len + s.address.len + 16)
        if rewritten != NULL:
            answer = canonical_answer(
                s, answer,
                ilp_reject_encode(
                    rewritten.data, rewritten.cap, view.code_view, view.triggered_by, view.message, view.data
                ),
                rewritten,
            )
    ilp_pending_disarm(s.pending, ctx)
    ctx.state = ILP_STATE_REJECTED
    ctx.packet = answer
    walk_back(s, ctx, ILP_RESPONSE_REJECT)
    link.rejects_out += 1
    link.ops.reply(link, ctx.incoming_token, ctx.packet)
    ctx.packet = NULL
    ctx.outgoing.ops.finish(ctx.outgoing, ctx.outgoing_token, ILP_OUTCOME_REJECTED)
    ilp_pending_put(s.pending, ctx)


cdef void on_answer(
    ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *answer, int64_t now_ns
) noexcept nogil:
    cdef switch_state *s = <switch_state *>self
    cdef ilp_context *ctx = answered(s, link, handle)
    cdef uint8_t kind = 0
    if answer.len > 0:
        kind = answer.data[answer.offset]
    if kind == ILP_FULFILL:
        link.fulfills_in += 1
    elif kind == ILP_REJECT:
        link.rejects_in += 1
    if ctx == NULL:
        # Either finished already when its timer fired, or a token the link made up: both may be forgotten.
        ilp_pool_put(s.pool, answer)
    elif kind == ILP_FULFILL:
        on_fulfill(s, ctx, answer, now_ns)
    elif kind == ILP_REJECT:
        on_reject(s, ctx, answer)
    else:
        ilp_pool_put(s.pool, answer)
        end_refused(s, ctx, ILP_INVALID_ANSWER)


cdef void on_failure(
    ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, int status, int64_t now_ns
) noexcept nogil:
    cdef switch_state *s = <switch_state *>self
    cdef ilp_context *ctx = answered(s, link, handle)
    if ctx != NULL:
        end_refused(s, ctx, status)


cdef uint32_t origin(ilp_receiver *self, uint64_t handle) noexcept nogil:
    cdef ilp_context *ctx = ilp_pending_find((<switch_state *>self).pending, handle)
    return ILP_NO_LINK if ctx == NULL else ctx.incoming.number


# --- time and the commit barrier ---------------------------------------------------------------------------------------

cdef uint32_t expire(switch_state *s) noexcept nogil:
    """Reject what is overdue; returns how many."""
    cdef ilp_context *ctx = ilp_pending_expired(s.pending, s.round.now_ns)
    cdef uint32_t count = 0
    while ctx != NULL:
        if ctx.state == ILP_STATE_FORWARDED:
            ctx.state = ILP_STATE_EXPIRED
            ctx.outgoing.ops.finish(ctx.outgoing, ctx.outgoing_token, ILP_OUTCOME_EXPIRED)
        ctx.packet = ilp_pool_get(s.pool, s.reject_bytes)
        if ctx.packet == NULL:
            # The answer stays owed: the next tick asks for a buffer again.
            ilp_pending_arm(s.pending, ctx)
            break
        refuse(s, ctx, ILP_TRANSFER_TIMED_OUT)
        count += 1
        ctx = ilp_pending_expired(s.pending, s.round.now_ns)
    return count


cdef void release(switch_state *s) noexcept nogil:
    """The sealed group is durable: let its answers leave and its parked packets go on."""
    cdef int64_t now_ns = s.round.now_ns
    cdef ilp_context *ctx = pop(s, &s.sealed)
    while ctx != NULL:
        # A group is larger than the caches: fetch the next packet's slot while this one is handled.
        if s.sealed.count:
            ilp_context_prefetch(ilp_pending_at(s.pending, s.sealed.first))
        if ctx.state == ILP_STATE_PARKED:
            if now_ns >= ctx.expires_outgoing_ns:
                refuse(s, ctx, ILP_TRANSFER_TIMED_OUT)
            else:
                forward(s, ctx)
        elif ctx.state == ILP_STATE_FULFILLED and now_ns < ctx.expires_incoming_ns:
            if s.trace_count < s.trace_max:
                s.trace[s.trace_count].group = s.group - 1
                s.trace[s.trace_count].left_ns = now_ns
                s.trace_count += 1
            deliver(s, ctx)
        elif ctx.state == ILP_STATE_FULFILLED:
            release_late(s, ctx)
        else:
            # The void is durable: only now may the peer hear that it owes nothing.
            reject_late(s, ctx)
        ctx = pop(s, &s.sealed)


cdef void release_late(switch_state *s, ilp_context *ctx) noexcept nogil:
    """The next hop is owed, but the Fulfill cannot leave in time any more (I14): void the charge, then Reject."""
    s.voids += 1
    ctx.outgoing.ops.finish(ctx.outgoing, ctx.outgoing_token, ILP_OUTCOME_FULFILLED)
    ctx.state = ILP_STATE_EXPIRED
    if walk_back(s, ctx, ILP_RESPONSE_LATE) == ILP_WAIT:
        append(s, &s.open, ctx)
        return
    reject_late(s, ctx)


cdef void reject_late(switch_state *s, ilp_context *ctx) noexcept nogil:
    """The charge is undone: R00, in the buffer of the Fulfill that may not leave."""
    cdef ilp_buffer *buffer = ctx.packet
    ctx.packet = NULL
    send_reject(s, ctx.incoming, ctx.incoming_token, buffer, ILP_TRANSFER_TIMED_OUT, 0, 0)
    ilp_pending_put(s.pending, ctx)


# --- the Python face ---------------------------------------------------------------------------------------------------

cdef class Switch(Receiver):
    """The packet switch of one event loop.

    address      our ILP address: the triggered_by of Rejects we make, and which network (live or test) we serve
    slots        Prepares in flight at most; the next one gets T03
    hold_max_ms  no Prepare is held longer, whatever its expiry says
    """

    def __cinit__(
        self, Pool pool not None, Round round not None, str address not None, uint32_t slots=200_000,
        int64_t hold_max_ms=30_000,
    ):
        round.begin()
        self.state.pending = ilp_pending_new(slots, round.c.now_ns)
        if self.state.pending == NULL:
            raise MemoryError(f"cannot reserve {slots} pending slots")
        self.pool = pool
        self.round = round
        self.links = []
        self.pipelines = []
        self.retired = []
        self.state.receiver.on_prepare = on_prepare
        self.state.receiver.on_answer = on_answer
        self.state.receiver.on_failure = on_failure
        self.state.receiver.origin = origin
        self.state.pool = pool.c
        self.state.round = &round.c
        self.state.local_port = ILP_NO_LINK
        self.state.hold_max_ns = hold_max_ms * MS
        self.state.group = 1
        self.c = &self.state.receiver
        self.set_address(address)

    def __dealloc__(self):
        if self.state.pending != NULL:
            ilp_pending_free(self.state.pending)
        free(self.state.ports)
        free(self.state.trace)

    def set_address(self, str address not None):
        """Adopt an ILP address, now or when it is learned."""
        cdef bytes encoded = address.encode("ascii")
        cdef ilp_scheme scheme = ilp_address_scheme(encoded, len(encoded))
        self.own_address = encoded
        self.state.address.at = <const uint8_t *>self.own_address
        self.state.address.len = <uint32_t>len(encoded)
        self.state.reject_bytes = self.state.address.len + REJECT_BYTES
        self.state.network = scheme if scheme in (ILP_SCHEME_G, ILP_SCHEME_TEST) else ILP_SCHEME_INVALID

    def add_link(self, Link link not None, Pipeline incoming=None, Pipeline outgoing=None):
        """Take the packets of `link` from now on; returns the number that routes name it by."""
        cdef uint32_t number = self.state.ports_count
        cdef switch_port *ports = <switch_port *>realloc(self.state.ports, (number + 1) * sizeof(switch_port))
        if ports == NULL:
            raise MemoryError
        self.state.ports = ports
        self.state.ports_count = number + 1
        ports[number].link = &link.c
        ports[number].neighbour = ILP_NO_LINK
        self.links.append(link)
        self.pipelines.append(None)
        self.set_pipelines(number, incoming, outgoing)
        link.attach(self, number)
        return number

    def set_pipelines(self, uint32_t number, Pipeline incoming=None, Pipeline outgoing=None):
        """Replace a link's pipelines between batches; packets in flight are walked back through the old ones."""
        if incoming is None:
            incoming = Pipeline((), "incoming")
        if outgoing is None:
            outgoing = Pipeline((), "outgoing")
        if self.pipelines[number] is not None:
            self.retired.append(self.pipelines[number])
        self.pipelines[number] = (incoming, outgoing)
        self.state.ports[number].incoming = &incoming.c
        self.state.ports[number].outgoing = &outgoing.c
        if self.in_flight == 0:
            self.retired.clear()

    def remove_link(self, uint32_t number):
        """No new packet goes to the link; answers on their way still find it. Its endpoint must not take requests for it."""
        self.state.ports[number].link = NULL

    def set_routes(self, RouteTable routes not None):
        """Publish a new table between batches."""
        self.state.routes = routes.c
        self.routes = routes

    def set_local_link(self, number):
        """The link whose handler answers peer.*, by number; None: peer.* is refused with F01."""
        self.state.local_port = ILP_NO_LINK if number is None else <uint32_t>number

    def set_neighbour(self, uint32_t number, uint32_t neighbour):
        """Send peer.* from link `number`, which is ours, to the peer behind link `neighbour`, and to nobody else."""
        if number >= self.state.ports_count or neighbour >= self.state.ports_count:
            raise IndexError(f"link {max(number, neighbour)}: the switch has {self.state.ports_count}")
        self.state.ports[number].neighbour = neighbour

    def set_refusal(self, int status):
        """Refuse every new Prepare with this status (ilp_status, a Reject), or accept again with 0."""
        if status != ILP_OK and not ILP_REJECT_FIRST <= status < ILP_REJECT_END:
            raise ValueError(f"{status} is not the status of a Reject")
        if not self.state.fenced:
            self.state.refuse = status

    def tick(self):
        """Reject overdue packets with R00; call every few milliseconds while `in_flight` is not 0. Returns how many."""
        self.round.begin()
        cdef uint32_t count
        with nogil:
            count = expire(&self.state)
        self.round.finish()
        return count

    # The commit barrier, as ilprouter.ledger.groups sees it.

    def barrier_seal(self):
        """Close the open group: what waits now waits for exactly this commit. Returns how many packets do."""
        if self.state.sealed.count:
            raise RuntimeError("a group is being committed already")
        self.state.sealed = self.state.open
        self.state.open.count = 0
        self.state.group += 1
        return self.state.sealed.count

    def barrier_release(self):
        """The sealed group is durable: its answers leave. Call on the loop thread, after the commit returned."""
        if self.state.fenced:
            return
        self.round.begin()
        with nogil:
            release(&self.state)
        self.round.finish()

    def fence(self):
        """After a failed write: acknowledge nothing any more, refuse new Prepares with T03. There is no way back (I12)."""
        self.state.fenced = True
        self.state.refuse = ILP_STORE_BUSY

    def trace_start(self, uint64_t entries):
        """Record (group, time of leaving) for the next `entries` Fulfills that passed the barrier: the order proof's raw data."""
        free(self.state.trace)
        self.state.trace = <trace_entry *>calloc(entries, sizeof(trace_entry))
        self.state.trace_count = 0
        self.state.trace_max = entries if self.state.trace != NULL else 0

    def trace(self):
        """The recorded [(group, left_ns)], in the order of leaving; groups count from 1 in the order of barrier_seal."""
        return [(self.state.trace[i].group, self.state.trace[i].left_ns) for i in range(self.state.trace_count)]

    # What operators and tests read.

    @property
    def address(self):
        """Our ILP address."""
        return self.own_address.decode("ascii")

    @property
    def in_flight(self):
        """Prepares without their answer."""
        return ilp_pending_in_use(self.state.pending)

    @property
    def slots(self):
        """Prepares in flight at most."""
        return ilp_pending_max(self.state.pending)

    @property
    def waiting(self):
        """Packets behind the commit barrier, open and sealed."""
        return self.state.open.count + self.state.sealed.count

    def rejects(self):
        """Rejects we made since start: stable name of each status that occurred -> count."""
        cdef int status
        counts = {}
        for status in range(ILP_REJECT_FIRST, ILP_REJECT_END):
            if self.state.rejects[status]:
                counts[ilp_reject_lookup(status).name.decode()] = self.state.rejects[status]
        return counts

    def counters(self):
        """Everything else that the switch counts since start, by name."""
        return {
            "answers_unknown": self.state.answers_unknown,
            "answers_lost": self.state.answers_lost,
            "fulfills_late": self.state.fulfills_late,
            "voids": self.state.voids,
            "parked": self.state.parked,
        }
