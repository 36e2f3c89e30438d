"""One group on its way to the disk: log record, digest chain, folded rows, head, and what other
parts add to it.

Owns the sequence of groups and what each transaction contains. Must not know threads, packets or
when a group is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ilprouter.clock import now_ms
from ilprouter.ledger.book import Book
from ilprouter.ledger.layout import (
    HEAD_KEY,
    KIND_GROUP,
    KIND_STOP,
    Head,
    digest_of,
    log_key,
    split_record,
)
from ilprouter.stores.base import Batch, Item, Store

__all__ = ["Journal"]

PURGE_PARTS_MIN = 64  # log parts deleted by one commit at least, when so many are no longer needed


class Journal:
    """The writer of one ledger. seal and release on the loop thread, write on the committer's,
    never at the same time.

    book    the accounts in memory
    store   open
    head    the last committed group
    log     (seq, parts) of the records in the store, ascending
    """

    def __init__(
        self, book: Book, store: Store, head: Head, log: Iterable[tuple[int, int]] = ()
    ) -> None:
        self.book = book
        self.store = store
        self.head = head
        self.delivered_seq = head.delivered_seq
        self.record = b""
        self._log = deque(log)
        self._open = Batch()
        self._sealed = Batch()
        self._riders = 0

    def ride(self, table: str, items: Iterable[Item]) -> None:
        """Put rows into the transaction of the open group: they are durable exactly when its
        changes are."""
        self._open.put(table, items)
        self._riders += 1

    def drop(self, table: str, keys: Iterable[bytes]) -> None:
        """Delete rows with the transaction of the open group; a row it also puts stays."""
        self._open.deletes.setdefault(table, []).extend(keys)
        self._riders += 1

    @property
    def pending(self) -> bool:
        """Is there anything to commit?"""
        return self.book.open_changes > 0 or self._riders > 0

    def seal(self) -> None:
        """Close the open group."""
        self.book.seal()
        self._sealed, self._open = self._open, Batch()
        self._riders = 0

    def write(self, kind: int = KIND_GROUP, *, epoch: int | None = None) -> Head:
        """Commit the sealed group.

        kind      group, boot or stop
        epoch     the new epoch of a boot
        returns   the new head; when it is returned, it is durable
        raises    StoreError: nothing of this group may be acknowledged, nor any later one
        """
        before = self.head
        head = replace(
            before,
            epoch=before.epoch if epoch is None else epoch,
            seq=before.seq + 1,
            delivered_seq=self.delivered_seq,
            wall_ms=now_ms(),
            clean=kind == KIND_STOP,
        )
        written = self.book.encode(
            kind, head.epoch, head.seq, head.delivered_seq, head.wall_ms, before.digest
        )
        head = replace(head, digest=digest_of(written.record))
        self.record = written.record + head.digest
        parts = split_record(head.seq, self.record)
        batch = self._sealed
        batch.put("row", written.rows)
        batch.put("house", written.houses)
        batch.put("meta", [(HEAD_KEY, head.pack())])
        batch.appends["log"] = parts
        self._purge(
            batch, min(written.folded_seq, head.delivered_seq), max(PURGE_PARTS_MIN, 2 * len(parts))
        )
        self._log.append((head.seq, len(parts)))
        self.store.commit(batch)
        self.head = head
        return head

    def _purge(self, batch: Batch, up_to: int, parts_max: int) -> None:
        """Delete records that every row contains already and whose answers were handed over."""
        keys: list[bytes] = []
        while self._log and self._log[0][0] <= up_to and len(keys) < parts_max:
            seq, parts = self._log.popleft()
            keys.extend(log_key(seq, part) for part in range(parts))
        if keys:
            batch.deletes["log"] = keys

    def release(self) -> None:
        """The sealed group is durable."""
        self.book.release()
        self._sealed = Batch()
