"""The audit of a stopped router's books: everything a start would refuse, as a report.

Owns the report. Must not change the store: it is opened read-only, under the same lock as the
daemon.
"""

from __future__ import annotations

import os
from typing import Any

from ilprouter.errors import StoreError, StoreInUseError
from ilprouter.ledger.recovery import Books, Problem, read_books
from ilprouter.stores.lmdb import LmdbStore

__all__ = ["verify"]


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Audit the store in a directory.

    returns   {"ok", "problems": [{"message", "account", "group"}], "epoch", "group", "clean",
              "groups_kept", "accounts", "houses", "doubts"}; ready for JSON, amounts as decimal
              strings. `ok` is False also when the store cannot be opened.
    raises    StoreInUseError when another instance uses the store
    """
    store = LmdbStore(path, readonly=True)
    try:
        store.open()
    except StoreInUseError:
        raise
    except StoreError as error:
        return report(Books(), [Problem(str(error))])
    try:
        return report(*read_books(store))
    finally:
        store.close()


def report(books: Books, problems: list[Problem]) -> dict[str, Any]:
    """The same for books already read."""
    names = {entry.number: name for name, entry in books.names.items()}
    return {
        "ok": not problems,
        "problems": [
            {"message": item.message, "account": item.account, "group": item.group}
            for item in problems
        ],
        "epoch": books.head.epoch,
        "group": books.head.seq,
        "clean": books.head.clean,
        "groups_kept": len(books.log),
        "accounts": [
            {
                "name": name,
                "asset": {
                    "code": books.assets[entry.asset].code,
                    "scale": books.assets[entry.asset].scale,
                },
                "peer_owes": str(row.peer_owes),
                "we_owe": str(row.we_owe),
                "fulfilled_in": str(row.counters[0]),
                "voided_in": str(row.counters[1]),
                "fulfilled_out": str(row.counters[2]),
                "settled_in": str(row.counters[3]),
                "settled_out": str(row.counters[4]),
                "lease": str(row.lease),
                "frozen": bool(row.flags & 2),
            }
            for name, entry in sorted(books.names.items())
            if (row := books.accounts.get(entry.number)) is not None
        ],
        "houses": [
            {
                "asset": {"code": asset.code, "scale": asset.scale},
                "position": str(house.position),
                "cash": str(house.cash),
                "loss": str(house.loss),
            }
            for number, asset in sorted(books.assets.items())
            if (house := books.houses.get(number)) is not None
        ],
        "doubts": [
            {**doubt, "account": names.get(doubt["account"], str(doubt["account"]))}
            for doubt in books.doubts
        ],
    }
