"""Convert amounts between a link's asset and the base currency. Owns the arithmetic; knows no currency name and no price source.

Rounding: the way in is exact (a fraction), the way out floors once. In -> base -> out never gains for the sender.
Rejects: T00 without a usable rate, F08 when the result leaves u64, R01 when a non-zero amount becomes zero.
"""
from cython cimport final
from libc.stdint cimport uint8_t, uint64_t

from ilprouter.bindings.arithmetic cimport ilp_ratio_bound, ilp_ratio_floor
from ilprouter.bindings.kernel cimport (
    ILP_AMOUNT_OVERFLOW,
    ILP_INSUFFICIENT_SOURCE_AMOUNT,
    ILP_OK,
    ILP_RATE_UNAVAILABLE,
    ILP_RESPONSE_REJECT,
    ilp_context,
    ilp_reject_parse,
    ilp_reject_view,
    ilp_u128,
)
from ilprouter.core.pipeline cimport Middleware
from ilprouter.rates.rate cimport LiveRate, Rate, rate_value


cdef class Exchange(Middleware):
    """One side of the conversion. Abstract.

    rate     Rate (fixed), or LiveRate (may be replaced while packets flow)
    raises   TypeError for anything else
    """

    cdef readonly LiveRate rate

    def __cinit__(self, rate):
        if isinstance(rate, LiveRate):
            self.rate = rate
        elif isinstance(rate, Rate):
            self.rate = LiveRate(rate)
        else:
            raise TypeError(f"rate must be a Rate or a LiveRate, got {type(rate).__name__}")
        self.hook.on_response = on_response
        self.hook.state = &self.rate.current    # the pointer is read again for each packet


@final
cdef class ExchangeIncoming(Exchange):
    """Link units of the incoming link to base units: multiplies, keeps the denominator, rounds nothing."""

    side = "incoming"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = to_base


@final
cdef class ExchangeOutgoing(Exchange):
    """Base units to units of the outgoing link: the one floor of the whole conversion."""

    side = "outgoing"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = from_base


cdef inline const rate_value *usable(void *state, ilp_context *ctx) noexcept nogil:
    cdef const rate_value *rate = (<const rate_value **>state)[0]
    if rate == NULL or ctx.received_ns >= rate.usable_until_ns:
        return NULL
    return rate


cdef int to_base(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef const rate_value *rate = usable(state, ctx)
    if rate == NULL:
        return ILP_RATE_UNAVAILABLE
    ctx.base_numerator = <ilp_u128>ctx.amount_incoming * <ilp_u128>rate.numerator
    ctx.base_denominator = rate.denominator
    return ILP_OK


cdef int from_base(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef const rate_value *rate = usable(state, ctx)
    cdef uint64_t amount = 0
    if rate == NULL:
        return ILP_RATE_UNAVAILABLE
    if (
        ctx.base_denominator == rate.denominator
        and ctx.base_numerator == <ilp_u128>ctx.amount_incoming * <ilp_u128>rate.numerator
    ):
        amount = ctx.amount_incoming    # the same price on both sides cancels: no division
    elif not ilp_ratio_floor(ctx.base_numerator, rate.denominator, ctx.base_denominator, rate.numerator, &amount):
        return ILP_AMOUNT_OVERFLOW
    if amount == 0 and ctx.amount_incoming > 0:
        return ILP_INSUFFICIENT_SOURCE_AMOUNT
    ctx.amount_outgoing = amount
    ctx.overflow = 0
    return ILP_OK


cdef inline uint64_t read_u64(const uint8_t *at) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(8):
        value = (value << 8) | at[i]
    return value


cdef inline void write_u64(uint8_t *at, uint64_t value) noexcept nogil:
    cdef int i
    for i in range(7, -1, -1):
        at[i] = <uint8_t>value
        value >>= 8


cdef int on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil:
    """Rewrite the amounts of a relayed F08 in units of the incoming link.

    The next hop says: of `received` units at most `maximum`. The same packet was `amount_incoming` here, so the limit here
    is floor(maximum * amount_incoming / received). By the packet's own proportion, not by a price: it holds at whatever rate
    the packet was converted, and when the Reject comes from a hop farther on whose neighbours did not rescale. A retry with
    that amount at an unchanged rate arrives at the next hop with at most `maximum`: for k = received - maximum the limit is
    amount_incoming - ceil(k * amount_incoming / received), which is at least k / rate less than amount_incoming.
    Doing it twice changes nothing more (received = amount_incoming then), so each side does it and either may be absent.
    """
    cdef ilp_reject_view view
    cdef uint8_t *packet
    cdef uint8_t *data
    cdef uint64_t received
    if response != ILP_RESPONSE_REJECT or ctx.packet == NULL:
        return ILP_OK
    packet = ctx.packet.data + ctx.packet.offset
    if ilp_reject_parse(packet, ctx.packet.len, &view) != ILP_OK or view.data.len != 16:
        return ILP_OK    # some connectors send F08 without data: nothing to rescale
    if view.code_view[0] != c"F" or view.code_view[1] != c"0" or view.code_view[2] != c"8":
        return ILP_OK
    data = packet + (view.data.at - <const uint8_t *>packet)
    received = read_u64(data)
    if received == 0:
        return ILP_OK    # no proportion can be made from it
    write_u64(data + 8, ilp_ratio_bound(read_u64(data + 8), ctx.amount_incoming, received))
    write_u64(data, ctx.amount_incoming)
    return ILP_OK
