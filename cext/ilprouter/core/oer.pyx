"""Octet Encoding Rules for Python: the integers and strings that peer protocols are made of.

Owns the conversion between bytes and int; must not know any packet. Lenient reading, canonical writing: IL-RFC 30, IL-RFC 27.
Every decoder takes the bytes and an offset and returns the value with the offset after it.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from ilprouter.bindings.kernel cimport ILP_INVALID_PACKET, ILP_OER_LENGTH_MAX, cbool, ilp_oer_get_length, ilp_oer_get_u64, \
    ilp_oer_get_varstring, ilp_oer_get_varuint, ilp_oer_length_size, ilp_oer_put_length, ilp_oer_put_u64, ilp_oer_put_varstring, \
    ilp_oer_put_varuint
from libc.stdint cimport UINT32_MAX, UINT64_MAX, uint8_t, uint32_t, uint64_t

from ilprouter.errors import AmountOverflowError, RemoteProtocolError


cdef const uint8_t *start(bytes data, Py_ssize_t offset) except NULL:
    if offset < 0 or offset > len(data):
        raise IndexError(f"offset {offset} lies outside {len(data)} bytes")
    return <const uint8_t *>PyBytes_AS_STRING(data) + offset


cdef const uint8_t *end_of(bytes data) noexcept:
    return <const uint8_t *>PyBytes_AS_STRING(data) + len(data)


cdef object refused(str what, Py_ssize_t offset):
    return RemoteProtocolError(f"no valid {what} at offset {offset}", ILP_INVALID_PACKET)


cdef uint64_t u64(value) except? 0:
    if not 0 <= value <= UINT64_MAX:
        raise AmountOverflowError(f"{value} does not fit an unsigned integer of 64 bits")
    return value


def decode_length(bytes data not None, Py_ssize_t offset=0) -> tuple[int, int]:
    """Read a length determinant (not what it measures)."""
    cdef const uint8_t *at = start(data, offset)
    cdef uint64_t value = 0
    cdef cbool canonical = True
    cdef const uint8_t *after = ilp_oer_get_length(at, end_of(data), &value, &canonical)
    if after == NULL:
        raise refused("length", offset)
    return value, offset + (after - at)


def encode_length(length) -> bytes:
    """Write the shortest length determinant, 1 to 9 bytes, for 0..2^64-1."""
    cdef uint8_t out[16]
    cdef uint8_t *after = ilp_oer_put_length(out, u64(length))
    return PyBytes_FromStringAndSize(<char *>out, after - out)


def decode_uint64(bytes data not None, Py_ssize_t offset=0) -> tuple[int, int]:
    """Read 8 bytes, big-endian."""
    cdef const uint8_t *at = start(data, offset)
    if end_of(data) - at < 8:
        raise refused("uint64", offset)
    return ilp_oer_get_u64(at), offset + 8


def encode_uint64(value) -> bytes:
    """Write 8 bytes, big-endian. Raises AmountOverflowError outside 0..2^64-1."""
    cdef uint8_t out[8]
    ilp_oer_put_u64(out, u64(value))
    return PyBytes_FromStringAndSize(<char *>out, 8)


def decode_varuint(bytes data not None, Py_ssize_t offset=0) -> tuple[int, int]:
    """Read a length-prefixed unsigned integer of 1 to 8 bytes."""
    cdef const uint8_t *at = start(data, offset)
    cdef uint64_t value = 0
    cdef cbool canonical = True
    cdef const uint8_t *after = ilp_oer_get_varuint(at, end_of(data), &value, &canonical)
    if after == NULL:
        raise refused("var-uint", offset)
    return value, offset + (after - at)


def encode_varuint(value) -> bytes:
    """Write the shortest length-prefixed form, 2 to 9 bytes. Raises AmountOverflowError outside 0..2^64-1."""
    cdef uint8_t out[16]
    cdef uint8_t *after = ilp_oer_put_varuint(out, u64(value))
    return PyBytes_FromStringAndSize(<char *>out, after - out)


def decode_varstring(bytes data not None, Py_ssize_t offset=0, max=UINT32_MAX) -> tuple[bytes, int]:
    """Read a length-prefixed octet string of at most `max` bytes. The claimed length is checked before anything is copied."""
    cdef const uint8_t *at = start(data, offset)
    cdef const uint8_t *value = NULL
    cdef uint32_t length = 0
    cdef cbool canonical = True
    cdef const uint8_t *after = ilp_oer_get_varstring(at, end_of(data), max, &value, &length, &canonical)
    if after == NULL:
        raise refused("octet string", offset)
    return PyBytes_FromStringAndSize(<const char *>value, length), offset + (after - at)


def encode_varstring(bytes value not None) -> bytes:
    """Write length and bytes, for up to 2^32-1 bytes."""
    cdef Py_ssize_t size = len(value)
    if size > UINT32_MAX:
        raise ValueError(f"an octet string of {size} bytes is longer than {UINT32_MAX}")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>ilp_oer_length_size(size) + size)
    ilp_oer_put_varstring(<uint8_t *>PyBytes_AS_STRING(out), <const uint8_t *>PyBytes_AS_STRING(value), <uint32_t>size)
    return out


LENGTH_MAX = ILP_OER_LENGTH_MAX
