# A log-linear histogram of nanoseconds: 64 buckets per power of two, so a reading is at most 1.6 % too high.
#
# Owns the bucket arithmetic. Never a clock, never a packet.
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from *:
    """
    #include <stdint.h>

    #define HISTOGRAM_SUB 64u          /* buckets per power of two */
    #define HISTOGRAM_BUCKETS 2240u    /* (40 - 6 + 1) * 64: values up to 2^40 ns, 18 minutes */
    #define HISTOGRAM_MAX ((UINT64_C(1) << 40) - 1)

    static inline uint32_t histogram_index(uint64_t value) {
        if (value < HISTOGRAM_SUB) return (uint32_t)value;
        if (value > HISTOGRAM_MAX) value = HISTOGRAM_MAX;
        uint32_t shift = 57u - (uint32_t)__builtin_clzll(value); /* brings value into [64, 128) */
        return (shift + 1u) * HISTOGRAM_SUB + (uint32_t)(value >> shift) - HISTOGRAM_SUB;
    }

    /* The largest value that falls into the bucket: percentiles are never reported too low. */
    static inline uint64_t histogram_upper(uint32_t index) {
        if (index < HISTOGRAM_SUB) return index;
        uint32_t shift = index / HISTOGRAM_SUB - 1u;
        return ((uint64_t)(index % HISTOGRAM_SUB + HISTOGRAM_SUB + 1u) << shift) - 1u;
    }

    typedef struct histogram_table {
        uint64_t count;
        uint64_t largest_ns;
        uint64_t counts[HISTOGRAM_BUCKETS];
    } histogram_table;

    static inline void histogram_add(histogram_table *table, int64_t value_ns) {
        uint64_t value = value_ns > 0 ? (uint64_t)value_ns : 0;
        table->counts[histogram_index(value)]++;
        table->count++;
        if (value > table->largest_ns) table->largest_ns = value;
    }
    """
    enum:
        HISTOGRAM_BUCKETS
    ctypedef struct histogram_table:
        uint64_t count
        uint64_t largest_ns
        uint64_t *counts
    uint64_t histogram_upper(uint32_t index) noexcept nogil
    void histogram_add(histogram_table *table, int64_t value_ns) noexcept nogil


cdef class Histogram:
    cdef histogram_table c
