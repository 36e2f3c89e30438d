"""Middleware and Pipeline: a list of stages turned into a flat table of function pointers.

Owns the order and keeps the stages alive. Knows no concrete middleware and no packet.
"""
from ilprouter.bindings.kernel cimport ILP_HOOKS_MAX


cdef class Middleware:
    """One stage of a pipeline. A subclass fills `hook.on_prepare` and/or `hook.on_response` and `hook.state` in __cinit__.

    side   "incoming", "outgoing" or "either": where the stage may stand; anything else is a load error
    """

    side = "either"


cdef class Pipeline:
    """An immutable sequence of stages.

    stages   Middleware instances, walked in this order for a Prepare and backward for its answer
    side     "incoming" or "outgoing"
    raises   ValueError for more than ILP_HOOKS_MAX stages, or a stage on the wrong side
    """

    def __cinit__(self, stages=(), str side="incoming"):
        cdef Middleware stage
        self.stages = tuple(stages)
        if len(self.stages) > ILP_HOOKS_MAX:
            raise ValueError(f"a pipeline takes at most {ILP_HOOKS_MAX} stages, got {len(self.stages)}")
        for number, item in enumerate(self.stages):
            stage = item
            if stage.side not in ("either", side):
                raise ValueError(f"{type(stage).__name__} is an {stage.side} stage and cannot stand on the {side} side")
            self.c.hooks[number] = stage.hook
        self.c.count = <unsigned int>len(self.stages)

    def __repr__(self):
        return f"Pipeline({', '.join(type(stage).__name__ for stage in self.stages)})"
