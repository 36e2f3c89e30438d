"""Accounts by name: numbers that never change, assets, and the way from a store to a running
ledger.

Owns the two registries and the boot commit. Must not be imported by the core, nor be asked anything
on the packet path.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from ilprouter.clock import now_ms
from ilprouter.errors import ConfigError, StoreCorruptError, UnknownAccountError
from ilprouter.ledger.book import Book
from ilprouter.ledger.journal import Journal
from ilprouter.ledger.layout import KIND_BOOT, Head
from ilprouter.ledger.recovery import AccountName, AssetName, Books, read_books, read_doubts
from ilprouter.stores.base import Store

__all__ = ["Account", "Ledger"]


@dataclass(frozen=True, slots=True)
class Account:
    """One account: `number` is its slot in the book and its row in the store, for ever."""

    name: str
    number: int
    asset: int
    asset_code: str
    asset_scale: int


class Ledger:
    """The books of a router over a store: opened, verified, ready for accounts to be named and then
    for the boot commit.

    store          open
    accounts_max   accounts that can ever exist, removed ones included
    raises         StoreCorruptError when the books contradict themselves; the message says where
    """

    def __init__(self, store: Store, *, accounts_max: int = 65536) -> None:
        books, problems = read_books(store)
        if problems:
            first = problems[0]
            where = f"account {first.account}: " if first.account else ""
            where += f"group {first.group}: " if first.group else ""
            raise StoreCorruptError(f"{where}{first.message} ({len(problems)} problems in all)")
        self.store = store
        self.book = Book(max(accounts_max, len(books.names)))
        self.journal = Journal(self.book, store, books.head, books.log)
        self.booted = False
        self._assets = dict(books.assets)
        self._names = dict(books.names)
        # Dense, and never given out again: a number is a slot in the book and a row in the store.
        self._next_number = max((entry.number for entry in books.names.values()), default=-1) + 1
        self._restore(books)
        self._note_doubts(books)

    def _restore(self, books: Books) -> None:
        for row in books.accounts.values():
            self.book.restore_account(
                row.number, row.asset, row.flags, row.lease, row.counters, row.number in books.ahead
            )
        for house in books.houses.values():
            self.book.restore_house(
                house.asset, house.position, house.cash, house.loss, house.row_seq
            )

    def _note_doubts(self, books: Books) -> None:
        """What the last incarnation may have left open becomes durable with the boot commit.

        lease         what the peer may claim at most that we do not know
        undelivered   charges, of all groups from `first_group` to `group`, whose Fulfill may not
                      have reached the peer

        One item of each kind per account: a boot commit stays small whatever was in flight. Amounts
        are decimal strings, in units of the account.
        """
        head = books.head
        items = []
        for row in books.accounts.values():
            if row.lease:
                entry: dict[str, Any] = {
                    "kind": "lease",
                    "account": row.number,
                    "amount": str(row.lease),
                }
                items.append((_doubt_key(head.epoch, 0, row.number), msgspec.json.encode(entry)))
        charged: Counter[int] = Counter()
        for record in books.undelivered if not head.clean else ():
            for change in record.accounts:
                charged[change.number] += change.counters[0]
        for number, amount in charged.items():
            if amount:
                entry = {
                    "kind": "undelivered",
                    "account": number,
                    "amount": str(amount),
                    "first_group": books.undelivered[0].seq,
                    "group": head.seq,
                }
                key = _doubt_key(head.epoch, head.seq, number)
                items.append((key, msgspec.json.encode(entry)))
        if items:
            self.journal.ride("doubt", items)
        self.journal.delivered_seq = head.seq

    @property
    def head(self) -> Head:
        """The last committed group."""
        return self.journal.head

    @property
    def epoch(self) -> int:
        """Incarnation of the router; durable before it is used, once `boot` has returned."""
        return self.journal.head.epoch

    def boot(self) -> Head:
        """The boot commit: a new epoch, no leases, doubts noted. Before it nothing read back may be
        acted upon (I13).

        Blocks on the disk. Raises StoreError.
        """
        if self.booted:
            raise RuntimeError("booted already")
        self.journal.seal()
        head = self.journal.write(KIND_BOOT, epoch=self.head.epoch + 1)
        self.journal.release()
        self.journal.delivered_seq = head.seq
        self.booted = True
        return head

    def check_account(self, name: str, asset_code: str, asset_scale: int) -> Account | None:
        """The account of that name, None when there is none yet.

        raises   ConfigError when it exists in another asset: money does not change its unit
        """
        if (known := self._names.get(name)) is None:
            return None
        account = self._account(name, known)
        if (account.asset_code, account.asset_scale) != (asset_code, asset_scale):
            kept = f"{account.asset_code}/{account.asset_scale}"
            raise ConfigError(
                "",
                f"peer {name!r}: asset",
                f"{asset_code}/{asset_scale}",
                f"{kept}, in which its account is kept; a new asset needs a new name",
            )
        return account

    def open_account(self, name: str, asset_code: str, asset_scale: int) -> Account:
        """The account of that name, created when it does not exist; without limits nothing passes
        (`set_limits`).

        A new one rides in the open group: it is durable before, or together with, the first amount
        that touches it.
        raises   ConfigError when the account exists in another asset: money does not change its
                 unit
        """
        if (account := self.check_account(name, asset_code, asset_scale)) is not None:
            return account
        number = self._next_number
        if number >= self.book.accounts_max:
            raise ConfigError(
                "",
                "peer",
                name,
                f"at most {self.book.accounts_max} accounts, removed ones included",
            )
        entry = AccountName(number, self._asset(asset_code, asset_scale))
        self.book.open_account(number, entry.asset)
        self.journal.ride("account", [(name.encode(), msgspec.json.encode(entry))])
        self._names[name] = entry
        self._next_number += 1
        return self._account(name, entry)

    def _asset(self, code: str, scale: int) -> int:
        wanted = AssetName(code, scale)
        for number, asset in self._assets.items():
            if asset == wanted:
                return number
        number = len(self._assets)
        self._assets[number] = wanted
        self.journal.ride("asset", [(number.to_bytes(4, "big"), msgspec.json.encode(wanted))])
        return number

    def _account(self, name: str, entry: AccountName) -> Account:
        asset = self._assets[entry.asset]
        return Account(name, entry.number, entry.asset, asset.code, asset.scale)

    def account(self, name: str) -> Account:
        """Raises UnknownAccountError."""
        if name not in self._names:
            raise UnknownAccountError(name)
        return self._account(name, self._names[name])

    def accounts(self) -> list[Account]:
        """Every account that ever existed, by number."""
        return sorted(
            (self._account(name, entry) for name, entry in self._names.items()),
            key=lambda item: item.number,
        )

    def set_limits(
        self,
        name: str,
        *,
        credit_limit: int = 0,
        own_limit: int | None = None,
        lease_max: int | None = None,
    ) -> None:
        """Bounds of an account's exposures, effective at once; see `Book.set_limits`."""
        self.book.set_limits(self.account(name).number, credit_limit, own_limit, lease_max)

    def freeze(self, name: str, frozen: bool = True) -> None:
        """Stop (or allow) new Prepares of this account at once; durable with the open group."""
        self.book.freeze(self.account(name).number, frozen)

    def describe(self, name: str) -> dict[str, Any]:
        """One account for operators: name, asset, and `Book.account`."""
        account = self.account(name)
        state = self.book.account(account.number)
        return {
            "name": name,
            "number": account.number,
            **state,
            "asset": {"code": account.asset_code, "scale": account.asset_scale},
        }

    def houses(self) -> list[dict[str, Any]]:
        """Our own position per asset: position, cash, loss, in the asset's units."""
        return [
            {"asset": {"code": asset.code, "scale": asset.scale}, **self.book.house(number)}
            for number, asset in sorted(self._assets.items())
        ]

    def doubts(self) -> list[dict[str, Any]]:
        """What crashes left open, oldest first; see `_note_doubts`. `id` names one of them."""
        return read_doubts(self.store)

    def resolve_doubt(self, name: str, note: str) -> None:
        """Close a doubt with what the operator found; durable with the open group.

        name     its `id`
        raises   KeyError when there is none
        """
        try:
            key = bytes.fromhex(name)
        except ValueError:
            raise KeyError(name) from None
        value = self.store.get("doubt", key)
        if value is None:
            raise KeyError(name)
        entry = {**msgspec.json.decode(value), "note": note, "resolved_at_ms": now_ms()}
        self.journal.ride("doubt", [(key, msgspec.json.encode(entry))])

    def clock_went_back(self) -> int:
        """Milliseconds by which the wall clock is behind the last commit; 0 when it is not."""
        return max(0, self.head.wall_ms - now_ms())


def _doubt_key(epoch: int, seq: int, account: int) -> bytes:
    return epoch.to_bytes(8, "big") + seq.to_bytes(8, "big") + account.to_bytes(4, "big")
