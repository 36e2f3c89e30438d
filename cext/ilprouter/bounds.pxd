# Check the numbers a part is built with. Owns the wording of the error; knows no part.
from libc.stdint cimport uint64_t

cdef enum:
    BILLION = 1_000_000_000


cdef inline uint64_t bounded(object value, str name, object low, object high) except? 0:
    """`value` as u64 when it is an int within [low, high]; otherwise ValueError naming both."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    return value
