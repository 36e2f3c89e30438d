"""Refuse Prepares that come too fast. Owns two token buckets; knows no amounts beyond zero and not zero, and reads no clock.

Reject: T05. Time is the moment the batch was read, so all packets of a batch are judged at one instant. Source: IL-RFC 27 "T05".
"""
from cython cimport final
from libc.stdint cimport uint64_t

from ilprouter.bindings.arithmetic cimport ilp_bucket, ilp_bucket_init, ilp_bucket_take
from ilprouter.bindings.kernel cimport ILP_OK, ILP_RATE_LIMITED, ilp_context
from ilprouter.core.pipeline cimport Middleware
from ilprouter.bounds cimport BILLION, bounded

cdef struct rate_limit_state:
    ilp_bucket paying
    ilp_bucket unpaid      # packets of amount 0: control protocols, probes


@final
cdef class RateLimit(Middleware):
    """Packets a second, as a token bucket.

    packets_per_second        1 to 10^9, packets with an amount
    burst                     packets that may come at once after a silence; default: one second's worth
    zero_packets_per_second   the separate budget of zero-amount packets, which cost their sender nothing else;
                              default: a tenth of packets_per_second, at least 10
    zero_burst                default: one second's worth of the zero budget
    raises                    ValueError for a number outside its range

    A refused packet takes no token. A token once taken is spent, however the packet ends.
    """

    side = "incoming"
    cdef rate_limit_state state

    def __cinit__(self, packets_per_second, burst=None, zero_packets_per_second=None, zero_burst=None):
        cdef uint64_t rate = bounded(packets_per_second, "packets_per_second", 1, BILLION)
        cdef uint64_t zero_rate
        if zero_packets_per_second is None:
            zero_rate = max(rate // 10, 10)
        else:
            zero_rate = bounded(zero_packets_per_second, "zero_packets_per_second", 1, BILLION)
        ilp_bucket_init(&self.state.paying, rate, rate if burst is None else bounded(burst, "burst", 1, BILLION))
        ilp_bucket_init(
            &self.state.unpaid, zero_rate, zero_rate if zero_burst is None else bounded(zero_burst, "zero_burst", 1, BILLION)
        )
        self.hook.on_prepare = on_prepare
        self.hook.state = &self.state


cdef int on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef rate_limit_state *limit = <rate_limit_state *>state
    cdef ilp_bucket *bucket = &limit.unpaid if ctx.amount_incoming == 0 else &limit.paying
    return ILP_OK if ilp_bucket_take(bucket, 1, ctx.received_ns) else ILP_RATE_LIMITED
