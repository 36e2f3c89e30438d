"""The bytes of the ledger's tables, read and (for the small rows) written.

Owns the layouts of docs/decisions/0005-ledger-layout.md as Python sees them. Must not know a store
nor a book. Records and account rows are written by cext/ledger/ledger_record.c; reading them here
is a second, independent implementation.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from ilprouter.errors import StoreCorruptError

__all__ = [
    "BLOCK_ACCOUNTS",
    "COUNTERS",
    "FROZEN",
    "OPEN",
    "AccountChange",
    "AccountRow",
    "Head",
    "HouseRow",
    "Record",
    "digest_of",
    "join_parts",
    "log_key",
    "parse_house",
    "parse_record",
    "parse_rows",
    "split_record",
]

COUNTERS = ("fulfilled_in", "voided_in", "fulfilled_out", "settled_in", "settled_out")
OPEN, FROZEN = 1, 2
KIND_GROUP, KIND_BOOT, KIND_STOP = 1, 2, 3

BLOCK_ACCOUNTS = 16
ROW_BYTES = 112
PART_BYTES = 1900  # a value of this size and its key stay inside a 4 KiB leaf page, two to a page
DIGEST_BYTES = 32
EMPTY_DIGEST = bytes(DIGEST_BYTES)

HEADER = struct.Struct("<HHIIIIIQQQq32s")
ACCOUNT = struct.Struct("<II")
HOUSE_ROW_BYTES = 64
HEAD = struct.Struct("<HBBIQQQq32s")
HEAD_KEY = b"head"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger stands: the last committed group.

    epoch           incarnation of the router; grows with every boot
    seq             number of the last group, from 1
    delivered_seq   groups up to here had their answers handed over
    wall_ms         wall clock of the commit, ms since 1970
    clean           the router stopped after an orderly drain
    digest          digest of the last log record
    """

    epoch: int = 0
    seq: int = 0
    delivered_seq: int = 0
    wall_ms: int = 0
    clean: bool = True
    digest: bytes = EMPTY_DIGEST

    def pack(self) -> bytes:
        """The row of the meta table."""
        row = HEAD.pack(
            1, self.clean, 0, 0, self.epoch, self.seq, self.delivered_seq, self.wall_ms, self.digest
        )
        return row + zlib.crc32(row).to_bytes(4, "little")

    @classmethod
    def parse(cls, row: bytes) -> Head:
        """Raises StoreCorruptError."""
        if (
            len(row) != HEAD.size + 4
            or zlib.crc32(row[:-4]) != int.from_bytes(row[-4:], "little")
            or row[0] != 1
        ):
            raise StoreCorruptError("the head of the ledger is damaged")
        _, clean, _, _, epoch, seq, delivered_seq, wall_ms, digest = HEAD.unpack(row[:-4])
        return cls(epoch, seq, delivered_seq, wall_ms, bool(clean), digest)


@dataclass(slots=True)
class AccountRow:
    """Durable state of one account: counters in the order of COUNTERS, units of the account."""

    number: int
    asset: int
    flags: int = OPEN
    lease: int = 0
    row_seq: int = 0
    counters: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])

    @property
    def peer_owes(self) -> int:
        """What the peer owes us; negative: it has prefunded."""
        return self.counters[0] - self.counters[1] - self.counters[3]

    @property
    def we_owe(self) -> int:
        """What we owe the peer; negative: we have prefunded."""
        return self.counters[2] - self.counters[4]


@dataclass(slots=True)
class HouseRow:
    """Our own position in one asset, in its units; see `ledger_house` in
    cext/ledger/ledger_book.h."""

    asset: int
    position: int = 0
    cash: int = 0
    loss: int = 0
    row_seq: int = 0


@dataclass(slots=True)
class AccountChange:
    """What one group did to one account: `counters` are differences, lease and flags new values or
    None."""

    number: int
    counters: list[int]
    lease: int | None
    flags: int | None


@dataclass(slots=True)
class Record:
    """One group of the log."""

    kind: int
    epoch: int
    seq: int
    delivered_seq: int
    wall_ms: int
    previous: bytes
    digest: bytes
    accounts: list[AccountChange]
    houses: list[HouseRow]  # differences; row_seq is not set


def digest_of(record: bytes) -> bytes:
    """SHA-256 of a record, which contains the digest of the one before: the chain."""
    return hashlib.sha256(record).digest()


def log_key(seq: int, part: int) -> bytes:
    """Key of one part of a record: ascending with the groups."""
    return seq.to_bytes(8, "big") + part.to_bytes(2, "big")


def split_record(seq: int, stored: bytes) -> list[tuple[bytes, bytes]]:
    """A record with its digest as items of the log table."""
    return [
        (log_key(seq, part), stored[at : at + PART_BYTES])
        for part, at in enumerate(range(0, len(stored), PART_BYTES))
    ]


