"""A checksum in every value that is kept: a damaged byte is refused, never read as another name or
another amount.

Owns the four bytes. Must not know a database, nor what the bytes around them mean.
"""

from __future__ import annotations

import zlib

from ilprouter.errors import StoreCorruptError

__all__ = ["check", "protect"]


def protect(table: str, key: bytes, value: bytes) -> bytes:
    """The value with the CRC-32 of table, key and value behind it: an item that turns up in another
    place is as wrong as a damaged one.

    returns   value, then 4 bytes little-endian
    """
    return value + _crc(table, key, value).to_bytes(4, "little")


def check(table: str, key: bytes, stored: bytes) -> bytes:
    """The value without its checksum. Raises StoreCorruptError naming table and key."""
    value = stored[:-4]
    if len(stored) < 4 or _crc(table, key, value) != int.from_bytes(stored[-4:], "little"):
        raise StoreCorruptError(f"table {table}: the item {key!r} is damaged")
    return value


def _crc(table: str, key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key, zlib.crc32(table.encode())))
