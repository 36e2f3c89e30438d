# RouteTable: an immutable longest-prefix table. Never an account, never a price.
from ilprouter.bindings.kernel cimport ilp_routes


cdef class RouteTable:
    cdef ilp_routes *c  # owned; lives as long as this object: whoever keeps the pointer keeps a reference
