"""Rate and LiveRate: an exact price of one link unit in base units, and the place where its successor appears.

Owns the two u64 and how long they may be used. Knows no currency, no source of prices and no rounding.
"""
from math import gcd

from cython cimport final

from ilprouter.bounds cimport bounded


@final
cdef class Rate:
    """Base units per link unit, exact and immutable; kept without common factors, so that equal prices are equal objects.

    numerator         u64 > 0, base units
    denominator       u64 > 0, link units
    usable_until_ns   CLOCK_BOOTTIME ns, exclusive; default: for ever
    raises            ValueError when a number is out of range
    """

    def __cinit__(self, numerator, denominator, usable_until_ns=2**63 - 1):
        cdef uint64_t above = bounded(numerator, "numerator", 1, 2**64 - 1)
        cdef uint64_t below = bounded(denominator, "denominator", 1, 2**64 - 1)
        cdef uint64_t common = gcd(above, below)
        self.c.numerator = above // common
        self.c.denominator = below // common
        self.c.usable_until_ns = <int64_t>bounded(usable_until_ns, "usable_until_ns", 0, 2**63 - 1)

    @property
    def numerator(self):
        """Base units."""
        return self.c.numerator

    @property
    def denominator(self):
        """Link units."""
        return self.c.denominator

    @property
    def usable_until_ns(self):
        """CLOCK_BOOTTIME ns from which on the rate is refused."""
        return self.c.usable_until_ns

    def __eq__(self, other):
        if not isinstance(other, Rate):
            return NotImplemented
        return (self.numerator, self.denominator, self.usable_until_ns) == (
            other.numerator,
            other.denominator,
            other.usable_until_ns,
        )

    def __hash__(self):
        return hash((self.numerator, self.denominator, self.usable_until_ns))

    def __repr__(self):
        return f"Rate({self.numerator}, {self.denominator})"


@final
cdef class LiveRate:
    """The current rate of one asset, shared by every stage that converts it.

    rate   Rate, or None: nothing can be converted until one is published

    Replacing swaps one pointer. Do it on the thread that moves packets, between batches: the old Rate may die at once.
    """

    def __cinit__(self, Rate rate=None):
        self.replace(rate)

    @property
    def rate(self):
        """The current Rate, or None."""
        return self.kept

    def replace(self, Rate rate):
        """Use `rate` from the next packet on; None withdraws it (packets get T00)."""
        self.current = NULL if rate is None else &rate.c
        self.kept = rate

    def __repr__(self):
        return f"LiveRate({self.kept!r})"
