"""Shorten the deadline of a Prepare before it goes out. Owns two durations; knows no route and reads no clock.

Reject: R02 when too little time would be left for the next hop. Source: IL-RFC 27 "expiresAt"; the rule is the common one of
existing connectors: the earlier of (incoming expiry - window) and (now + hold).
"""
from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from ilprouter.bindings.kernel cimport ILP_INSUFFICIENT_TIMEOUT, ILP_OK, ilp_context
from ilprouter.core.pipeline cimport Middleware
from ilprouter.bounds cimport bounded

cdef enum:
    NS_PER_MS = 1_000_000

cdef struct expiry_state:
    int64_t window_ns
    int64_t hold_ns


@final
cdef class ShortenExpiry(Middleware):
    """Keep time for ourselves to pass the Fulfill back, and never owe an answer for long.

    min_window_ms   0 to 3 600 000; taken off the incoming expiry, and the least that must be left for the next hop:
                    a packet needs two windows on arrival
    max_hold_ms     1 to 3 600 000; the farthest expiry that is passed on, from the moment the batch was read
    raises          ValueError for a number outside its range
    """

    side = "outgoing"
    cdef expiry_state state

    def __cinit__(self, min_window_ms=1000, max_hold_ms=30000):
        self.state.window_ns = <int64_t>bounded(min_window_ms, "min_window_ms", 0, 3_600_000) * NS_PER_MS
        self.state.hold_ns = <int64_t>bounded(max_hold_ms, "max_hold_ms", 1, 3_600_000) * NS_PER_MS
        self.hook.on_prepare = on_prepare
        self.hook.state = &self.state

    @property
    def min_window_ms(self):
        """Time taken off the incoming expiry, ms."""
        return self.state.window_ns // NS_PER_MS

    @property
    def max_hold_ms(self):
        """Farthest expiry passed on, ms from the arrival."""
        return self.state.hold_ns // NS_PER_MS


cdef int on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef expiry_state *limits = <expiry_state *>state
    cdef int64_t target_ns = min(ctx.expires_incoming_ns - limits.window_ns, ctx.received_ns + limits.hold_ns)
    cdef int64_t earlier_ms
    # What the next hop would have left, judged before anything is written: a refusal leaves the packet as it came.
    if min(target_ns, ctx.expires_outgoing_ns) - ctx.received_ns < max(limits.window_ns, 1):
        return ILP_INSUFFICIENT_TIMEOUT
    if target_ns < ctx.expires_outgoing_ns:
        # Both clocks step back by the same whole milliseconds, rounded up: the packet never promises more than our timer.
        earlier_ms = (ctx.expires_outgoing_ns - target_ns + NS_PER_MS - 1) // NS_PER_MS
        ctx.expires_outgoing_ms -= earlier_ms
        ctx.expires_outgoing_ns -= earlier_ms * NS_PER_MS
    return ILP_OK
