# Integer arithmetic for policies, declared once. Meaning, ranges and rounding are in cext/kernel/ilp_bucket.h and ilp_ratio.h.
from libc.stdint cimport int64_t, uint64_t

from ilprouter.bindings.kernel cimport ilp_u128


cdef extern from "ilp_bucket.h" nogil:
    ctypedef struct ilp_bucket:
        pass
    void ilp_bucket_init(ilp_bucket *bucket, uint64_t per_second, uint64_t burst)
    bint ilp_bucket_take(ilp_bucket *bucket, uint64_t units, int64_t now_ns)
    void ilp_bucket_give(ilp_bucket *bucket, uint64_t units)


cdef extern from "ilp_ratio.h" nogil:
    bint ilp_ratio_floor(ilp_u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t *out)
    uint64_t ilp_ratio_bound(uint64_t value, uint64_t multiplier, uint64_t divisor)
