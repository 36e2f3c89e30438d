"""What every store promises: named tables of byte strings, changed by batches that are all there or
not at all.

Owns the interface and the list of tables. Must not know what the bytes mean: never a policy, never
an amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

__all__ = ["SCHEMA_VERSION", "TABLES", "Batch", "Item", "Store", "Usage"]

SCHEMA_VERSION = 2

TABLES = (
    "meta",  # head of the ledger; the store's own identity row
    "asset",  # asset number -> code, scale
    "account",  # account name -> number, asset
    "row",  # block of 16 accounts -> their counters
    "house",  # asset number -> our own position
    "log",  # group, part -> what the group changed; appended, and purged from the front
    "doubt",  # what a crash left open, for the operator
    "idem",  # settlement notifications already applied
    "idem_used",  # the same by time of last use
    "outbox",  # settlements ordered
    "settlement",  # account -> what its settlements left over, and what was credited today
    "packet",  # entries of single packets, for links that resume
)

Item = tuple[bytes, bytes]


@dataclass(slots=True)
class Batch:
    """One atomic change. Deletes come first: what a batch both deletes and puts is there after it.

    puts      table -> items; an existing key is overwritten
    appends   table -> items in ascending key order, all above every key of the table
    deletes   table -> keys; a missing key is not an error
    """

    puts: dict[str, list[Item]] = field(default_factory=dict)
    appends: dict[str, list[Item]] = field(default_factory=dict)
    deletes: dict[str, list[bytes]] = field(default_factory=dict)

    def put(self, table: str, items: Iterable[Item]) -> None:
        """Add items to `puts`."""
        self.puts.setdefault(table, []).extend(items)


class Usage(NamedTuple):
    """How full a store is, in bytes. `used` counts pages ever used: it does not shrink. `size` 0:
    there is no bound."""

    used: int
    size: int

    @property
    def ratio(self) -> float:
        """0 to 1."""
        return self.used / self.size if self.size else 0.0


class Store(Protocol):
    """A durable store of one router. One thread commits at a time; reads see the last commit.

    commits   batches committed since open; grows by one when `commit` returned, before anyone may
              act on it
    """

    commits: int

    def open(self) -> None:
        """Take the store, create what is missing. Raises StoreError (in use, newer schema),
        StoreCorruptError, StoreFullError."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value, or None."""

    def read(self, table: str) -> Sequence[Item]:
        """Every item of a table, by ascending key."""

    def first(self, table: str, count: int) -> Sequence[Item]:
        """The first `count` items of a table, by ascending key."""

    def commit(self, batch: Batch) -> None:
        """Apply a batch; when this returns, it survives power loss. A store that is full grows once
        and tries once more. Raises StoreError: then whether it is on disk is unknown, and the store
        must not be used any more."""

    def grow(self) -> None:
        """Reserve more space; on the thread that commits, between two commits. Raises StoreError
        when there is none: nothing changed then, and the store goes on as it is."""

    def emergency(self, record: bytes) -> None:
        """Keep the bytes of a group that could not be committed, as well as is still possible.
        Never raises."""

    def usage(self) -> Usage:
        """Space used and reserved."""

    def close(self) -> None:
        """Give the store back. Safe to call twice."""
