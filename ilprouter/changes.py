"""What differs between two configurations, and which of it a running router can take up.

Owns the comparison. Knows no running part; what is done about a difference is in reload.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from msgspec import Struct, structs

from ilprouter.config import Config, HttpLink, Peer

__all__ = ["Change", "PeerChange", "changes", "in_force", "needs_restart", "peer_changes"]

Part = Literal["peer", "route", "rate", "pipeline", "limits", "admin", "log"]
Action = Literal["add", "change", "remove"]
Item = TypeVar("Item", bound=Struct)

# Tables that parts are built from once: sockets, memory, the store.
FIXED = ("node", "base", "listeners", "http", "udp", "ledger")
FIXED_ADMIN = ("socket", "listen")
LIVE_LIMITS = ("drain_timeout_ms",)


class Change(Struct, frozen=True, kw_only=True):
    """One difference that takes effect at once.

    name     of the peer, prefix of the route ("" is the default route), code of the asset; ""
             for a table there is one of
    fields   the keys that differ, when `action` is "change"
    """

    part: Part
    action: Action
    name: str = ""
    fields: tuple[str, ...] = ()


class PeerChange(Struct, frozen=True):
    """A peer before and after; None where there is none."""

    before: Peer | None
    after: Peer | None

    @property
    def name(self) -> str:
        """Of the peer."""
        peer = self.after or self.before
        return peer.name if peer is not None else ""

    @property
    def link_stays(self) -> bool:
        """Does the link differ in nothing but tokens the peer may present, if at all?"""
        if self.before is None or self.after is None:
            return False
        return bool(lasting(self.before) == lasting(self.after))


def lasting(peer: Peer) -> Any:
    """What a link is built from and cannot change while it lives."""
    if not isinstance(peer.link, HttpLink):
        return peer.link
    # The file that a token was read from is of no account: the token itself is compared.
    return structs.replace(
        peer.link, incoming_tokens=(), incoming_tokens_file=None, outgoing_token_file=None
    )


def needs_restart(before: Config, after: Config) -> tuple[str, ...]:
    """Keys that differ and that a running router does not take up: "node.data_dir", "listen"."""
    found: list[str] = []
    for name in FIXED:
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(old, tuple):
            found += ["listen"] if old != new else []
        else:
            found += [f"{name}.{key}" for key in fields(old, new)]
    found += [f"admin.{key}" for key in fields(before.admin, after.admin) if key in FIXED_ADMIN]
    limits = fields(before.limits, after.limits)
    found += [f"limits.{key}" for key in limits if key not in LIVE_LIMITS]
    return tuple(found)


def in_force(before: Config, after: Config) -> Config:
    """The configuration after a change without a restart: what is fixed stays as it was."""
    admin = structs.replace(after.admin, socket=before.admin.socket, listen=before.admin.listen)
    limits = structs.replace(before.limits, drain_timeout_ms=after.limits.drain_timeout_ms)
    fixed = {name: getattr(before, name) for name in FIXED}
    return structs.replace(after, admin=admin, limits=limits, **fixed)


def peer_changes(before: Config, after: Config) -> tuple[PeerChange, ...]:
    """The peers that differ: removed ones first, then in the order of `after`."""
    old = {peer.name: peer for peer in before.peers}
    new = {peer.name: peer for peer in after.peers}
    gone = [PeerChange(peer, None) for name, peer in old.items() if name not in new]
    other = [PeerChange(old.get(name), peer) for name, peer in new.items() if old.get(name) != peer]
    return (*gone, *other)


def changes(before: Config, after: Config) -> tuple[Change, ...]:
    """Every difference that takes effect at once, in the words of operators."""
    found = list(listed("peer", before.peers, after.peers, "name"))
    found += listed("route", before.routes, after.routes, "prefix")
    found += listed("rate", before.rates, after.rates, "code")
    parts: tuple[tuple[Part, Struct, Struct], ...] = (
        ("pipeline", before.pipeline, after.pipeline),
        ("limits", before.limits, after.limits),
        ("admin", before.admin, after.admin),
        ("log", before.log, after.log),
    )
    for part, old, new in parts:
        if differing := fields(old, new):
            found.append(Change(part=part, action="change", fields=differing))
    return tuple(found)


def listed(part: Part, before: Iterable[Item], after: Iterable[Item], key: str) -> Iterator[Change]:
    """The differences between two lists of named entries."""
    old: dict[Hashable, Item] = {getattr(item, key): item for item in before}
    new: dict[Hashable, Item] = {getattr(item, key): item for item in after}
    for name in old:
        if name not in new:
            yield Change(part=part, action="remove", name=str(name))
    for name, item in new.items():
        known = old.get(name)
        if known is None:
            yield Change(part=part, action="add", name=str(name))
        elif known != item:
            yield Change(part=part, action="change", name=str(name), fields=fields(known, item))


def fields(before: Struct, after: Struct) -> tuple[str, ...]:
    """The keys in which two tables of one kind differ."""
    return tuple(
        field.encode_name
        for field in structs.fields(before)
        if getattr(before, field.name) != getattr(after, field.name)
    )
