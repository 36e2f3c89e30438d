"""ILP addresses for Python: is this text one, and does a prefix cover it.

Owns the conversion from str; must not know routes or who an address belongs to. Grammar: IL-RFC 15.
"""
from ilprouter.bindings.kernel cimport ilp_address_has_prefix, ilp_address_prefix_valid, ilp_address_scheme, ilp_address_valid, \
    ilp_scheme, ILP_SCHEME_EXAMPLE, ILP_SCHEME_G, ILP_SCHEME_LOCAL, ILP_SCHEME_PEER, ILP_SCHEME_PRIVATE, ILP_SCHEME_SELF, \
    ILP_SCHEME_TEST
from libc.stdint cimport uint8_t

SCHEMES = {
    ILP_SCHEME_G: "g",
    ILP_SCHEME_PRIVATE: "private",
    ILP_SCHEME_EXAMPLE: "example",
    ILP_SCHEME_PEER: "peer",
    ILP_SCHEME_SELF: "self",
    ILP_SCHEME_TEST: "test",
    ILP_SCHEME_LOCAL: "local",
}


# Text that is not ASCII is never an address: it becomes bytes that the grammar refuses, instead of an exception.
cdef bytes octets(str text):
    return text.encode("utf-8", "surrogatepass")


def valid_address(str address not None) -> bool:
    """Is this a full address: a known scheme and at least one segment, at most 1 023 characters?"""
    cdef bytes raw = octets(address)
    return ilp_address_valid(<const uint8_t *><char *>raw, len(raw))


def valid_prefix(str prefix not None) -> bool:
    """Is this a route prefix: a full address, a bare scheme such as "g", or "" (the default route)? No trailing dot."""
    cdef bytes raw = octets(prefix)
    return ilp_address_prefix_valid(<const uint8_t *><char *>raw, len(raw))


def has_prefix(str address not None, str prefix not None) -> bool:
    """Does `prefix` cover `address` at a segment boundary? "" covers all; "g.al" does not cover "g.alice"."""
    cdef bytes raw = octets(address)
    cdef bytes start = octets(prefix)
    return ilp_address_has_prefix(<const uint8_t *><char *>raw, len(raw), <const uint8_t *><char *>start, len(start))


def scheme(str address not None) -> str | None:
    """The kind of network a valid address belongs to, one of the values of SCHEMES; None when it is no address.

    "test1", "test2" and "test3" are all "test".
    """
    cdef bytes raw = octets(address)
    cdef ilp_scheme found
    if not ilp_address_prefix_valid(<const uint8_t *><char *>raw, len(raw)):
        return None
    found = ilp_address_scheme(<const uint8_t *><char *>raw, len(raw))
    return SCHEMES.get(found)
