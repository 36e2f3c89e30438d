"""What an engine says it can settle now: while fresh, it lowers how much we may owe the peer.

Owns the records and their end. The books refuse (T04); an old record counts for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ilprouter.clock import boottime_ns

__all__ = ["Capacities"]


@dataclass(slots=True)
class Record:
    """One engine's word. amount: units of the account, orders since then taken off."""

    amount: int
    pushed_ns: int
    timer: asyncio.TimerHandle


class Capacities:
    """Records by account.

    apply   called with (account, limit) when the limit changes; None: the configured one alone
    """

    def __init__(self, apply: Callable[[str, int | None], None]) -> None:
        self.apply = apply
        self.records: dict[str, Record] = {}

    def push(self, account: str, amount: int, ttl_ms: int) -> None:
        """A new record replaces the one before.

        amount   units of the account that could be settled, orders already given not counted in
        """
        self._drop(account)
        timer = asyncio.get_running_loop().call_later(ttl_ms / 1000, self._expire, account)
        self.records[account] = Record(amount, boottime_ns(), timer)
        self.apply(account, amount)

    def spend(self, account: str, amount: int) -> None:
        """An order uses what the engine had when it spoke."""
        if (record := self.records.get(account)) is not None:
            record.amount -= amount
            self.apply(account, record.amount)

    def ages(self) -> dict[str, float]:
        """Seconds since each fresh record was pushed."""
        now_ns = boottime_ns()
        return {name: (now_ns - record.pushed_ns) / 1e9 for name, record in self.records.items()}

    def close(self) -> None:
        """Forget all records; limits stay as they are."""
        for account in list(self.records):
            self._drop(account)

    def _drop(self, account: str) -> None:
        if (record := self.records.pop(account, None)) is not None:
            record.timer.cancel()

    def _expire(self, account: str) -> None:
        self._drop(account)
        self.apply(account, None)
