"""From a store to verified books: rows, plus what the log has beyond them, checked against each
other.

Owns steps R1 and R2 of a start. Must not write anything, nor know who asked: a boot refuses what
`verify` reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ilprouter.errors import StoreCorruptError
from ilprouter.ledger.layout import (
    HEAD_KEY,
    AccountRow,
    Head,
    HouseRow,
    Record,
    join_parts,
    parse_house,
    parse_record,
    parse_rows,
)
from ilprouter.stores.base import Store

__all__ = ["AccountName", "AssetName", "Books", "Problem", "read_books", "read_doubts"]

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


class AssetName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Row of the asset table."""

    code: str
    scale: int


class AccountName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Row of the account table: what a peer's name stands for, for ever."""

    number: int
    asset: int


class Problem(msgspec.Struct, frozen=True):
    """One contradiction in a store. `account` and `group` say where, when that is known."""

    message: str
    account: str | None = None
    group: int | None = None


@dataclass(slots=True)
class Books:
    """The durable state of a ledger.

    accounts   number -> state with the whole log applied
    ahead      numbers of accounts whose log is ahead of their row
    log        (seq, parts) of every record kept, ascending
    undelivered   records after `head.delivered_seq`
    doubts        what crashes left open, oldest first; `Ledger` writes them and says what they mean
    """

    head: Head = field(default_factory=Head)
    assets: dict[int, AssetName] = field(default_factory=dict)
    names: dict[str, AccountName] = field(default_factory=dict)
    accounts: dict[int, AccountRow] = field(default_factory=dict)
    houses: dict[int, HouseRow] = field(default_factory=dict)
    ahead: set[int] = field(default_factory=set)
    log: list[tuple[int, int]] = field(default_factory=list)
    undelivered: list[Record] = field(default_factory=list)
    doubts: list[dict[str, Any]] = field(default_factory=list)


