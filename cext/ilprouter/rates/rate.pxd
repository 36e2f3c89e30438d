# Rate and LiveRate: an exact price, and the place where its successor appears. Never a currency name, never a float.
from libc.stdint cimport int64_t, uint64_t


cdef struct rate_value:
    uint64_t numerator         # base units ...
    uint64_t denominator       # ... per this many link units; both > 0, without a common factor
    int64_t usable_until_ns    # CLOCK_BOOTTIME; from then on the rate is too old to trade on


cdef class Rate:
    cdef rate_value c


cdef class LiveRate:
    cdef const rate_value *current    # NULL while there is no rate; points into `rate`
    cdef Rate kept
