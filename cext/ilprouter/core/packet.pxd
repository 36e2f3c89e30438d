# Prepare, Fulfill and Reject as immutable Python objects. Never policy.
from libc.stdint cimport int64_t, uint64_t


cdef class Prepare:
    cdef readonly uint64_t amount      # units of the link the packet is on
    cdef readonly int64_t expires_at   # wall clock, ms since 1970
    cdef readonly bytes execution_condition
    cdef readonly str destination
    cdef readonly bytes data


cdef class Fulfill:
    cdef readonly bytes fulfillment
    cdef readonly bytes data


cdef class Reject:
    cdef readonly str code
    cdef readonly str triggered_by
    cdef readonly str message
    cdef readonly bytes data
