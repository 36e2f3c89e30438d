"""Three books side by side: each peer's own ledger against the router's account of that peer.

Owns the comparison. Asks nobody: both sides are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ilprouter.bench.peers import Peers


@dataclass(frozen=True)
class Entry:
    """One amount as two parties know it, in units of the peer's asset.

    what     "NAME owes router" or "router owes NAME"
    theirs   by the peer's ledger
    ours     by the router's account
    """

    peer: str
    asset: str
    what: str
    theirs: int
    ours: int

    @property
    def equal(self) -> bool:
        """Do both say the same, to the unit?"""
        return self.theirs == self.ours

    def __str__(self) -> str:
        return f"{self.what}: the peer says {self.theirs}, the router {self.ours}"


def compare(peers: Peers, accounts: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Put both sides of every peer's books together.

    peers      the peers in this process; nothing may be in flight
    accounts   the router's accounts as its admin API shows them, amounts as decimal text
    returns    two entries for every peer that has an account
    """
    by_name = {account["name"]: account for account in accounts}
    entries = []
    for name, number in peers.numbers.items():
        account = by_name.get(name)
        if account is None or account["model"] == "none":
            continue
        lane = peers.load.lane(number)
        asset = account["asset_code"]
        charged = int(account["fulfilled_in"]) - int(account["voided_in"])
        owed = int(account["fulfilled_out"])
        entries.append(Entry(name, asset, f"{name} owes router", lane["amount_fulfilled"], charged))
        entries.append(Entry(name, asset, f"router owes {name}", lane["amount_earned"], owed))
    return entries


def differences(peers: Peers, accounts: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The entries of `compare` on which peer and router disagree."""
    return [entry for entry in compare(peers, accounts) if not entry.equal]