def join_parts(items: list[tuple[bytes, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    """(seq, number of parts, stored record) of each group in the log. Raises StoreCorruptError for
    a part that is missing."""
    at = 0
    while at < len(items):
        seq = int.from_bytes(items[at][0][:8], "big")
        parts: list[bytes] = []
        while at < len(items) and items[at][0] == log_key(seq, len(parts)):
            parts.append(items[at][1])
            at += 1
        if not parts:
            raise StoreCorruptError(f"group {seq}: the first part of its record is missing")
        yield seq, len(parts), b"".join(parts)


def parse_record(seq: int, stored: bytes) -> Record:
    """Check the digest and read a record. Raises StoreCorruptError."""
    body, digest = stored[:-DIGEST_BYTES], stored[-DIGEST_BYTES:]
    if len(body) < HEADER.size or digest_of(body) != digest:
        raise StoreCorruptError(f"group {seq}: the digest does not fit the record")
    (
        version,
        kind,
        accounts,
        houses,
        packets,
        length,
        _,
        epoch,
        own_seq,
        delivered_seq,
        wall_ms,
        previous,
    ) = HEADER.unpack_from(body)
    if version != 1 or own_seq != seq or packets or length != len(body):
        raise StoreCorruptError(f"group {seq}: not a record of this group")
    record = Record(kind, epoch, seq, delivered_seq, wall_ms, previous, digest, [], [])
    at = HEADER.size
    try:
        for _ in range(accounts):
            at = _parse_account(body, at, record.accounts)
        for _ in range(houses):
            at = _parse_house_change(body, at, record.houses)
    except struct.error as error:
        raise StoreCorruptError(f"group {seq}: the record is cut short") from error
    if at != len(body):
        raise StoreCorruptError(f"group {seq}: the record has {len(body) - at} bytes too many")
    return record


def _parse_account(body: bytes, at: int, out: list[AccountChange]) -> int:
    number, mask = ACCOUNT.unpack_from(body, at)
    at += ACCOUNT.size
    values: list[int | None] = []
    for bit in range(7):
        if mask >> bit & 1:
            values.append(int(struct.unpack_from("<Q", body, at)[0]))
            at += 8
        else:
            values.append(None)
    out.append(AccountChange(number, [value or 0 for value in values[:5]], values[5], values[6]))
    return at


def _signed(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 16], "little", signed=True)


def _parse_house_change(body: bytes, at: int, out: list[HouseRow]) -> int:
    asset, _ = ACCOUNT.unpack_from(body, at)
    if len(body) < at + 56:
        raise struct.error("house")
    loss = int.from_bytes(body[at + 40 : at + 56], "little")
    out.append(HouseRow(asset, _signed(body, at + 8), _signed(body, at + 24), loss))
    return at + 56


def parse_rows(key: bytes, block: bytes) -> list[AccountRow]:
    """The accounts of one row block. Raises StoreCorruptError naming the account."""
    first = int.from_bytes(key, "big") * BLOCK_ACCOUNTS
    if len(key) != 4 or len(block) != ROW_BYTES * BLOCK_ACCOUNTS:
        raise StoreCorruptError(
            f"accounts {first} to {first + BLOCK_ACCOUNTS - 1}: the block has {len(block)} bytes"
        )
    rows = []
    for i in range(BLOCK_ACCOUNTS):
        row = block[i * ROW_BYTES : (i + 1) * ROW_BYTES]
        if not any(row):
            continue
        lease, row_seq, number, asset, flags, crc = struct.unpack_from("<QQIIII", row, 80)
        if zlib.crc32(row[:-4]) != crc or number != first + i:
            raise StoreCorruptError(f"account {first + i}: its row (group {row_seq}) is damaged")
        counters = [int.from_bytes(row[16 * k : 16 * k + 16], "little") for k in range(5)]
        rows.append(AccountRow(number, asset, flags, lease, row_seq, counters))
    return rows


def parse_house(key: bytes, row: bytes) -> HouseRow:
    """Raises StoreCorruptError naming the asset."""
    number = int.from_bytes(key, "big")
    if len(row) != HOUSE_ROW_BYTES or zlib.crc32(row[:-4]) != int.from_bytes(row[-4:], "little"):
        raise StoreCorruptError(f"asset {number}: the row of our own position is damaged")
    row_seq, asset = struct.unpack_from("<QI", row, 48)
    if asset != number:
        raise StoreCorruptError(f"asset {number}: the row is that of asset {asset}")
    return HouseRow(
        asset, _signed(row, 0), _signed(row, 16), int.from_bytes(row[32:48], "little"), row_seq
    )
