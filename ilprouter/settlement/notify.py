"""Settlements that engines report: each is credited once, with its key and left-over in one group.

Owns the table `settlement` (what an account's settlements left over, what was credited today) and
the cap on it. Knows no HTTP: what must not be answered is a StoreError.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from ilprouter import clock
from ilprouter.config import Peer
from ilprouter.errors import AmountOverflowError, SettlementError, StoreError, UnknownAccountError
from ilprouter.ledger.accounts import Account, Ledger
from ilprouter.ledger.groups import GroupCommitter
from ilprouter.settlement.idempotency import Answer, IdempotencyKeys, digest_of
from ilprouter.settlement.quantity import NOTHING, Quantity, convert

__all__ = ["CreditCapError", "Incoming", "Notifications"]

DAY_MS = 86_400_000
U64_MAX = 2**64 - 1
CREATED = 201
log = logging.getLogger(__name__)


class CreditCapError(SettlementError):
    """An engine reports more in one day than its account allows; nothing was applied."""


class Incoming(msgspec.Struct, frozen=True, array_like=True):
    """Row of the table: what stays of the settlements an account received.

    left_amount, left_scale   what conversions left over, exact, less than one unit
    day                       days since 1970 (UTC) of the last credit
    credited                  in that day, units of the account, decimal text
    """

    left_amount: str = "0"
    left_scale: int = 0
    day: int = 0
    credited: str = "0"

    @property
    def leftover(self) -> Quantity:
        """The exact fraction that waits for the next settlement."""
        return Quantity(int(self.left_amount), self.left_scale)


class Notifications:
    """Credits what engines report.

    peers    by name, of the configuration in force
    now_ms   wall clock
    """

    def __init__(
        self,
        ledger: Ledger,
        committer: GroupCommitter,
        peers: Mapping[str, Peer],
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self.ledger = ledger
        self.committer = committer
        self.peers = peers
        self.now_ms = now_ms
        self.keys = IdempotencyKeys(ledger, committer, now_ms)
        self.incoming: dict[int, Incoming] = {
            int.from_bytes(key, "big"): msgspec.json.decode(value, type=Incoming)
            for key, value in ledger.store.read("settlement")
        }

    async def notify(self, name: str, key: str, quantity: Quantity) -> Answer:
        """Credit a settlement once, and return the answer when it is durable.

        name      of the account
        key       idempotency key, 1 to 255 bytes
        raises    UnknownAccountError, IdempotencyConflictError, AmountOverflowError or
                  CreditCapError: nothing was applied, and will not be;
                  StoreError: nobody knows, so nobody may be answered
        """
        if self.committer.fenced is not None:
            raise StoreError(f"the store is fenced: {self.committer.fenced}")
        answer = self._enter(name, key, quantity)
        await self.keys.durable()
        return answer

    def _enter(self, name: str, key: str, quantity: Quantity) -> Answer:
        """Find the key's answer, or put the credit and the key into the open group."""
        account = self.ledger.account(name)
        value = quantity.reduced()
        digest = digest_of(name, f"{value.amount}e-{value.scale}")
        # Before anything else: the key of an account whose peer is gone was applied all the same.
        if (known := self.keys.find(key, account.number, digest, self._alone)) is not None:
            return known
        peer = self.peers.get(name)
        if peer is None or peer.settlement is None:
            raise UnknownAccountError(name)
        before = self.incoming.get(account.number, Incoming())
        units, rest = convert(quantity, account.asset_scale, before.leftover)
        if units > U64_MAX:
            raise AmountOverflowError(f"account {name!r}: the settlement is over 2^64 - 1 units")
        after = self._after(peer, before, units, rest)
        if units:
            self.ledger.book.settle_in(account.number, units)
        # From here on nothing may fail: the credit is in the group.
        if after != before:
            self._write(account, after)
        body = msgspec.json.encode(quantity.to_json()).decode()
        answer = Answer(account.number, digest, CREATED, body, str(units))
        self.keys.enter(key, answer)
        log.info(
            "settlement received",
            extra={"account": name, "units": units, "left_over": f"{rest.amount}e-{rest.scale}"},
        )
        return answer

    def _after(self, peer: Peer, before: Incoming, units: int, rest: Quantity) -> Incoming:
        """The account's row with this credit. Raises CreditCapError."""
        # A clock that went back does not give a second allowance.
        day = max(self.now_ms() // DAY_MS, before.day)
        credited = units + (int(before.credited) if day == before.day else 0)
        cap = peer.settlement.credit_max_per_day if peer.settlement else None
        if cap is not None and units and credited > cap:
            raise CreditCapError(
                f"account {peer.name!r}: {credited} units in one day; credit_max_per_day is {cap}"
            )
        left = rest.reduced() if rest.amount else NOTHING
        return Incoming(str(left.amount), left.scale, day, str(credited))

    def _write(self, account: Account, row: Incoming) -> None:
        self.incoming[account.number] = row
        self.ledger.journal.ride(
            "settlement", [(account.number.to_bytes(4, "big"), msgspec.json.encode(row))]
        )

    def _alone(self, number: int) -> bool:
        """Has the account an engine of its own, whose keys mean nothing to others?"""
        for account in self.ledger.accounts():
            if account.number == number:
                peer = self.peers.get(account.name)
                settlement = peer.settlement if peer else None
                return settlement is not None and settlement.token is not None
        return False
