"""Refuse Prepares once too much value a second has passed. Owns one token bucket of value; knows no balance and reads no clock.

Reject: T04. Value that came back (Reject, our own refusal, a Fulfill too late to deliver) returns to the bucket.
"""
from cython cimport final
from libc.stdint cimport uint64_t

from ilprouter.bindings.arithmetic cimport ilp_bucket, ilp_bucket_give, ilp_bucket_init, ilp_bucket_take
from ilprouter.bindings.kernel cimport (
    ILP_OK,
    ILP_RESPONSE_FULFILL,
    ILP_THROUGHPUT_EXCEEDED,
    ilp_context,
)
from ilprouter.core.pipeline cimport Middleware
from ilprouter.bounds cimport bounded


cdef class Throughput(Middleware):
    """Value a second, as a token bucket. Abstract: the two subclasses say which amount of the packet counts.

    amount_per_second   u64 > 0, units of the link the stage belongs to
    burst               u64 > 0, value that may pass at once after a silence, hence also the largest packet that ever
                        passes; default: one second's worth
    raises              ValueError for a number outside its range

    A refused packet takes nothing; zero-amount packets always pass. Over any span of t seconds at most
    burst + t * amount_per_second units are fulfilled.
    """

    cdef ilp_bucket bucket

    def __cinit__(self, amount_per_second, burst=None):
        cdef uint64_t rate = bounded(amount_per_second, "amount_per_second", 1, 2**64 - 1)
        ilp_bucket_init(&self.bucket, rate, rate if burst is None else bounded(burst, "burst", 1, 2**64 - 1))
        self.hook.on_response = on_response
        self.hook.state = &self.bucket


@final
cdef class ThroughputIncoming(Throughput):
    """What a peer may send through us: counts the amount on the incoming link."""

    side = "incoming"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = on_prepare_incoming


@final
cdef class ThroughputOutgoing(Throughput):
    """What we pass on to a peer: counts the amount on the outgoing link, so it stands after the exchange."""

    side = "outgoing"

    def __cinit__(self, *args, **kwargs):
        self.hook.on_prepare = on_prepare_outgoing


cdef inline int take(ilp_bucket *bucket, ilp_context *ctx, uint64_t *scratch, uint64_t amount) noexcept nogil:
    if not ilp_bucket_take(bucket, amount, ctx.received_ns):
        return ILP_THROUGHPUT_EXCEEDED
    scratch[0] = amount    # what a refund gives back, whatever later stages do to the packet
    return ILP_OK


cdef int on_prepare_incoming(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    return take(<ilp_bucket *>state, ctx, scratch, ctx.amount_incoming)


cdef int on_prepare_outgoing(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    return take(<ilp_bucket *>state, ctx, scratch, ctx.amount_outgoing)


cdef int on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil:
    if response != ILP_RESPONSE_FULFILL:
        ilp_bucket_give(<ilp_bucket *>state, scratch[0])
    return ILP_OK
