"""Ledgers for tests: a barrier that counts, stores that fail or wait on demand."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ilprouter.ledger import Ledger
from ilprouter.stores.base import Batch, Item, Usage
from ilprouter.stores.memory import MemoryStore

CREDIT = 1_000_000


class CountingBarrier:
    """What the switch does for the committer, as counters."""

    def __init__(self) -> None:
        self.waiting = 0
        self.sealed = 0
        self.released = 0
        self.fences = 0

    def barrier_seal(self) -> int:
        assert self.sealed == 0, "sealed twice"
        self.sealed, self.waiting = self.waiting, 0
        return self.sealed

    def barrier_release(self) -> None:
        self.released += self.sealed
        self.sealed = 0

    def fence(self) -> None:
        self.fences += 1


class FaultyStore:
    """A store around another one, whose commits can be made to fail or to wait.

    error   raised by every commit from number `fail_at` on (1 is the first)
    gate    cleared: commits wait for it before they happen
    """

    def __init__(
        self, inner: MemoryStore, error: Exception | None = None, fail_at: int = 1 << 60
    ) -> None:
        self.inner = inner
        self.error = error
        self.fail_at = fail_at
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    @property
    def commits(self) -> int:
        return self.inner.commits

    def open(self) -> None:
        self.inner.open()

    def get(self, table: str, key: bytes) -> bytes | None:
        return self.inner.get(table, key)

    def read(self, table: str) -> Sequence[Item]:
        return self.inner.read(table)

    def first(self, table: str, count: int) -> Sequence[Item]:
        return self.inner.first(table, count)

    def commit(self, batch: Batch) -> None:
        self.calls += 1
        assert self.gate.wait(20)
        if self.calls >= self.fail_at and self.error is not None:
            raise self.error
        self.inner.commit(batch)

    def emergency(self, record: bytes) -> None:
        self.inner.emergency(record)

    def grow(self) -> None:
        self.inner.grow()

    def usage(self) -> Usage:
        return self.inner.usage()

    def close(self) -> None:
        self.inner.close()


def ledger_over(store, names: Sequence[str] = ("alice", "bob"), credit: int = CREDIT) -> Ledger:
    """A booted ledger over an open store: accounts in USD/9, each with the same credit limit."""
    ledger = Ledger(store, accounts_max=1024)
    for name in names:
        ledger.open_account(name, "USD", 9)
        ledger.set_limits(name, credit_limit=credit)
    ledger.boot()
    return ledger


def commit(ledger: Ledger) -> None:
    """Commit the open group on this thread."""
    ledger.journal.seal()
    head = ledger.journal.write()
    ledger.journal.release()
    ledger.journal.delivered_seq = head.seq


def pay(ledger: Ledger, payer: int, payee: int, amount_in: int, amount_out: int) -> None:
    """One fulfilled packet, decided but not committed; commits only when a lease must grow."""
    assert ledger.book.hold_in(payer, amount_in) == 0
    if ledger.book.hold_out(payee, amount_out) == 1:
        commit(ledger)
        assert ledger.book.hold_out(payee, amount_out) == 0
    ledger.book.credit(payee, amount_out)
    ledger.book.charge(payer, amount_in)


def restart(store: MemoryStore) -> MemoryStore:
    """The store as a new process finds it after the old one died."""
    again = MemoryStore(store.contents())
    again.open()
    return again
