"""RouteTable: ILP address prefixes to link numbers, longest prefix first, built once and then only read.

Owns the kernel's table; must not know what a link number means or who learned a route.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t

from ilprouter.bindings.kernel cimport ILP_NO_LINK, ilp_address_prefix_valid, ilp_bytes_view, ilp_route, ilp_routes_build, \
    ilp_routes_count, ilp_routes_find, ilp_routes_free, ilp_routes_memory, ilp_routes_next


@cython.final
cdef class RouteTable:
    """An immutable routing table.

    routes   (prefix, link number) pairs; "" is the default route; of a repeated prefix the last one counts.
             A link number is opaque here, 0..2^32-2
    raises   ValueError for a prefix that breaks the address grammar or a link number out of range
    """

    def __cinit__(self, routes=()):
        cdef list pairs = list(routes)
        cdef Py_ssize_t count = len(pairs)
        cdef list keep = []  # the bytes that the C array points into while the table is built
        cdef ilp_route *array
        cdef bytes raw
        if count >= ILP_NO_LINK:
            raise ValueError(f"a table holds at most {ILP_NO_LINK - 1} routes")
        array = <ilp_route *>PyMem_Malloc(max(count, 1) * sizeof(ilp_route))
        if array == NULL:
            raise MemoryError(f"cannot list {count} routes")
        try:
            for number, (prefix, link) in enumerate(pairs):
                raw = (<str?>prefix).encode("utf-8", "surrogatepass")
                if not ilp_address_prefix_valid(<const uint8_t *>PyBytes_AS_STRING(raw), len(raw)):
                    raise ValueError(f"{prefix!r} is no ILP address prefix")
                if not 0 <= link < ILP_NO_LINK:
                    raise ValueError(f"link number {link} of {prefix!r} lies outside 0..{ILP_NO_LINK - 1}")
                keep.append(raw)
                array[<Py_ssize_t>number].prefix.at = <const uint8_t *>PyBytes_AS_STRING(raw)
                array[<Py_ssize_t>number].prefix.len = <uint32_t>len(raw)
                array[<Py_ssize_t>number].link = link
            self.c = ilp_routes_build(array, <uint32_t>count)
        finally:
            PyMem_Free(array)
        if self.c == NULL:
            raise MemoryError(f"cannot build a table of {count} routes")

    def __dealloc__(self):
        ilp_routes_free(self.c)

    def match(self, str destination not None):
        """The longest prefix that covers `destination` and its link number, or None."""
        cdef bytes raw = destination.encode("utf-8", "surrogatepass")
        cdef ilp_bytes_view view
        cdef uint32_t prefix_len = 0
        cdef uint32_t link
        view.at = <const uint8_t *>PyBytes_AS_STRING(raw)
        view.len = <uint32_t>len(raw)
        link = ilp_routes_find(self.c, view, &prefix_len)
        return None if link == ILP_NO_LINK else (raw[:prefix_len].decode("ascii"), link)

    def find(self, str destination not None):
        """The link number of the longest prefix that covers `destination`, or None."""
        found = self.match(destination)
        return None if found is None else found[1]

    def __len__(self):
        return ilp_routes_count(self.c)

    def __iter__(self):
        """(prefix, link number) pairs, in the order the prefixes first came."""
        cdef ilp_route route
        cdef uint32_t cursor = 0
        while ilp_routes_next(self.c, &cursor, &route):
            yield (<const char *>route.prefix.at)[:route.prefix.len].decode("ascii"), route.link

    def __repr__(self):
        return f"RouteTable({len(self)} routes)"

    @property
    def memory(self):
        """Bytes the table holds."""
        return ilp_routes_memory(self.c)
