"""Refuse Prepares above an amount. Owns one number; knows nothing of balances or of what the packet is worth elsewhere.

Reject: F08 with the received amount and the limit, both in units of the incoming link. Source: IL-RFC 27 "F08".
"""
from cython cimport final
from libc.stdint cimport uint64_t

from ilprouter.bindings.kernel cimport ILP_AMOUNT_TOO_LARGE, ILP_OK, ilp_context
from ilprouter.core.pipeline cimport Middleware
from ilprouter.bounds cimport bounded


@final
cdef class MaxAmount(Middleware):
    """The largest amount of one packet.

    amount_max   u64, units of the incoming link, inclusive; 0 lets only zero-amount packets pass
    raises       ValueError when it is not a u64
    """

    side = "incoming"
    cdef uint64_t limit

    def __cinit__(self, amount_max):
        self.limit = bounded(amount_max, "amount_max", 0, 2**64 - 1)
        self.hook.on_prepare = on_prepare
        self.hook.state = &self.limit

    @property
    def amount_max(self):
        """The limit, units of the incoming link."""
        return self.limit


cdef int on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef uint64_t limit = (<uint64_t *>state)[0]
    if ctx.amount_incoming > limit:
        ctx.amount_maximum = limit
        return ILP_AMOUNT_TOO_LARGE
    return ILP_OK
