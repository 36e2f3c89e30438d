"""A store without a disk, for tests and for nodes that keep no balances.

Owns dictionaries. Must not know what is in them.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from ilprouter.errors import StoreError
from ilprouter.stores.base import TABLES, Batch, Item, Usage

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps the promises of `Store` except durability.

    tables   contents to start from, for example `contents()` of a store that "crashed"; copied
    """

    def __init__(self, tables: dict[str, dict[bytes, bytes]] | None = None) -> None:
        self._tables: dict[str, dict[bytes, bytes]] = {name: {} for name in TABLES}
        for name, items in (tables or {}).items():
            self._tables[name].update(items)
        self._open = False
        self.commits = 0
        self.emergencies: list[bytes] = []

    def open(self) -> None:
        """Take the store."""
        if self._open:
            raise StoreError("the store is open already")
        self._open = True

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value, or None."""
        return self._tables[table].get(key)

    def read(self, table: str) -> Sequence[Item]:
        """Every item of a table, by ascending key."""
        return sorted(self._tables[table].items())

    def first(self, table: str, count: int) -> Sequence[Item]:
        """The first `count` items of a table, by ascending key."""
        return heapq.nsmallest(count, list(self._tables[table].items()))

    def commit(self, batch: Batch) -> None:
        """Apply a batch: everything is checked before anything changes."""
        if not self._open:
            raise StoreError("the store is closed")
        for table, items in batch.appends.items():
            keys = [key for key, _ in items]
            last = max(self._tables[table], default=b"")
            if keys != sorted(set(keys)) or (keys and keys[0] <= last and last):
                raise StoreError(f"{table}: an append must ascend")
        for table, gone in batch.deletes.items():
            for key in gone:
                self._tables[table].pop(key, None)
        for table, items in (*batch.puts.items(), *batch.appends.items()):
            self._tables[table].update((bytes(key), bytes(value)) for key, value in items)
        self.commits += 1

    def grow(self) -> None:
        """Nothing to do: memory grows by itself."""

    def emergency(self, record: bytes) -> None:
        """Keep the bytes in `emergencies`."""
        self.emergencies.append(record)

    def usage(self) -> Usage:
        """Bytes of keys and values; memory has no bound of its own."""
        used = sum(
            len(key) + len(value) for table in self._tables.values() for key, value in table.items()
        )
        return Usage(used, 0)

    def contents(self) -> dict[str, dict[bytes, bytes]]:
        """A copy of all tables."""
        return {name: dict(items) for name, items in self._tables.items()}

    def close(self) -> None:
        """Give the store back; its contents stay."""
        self._open = False
