# Middleware base and Pipeline: a flat hook table, bound once. Never a concrete middleware.
from ilprouter.bindings.kernel cimport ilp_hook, ilp_pipeline


cdef class Middleware:
    cdef ilp_hook hook


cdef class Pipeline:
    cdef ilp_pipeline c
    cdef readonly tuple stages
