"""Latency histogram: fixed memory, one increment per value, percentiles within 1.6 %.

Owns the counts. Knows no clock and no packet.
"""
from libc.string cimport memset


cdef class Histogram:
    """Counts of durations in nanoseconds, log-linear, 64 buckets per power of two."""

    def record(self, value_ns: int):
        """Add one duration (ns, below zero counts as 0)."""
        histogram_add(&self.c, value_ns)

    def clear(self):
        """Forget everything."""
        memset(&self.c, 0, sizeof(self.c))

    @property
    def count(self):
        """Number of recorded values."""
        return self.c.count

    def merge(self, Histogram other not None):
        """Add the counts of another histogram."""
        cdef uint32_t index
        for index in range(HISTOGRAM_BUCKETS):
            self.c.counts[index] += other.c.counts[index]
        self.c.count += other.c.count
        self.c.largest_ns = max(self.c.largest_ns, other.c.largest_ns)

    def percentile_ns(self, double percent):
        """The value that `percent` (0 to 100) of all recorded values do not exceed.

        returns  ns, the upper end of the bucket (never more than the largest value seen); 0 without values
        """
        cdef uint64_t wanted = <uint64_t>(self.c.count * percent / 100.0)
        cdef uint64_t seen = 0
        cdef uint32_t index
        if self.c.count == 0:
            return 0
        if wanted < self.c.count * percent / 100.0 or wanted == 0:
            wanted += 1
        for index in range(HISTOGRAM_BUCKETS):
            seen += self.c.counts[index]
            if seen >= wanted:
                return min(histogram_upper(index), self.c.largest_ns)
        return self.c.largest_ns
