"""Settlements we ordered: each a durable row that entered with its debit, and never a second key.

Owns the table `outbox` and the states of an order. Knows no engine and no HTTP.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ilprouter import clock
from ilprouter.errors import StoreError
from ilprouter.ledger.accounts import Account, Ledger
from ilprouter.ledger.groups import GroupCommitter
from ilprouter.settlement.quantity import Quantity

__all__ = ["Order", "Outbox", "State"]

State = Literal["queued", "sent", "done", "parked"]
FINISHED_MAX = 1000  # orders that are done stay visible until so many newer ones are


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement we ordered.

    id           idempotency key, for ever
    seq          row number, growing
    account      name; number is its slot in the books
    debit        what the books were debited, units of the account
    amount       what the engine is told, x 10^-scale
    state        queued: no engine has seen it; sent: one may have; done: one has taken it;
                 parked: an engine refused it, or it is in doubt for too long, and a person decides
    engine       URL of the engine it was last sent to
    doubt_ms     wall clock of the last request whose outcome is not known; 0: there is none
    ordered_ms   wall clock; why: threshold, time, hand
    attempts     requests begun, at least
    reason       of the last failure
    """

    id: str
    seq: int
    account: str
    number: int
    debit: str
    amount: str
    scale: int
    why: str
    ordered_ms: int
    state: State = "queued"
    engine: str = ""
    doubt_ms: int = 0
    attempts: int = 0
    reason: str = ""

    @property
    def quantity(self) -> Quantity:
        """What the engine is told."""
        return Quantity(int(self.amount), self.scale)


class Outbox:
    """Every order that is not done, and the last FINISHED_MAX that are.

    orders   by id, oldest first
    open     by account: at most one order of an account is queued, sent or parked
    last_ordered_ms   by account, as far as its orders are kept
    """

    def __init__(
        self, ledger: Ledger, committer: GroupCommitter, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self.ledger = ledger
        self.committer = committer
        self.now_ms = now_ms
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.last_ordered_ms: dict[str, int] = {}
        self._finished: deque[str] = deque()
        self._seq = 0
        for key, value in ledger.store.read("outbox"):
            order = msgspec.json.decode(value, type=Order)
            self._seq = int.from_bytes(key, "big")
            self._remember(order)

    def order(
        self, account: Account, debit: int, quantity: Quantity, why: str, key: str | None = None
    ) -> Order:
        """Debit the account and enter the order, both with the open group.

        debit      units of the account
        quantity   the same value in the engine's scale
        key        None: a new UUID
        raises     AmountOverflowError: nothing changed; StoreError: the store is fenced
        """
        if self.committer.fenced is not None:
            raise StoreError(f"the store is fenced: {self.committer.fenced}")
        self.ledger.book.settle_out(account.number, debit)
        self._seq += 1
        order = Order(
            id=key or str(uuid.uuid4()),
            seq=self._seq,
            account=account.name,
            number=account.number,
            debit=str(debit),
            amount=str(quantity.amount),
            scale=quantity.scale,
            why=why,
            ordered_ms=self.now_ms(),
        )
        self._write(order)
        self.committer.maybe_commit()
        return order

    def change(self, order: Order, **changes: Any) -> Order:
        """Replace fields of an order; durable with the open group."""
        after = msgspec.structs.replace(order, **changes)
        self._write(after)
        self.committer.maybe_commit()
        return after

    async def durable(self) -> None:
        """Wait until everything entered so far is on disk. Raises StoreError."""
        await self.committer.durable()

    def _write(self, order: Order) -> None:
        self.ledger.journal.ride("outbox", [(row_key(order), msgspec.json.encode(order))])
        self._remember(order)
        while len(self._finished) > FINISHED_MAX:
            gone = self.orders.pop(self._finished.popleft())
            self.ledger.journal.drop("outbox", [row_key(gone)])

    def _remember(self, order: Order) -> None:
        self.last_ordered_ms[order.account] = order.ordered_ms
        if order.state == "done":
            if self.orders.get(order.id) is None or self.orders[order.id].state != "done":
                self._finished.append(order.id)
            if (held := self.open.get(order.account)) is not None and held.id == order.id:
                del self.open[order.account]
        else:
            self.open[order.account] = order
        self.orders[order.id] = order


def row_key(order: Order) -> bytes:
    """Rows stand in the order in which they were written first."""
    return order.seq.to_bytes(8, "big")
