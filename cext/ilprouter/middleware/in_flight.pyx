"""Cap what one peer may have unresolved at a time. Owns two counters; knows no balance, no expiry and no route.

Reject: T04. A Prepare counts until it is resolved, not until its stream or socket closes: cancelling frees nothing.
"""
from cython cimport final
from libc.stdint cimport uint64_t

from ilprouter.bindings.kernel cimport ILP_IN_FLIGHT_EXCEEDED, ILP_OK, ILP_RESPONSE_LATE, ilp_context
from ilprouter.core.pipeline cimport Middleware
from ilprouter.bounds cimport bounded

cdef struct in_flight_state:
    uint64_t packets
    uint64_t packets_max
    uint64_t amount        # <= amount_max always, so the sum cannot overflow
    uint64_t amount_max


cdef class InFlight(Middleware):
    """Packets and value of one peer that wait for an answer. Abstract: the two subclasses say which amount counts.

    packets_max   1 to 2^32 - 1 packets
    amount_max    u64, units of the link the stage belongs to, sum over the packets in flight; default: no limit but u64
    raises        ValueError for a number outside its range

    One such stage may stand in several pipelines of the same peer: the counters are shared then.
    """

    cdef in_flight_state state

    def __cinit__(self, packets_max, amount_max=None):
        self.state.packets_max = bounded(packets_max, "packets_max", 1, 2**32 - 1)
        self.state.amount_max = 2**64 - 1 if amount_max is None else bounded(amount_max, "amount_max", 0, 2**64 - 1)
        self.hook.on_response = on_response
        self.hook.state = &self.state

    @property
    def packets(self):
        """Packets in flight now."""
        return self.state.packets

    @property
    def amount(self):
        """Their value, units of the link the stage belongs to."""
        return self.state.amount


@final
cdef class InFlightIncoming(InFlight):
    """What a peer may have in flight through us: counts the amount on the incoming link."""

    side = "incoming"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = on_prepare_incoming


@final
cdef class InFlightOutgoing(InFlight):
    """What we may have in flight to a peer: counts the amount on the outgoing link, so it stands after the exchange."""

    side = "outgoing"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = on_prepare_outgoing


cdef inline int hold(in_flight_state *held, uint64_t *scratch, uint64_t amount) noexcept nogil:
    if held.packets >= held.packets_max or amount > held.amount_max - held.amount:
        return ILP_IN_FLIGHT_EXCEEDED
    held.packets += 1
    held.amount += amount
    scratch[0] = amount    # what the answer takes off again, whatever later stages do to the packet
    return ILP_OK


cdef int on_prepare_incoming(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    return hold(<in_flight_state *>state, scratch, ctx.amount_incoming)


cdef int on_prepare_outgoing(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    return hold(<in_flight_state *>state, scratch, ctx.amount_outgoing)


cdef int on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil:
    cdef in_flight_state *held = <in_flight_state *>state
    if response == ILP_RESPONSE_LATE:
        return ILP_OK    # its Fulfill was walked back before and has freed the place
    held.packets -= 1
    held.amount -= scratch[0]
    return ILP_OK
