"""Refuse every Prepare with one status. Owns that status; knows neither the packet nor who ordered the refusal.

Stands alone in the pipelines of a peer that is being drained or removed: packets in flight walk back through the old ones.
"""
from cython cimport final
from libc.stdint cimport uint64_t

from ilprouter.bindings.kernel cimport ILP_REJECT_END, ILP_REJECT_FIRST, ilp_context
from ilprouter.core.pipeline cimport Middleware


@final
cdef class Refuse(Middleware):
    """Lets nothing pass.

    status   of the Reject (ilprouter.core.reject.Status)
    raises   ValueError for what is not the status of a Reject
    """

    cdef int refusal

    def __cinit__(self, int status):
        if not <int>ILP_REJECT_FIRST <= status < <int>ILP_REJECT_END:
            raise ValueError(f"{status} is not the status of a Reject")
        self.refusal = status
        self.hook.on_prepare = on_prepare
        self.hook.state = &self.refusal

    @property
    def status(self):
        """What every Prepare gets."""
        return self.refusal


cdef int on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    return (<int *>state)[0]
