"""What operators may order of a running router: a Protocol, and the shapes of orders and answers.

The daemon implements RouterOrders; nothing here reaches into the switch. An order is checked as a
whole before anything of it is applied, so that an error means that nothing was.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct

from ilprouter.admin.views import (
    AccountView,
    DoubtView,
    LogLevelName,
    PeerView,
    RateView,
    RouterView,
    Status,
)
from ilprouter.changes import Change


class How(Struct, frozen=True, kw_only=True):
    """How an order is to be carried out.

    dry_run    check and answer as if, and change nothing
    persist    also write it to the file that orders may write, so that a restart keeps it
    if_match   refuse unless this names the configuration in force; None: whatever it is
    """

    dry_run: bool = False
    persist: bool = False
    if_match: str | None = None


class Applied(Struct, frozen=True, kw_only=True):
    """What an order did to the configuration, or would do.

    changes   in force from now on; empty when all was so already
    restart   keys of the files that differ from what is in force, until a restart
    """

    dry_run: bool
    persisted: bool
    changes: tuple[Change, ...]
    restart: tuple[str, ...] = ()


class RouteOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A static route. prefix: "" is the default route."""

    prefix: Annotated[str, Meta(max_length=1023)]
    peer: Annotated[str, Meta(max_length=64)]


class RatesOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Every price; an asset that is not named has none any more."""

    rates: Annotated[tuple[RateView, ...], Meta(max_length=4096)]


class Note(Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator found out about a doubt."""

    note: Annotated[str, Meta(min_length=1, max_length=1000)]


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """The least severe level that is written to the log."""

    level: LogLevelName


class RouterOrders(RouterView, Protocol):
    """What the daemon does. Every call may raise ProblemError; then nothing was changed."""

    async def add_peer(self, definition: dict[str, Any], how: How) -> Applied:
        """A new peer, live. The same one again changes nothing; another of that name is refused."""
        ...

    async def put_peer(self, name: str, definition: dict[str, Any], how: How) -> Applied:
        """Define a peer as a whole, whether it is there or not."""
        ...

    async def patch_peer(self, name: str, patch: dict[str, Any], how: How) -> Applied:
        """Change some keys of a peer (RFC 7396: null removes a key)."""
        ...

    async def remove_peer(self, name: str, how: How) -> Applied:
        """Refuse its new packets, finish those in flight, drop its link. Its books stay."""
        ...

    async def put_route(self, order: RouteOrder, how: How) -> Applied:
        """A static route, new or to another peer than before."""
        ...

    async def remove_route(self, prefix: str, how: How) -> Applied:
        """Take a static route out."""
        ...

    async def put_rates(self, order: RatesOrder, how: How) -> Applied:
        """Replace every price, from the next batch of packets on."""
        ...

    async def reload(self, how: How) -> Applied:
        """Read the files again and take up what differs; a bad file changes nothing."""
        ...

    async def freeze(self, name: str, frozen: bool, how: How) -> AccountView:
        """Stop new packets of an account at once, in both directions, or allow them again."""
        ...

    async def drain_peer(self, name: str, draining: bool, how: How) -> PeerView:
        """Send a peer no new packets and take none from it, or do so again."""
        ...

    async def drain(self, draining: bool, how: How) -> Status:
        """Take no new packets at all, or do so again. The process goes on."""
        ...

    async def resolve_doubt(self, name: str, note: str, how: How) -> DoubtView:
        """Close a doubt with a note."""
        ...

    async def set_log_level(self, level: LogLevelName, how: How) -> LogLevelName:
        """Write more or less to the log, until the next change of the [log] table."""
        ...