def read_books(store: Store) -> tuple[Books, list[Problem]]:
    """Read and check everything. Never raises for damage: the list of problems is empty exactly
    when the books are sound."""
    books = Books()
    problems: list[Problem] = []
    try:
        head = store.get("meta", HEAD_KEY)
        if head is not None:
            books.head = Head.parse(head)
        _read_names(store, books)
        _read_rows(store, books, problems)
        _replay(store, books, problems)
        books.doubts = read_doubts(store)
    except (StoreCorruptError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        problems.append(Problem(str(error)))
        return books, problems
    problems.extend(_contradictions(books))
    return books, problems


def read_doubts(store: Store) -> list[dict[str, Any]]:
    """What crashes left open, oldest first. `id` names one of them."""
    return [
        {
            "id": key.hex(),
            "epoch": int.from_bytes(key[:8], "big"),
            **msgspec.json.decode(value),
        }
        for key, value in store.read("doubt")
    ]


def _read_names(store: Store, books: Books) -> None:
    for key, value in store.read("asset"):
        books.assets[int.from_bytes(key, "big")] = msgspec.json.decode(value, type=AssetName)
    numbers: dict[int, str] = {}
    for key, value in store.read("account"):
        name, entry = key.decode(), msgspec.json.decode(value, type=AccountName)
        if entry.asset not in books.assets:
            raise StoreCorruptError(
                f"account {name!r} is in asset {entry.asset}, which is not known"
            )
        if numbers.setdefault(entry.number, name) != name:
            raise StoreCorruptError(
                f"accounts {name!r} and {numbers[entry.number]!r} share the number {entry.number}"
            )
        books.names[name] = entry


def _read_rows(store: Store, books: Books, problems: list[Problem]) -> None:
    for key, value in store.read("row"):
        try:
            for row in parse_rows(key, value):
                books.accounts[row.number] = row
        except StoreCorruptError as error:
            problems.append(Problem(str(error)))
    for key, value in store.read("house"):
        house = parse_house(key, value)
        books.houses[house.asset] = house


def _records(store: Store, books: Books) -> Iterator[Record]:
    """The records of the log in order, as one chain that ends at the head."""
    head, last = books.head, None
    for seq, parts, stored in join_parts(list(store.read("log"))):
        record = parse_record(seq, stored)
        if last is not None and (
            record.previous != last.digest or seq != last.seq + 1 or record.epoch < last.epoch
        ):
            raise StoreCorruptError(f"group {seq} does not follow group {last.seq}")
        books.log.append((seq, parts))
        yield record
        last = record
    if last is None and head.seq:
        raise StoreCorruptError(f"the log is empty; the head is group {head.seq}")
    if last is not None and (last.seq, last.digest, last.epoch) != (
        head.seq,
        head.digest,
        head.epoch,
    ):
        raise StoreCorruptError(f"the log ends with group {last.seq}, the head is group {head.seq}")


def _replay(store: Store, books: Books, problems: list[Problem]) -> None:
    asset_of = {entry.number: entry.asset for entry in books.names.values()}
    for record in _records(store, books):
        sums: dict[int, HouseRow] = {}
        for change in record.accounts:
            if change.number not in asset_of:
                raise StoreCorruptError(
                    f"group {record.seq} changes account {change.number}, which has no name"
                )
            asset = asset_of[change.number]
            row = books.accounts.setdefault(
                change.number, AccountRow(change.number, asset, flags=0)
            )
            if record.seq > row.row_seq:
                books.ahead.add(change.number)
                row.counters = [
                    old + new for old, new in zip(row.counters, change.counters, strict=True)
                ]
                row.lease = row.lease if change.lease is None else change.lease
                row.flags = row.flags if change.flags is None else change.flags
            house = sums.setdefault(asset, HouseRow(asset))
            house.position += change.counters[0] - change.counters[1] - change.counters[2]
            house.cash += change.counters[3] - change.counters[4]
            house.loss += change.counters[1]
        stated = {house.asset: house for house in record.houses}
        for asset, house in sums.items():
            if house != stated.pop(asset, HouseRow(asset)):
                problems.append(
                    Problem(
                        f"asset {asset}: the group's own sum differs from its accounts",
                        group=record.seq,
                    )
                )
        for asset in stated:
            problems.append(Problem(f"asset {asset}: changed without an account", group=record.seq))
        if record.seq > books.head.delivered_seq:
            books.undelivered.append(record)


def _contradictions(books: Books) -> Iterator[Problem]:
    name_of = {entry.number: name for name, entry in books.names.items()}
    sums: dict[int, HouseRow] = {asset: HouseRow(asset) for asset in (*books.assets, *books.houses)}
    for number, row in books.accounts.items():
        name = name_of.get(number, str(number))
        entry = books.names.get(name)
        if entry is None or entry.asset != row.asset or not row.flags:
            yield Problem("a row without an account of its asset", account=name)
            continue
        if row.row_seq > books.head.seq:
            yield Problem(f"its row is of group {row.row_seq}, after the head", account=name)
        if not INT64_MIN <= row.peer_owes <= INT64_MAX or not INT64_MIN <= row.we_owe <= INT64_MAX:
            yield Problem("its position does not fit 64 bits", account=name)
        house = sums[row.asset]
        house.position += row.counters[0] - row.counters[1] - row.counters[2]
        house.cash += row.counters[3] - row.counters[4]
        house.loss += row.counters[1]
    for name, entry in books.names.items():
        if entry.number not in books.accounts:
            yield Problem("neither a row nor a log record", account=name)
    for asset, house in sums.items():
        own = books.houses.get(asset, HouseRow(asset))
        if own.row_seq > books.head.seq:
            yield Problem(f"asset {asset}: its row is of group {own.row_seq}, after the head")
        if (own.position, own.cash, own.loss) != (house.position, house.cash, house.loss):
            yield Problem(
                f"asset {asset}: the accounts sum to position {house.position}, "
                f"cash {house.cash}, loss {house.loss}; "
                f"our own row says {own.position}, {own.cash}, {own.loss}"
            )
