"""The admin API's functions: from a request to what the router shows or does.

Owns what each reads from a request and what it answers. Knows no socket and no switch; which path
leads to which function is in table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from ilprouter.admin.body import decode
from ilprouter.admin.orders import (
    Applied,
    How,
    Level,
    Note,
    RatesOrder,
    RouteOrder,
    RouterOrders,
)
from ilprouter.admin.problems import ProblemError
from ilprouter.admin.views import (
    AccountView,
    DoubtView,
    PeerDetail,
    PeerPipeline,
    PeerView,
    PingRequest,
    PingView,
    RateView,
    Status,
)
from ilprouter.core.address import valid_address
from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import Trace

PING_TIMEOUT_MS_MAX = 30_000
U64_MAX = 2**64 - 1


class Call(Struct, frozen=True):
    """One request as a command sees it.

    path       the named parts of the path
    query      the last of equal names wins; only names the operation has
    body       empty for a GET
    if_match   that header
    """

    path: dict[str, str]
    query: dict[str, str]
    body: bytes
    if_match: str | None = None

    def flag(self, name: str) -> bool:
        """A query value that is true or false. ProblemError 400 for anything else."""
        value = self.query.get(name, "false")
        if value not in ("true", "false"):
            raise ProblemError(400, f"{name} is true or false")
        return value == "true"

    @property
    def how(self) -> How:
        """How an order is to be carried out."""
        return How(
            dry_run=self.flag("dry_run"), persist=self.flag("persist"), if_match=self.if_match
        )


class Peers(Struct, frozen=True):
    """Every peer, in the order of the configuration."""

    peers: tuple[PeerView, ...]


class Accounts(Struct, frozen=True):
    """The books, in the order of the configuration, then those of removed peers."""

    accounts: tuple[AccountView, ...]


class Routes(Struct, frozen=True):
    """Every route in force, sorted by prefix."""

    routes: tuple[StaticRoute, ...]


class Rates(Struct, frozen=True):
    """The prices in force."""

    rates: tuple[RateView, ...]


class Pipelines(Struct, frozen=True):
    """The stages of every peer, in order."""

    pipelines: tuple[PeerPipeline, ...]


class Doubts(Struct, frozen=True):
    """What crashes left open, oldest first."""

    doubts: tuple[DoubtView, ...]


Command = Callable[[RouterOrders, Call], Awaitable[Any]]


async def status(router: RouterOrders, call: Call) -> Status:
    """The router in one page."""
    return router.status()


async def peers(router: RouterOrders, call: Call) -> Peers:
    """List peers with their link's state and counters."""
    return Peers(router.peers())


async def peer(router: RouterOrders, call: Call) -> PeerDetail:
    """Show a peer, with its terms and the file that defines them."""
    found = router.peer_detail(call.path["name"])
    if found is None:
        raise ProblemError(404, f"there is no peer named {call.path['name']}")
    return found


async def add_peer(router: RouterOrders, call: Call) -> Applied:
    """Add a peer; the body is its table as a file would have it."""
    return await router.add_peer(decode(call.body, dict[str, Any]), call.how)


async def put_peer(router: RouterOrders, call: Call) -> Applied:
    """Define a peer as a whole, whether it is there or not."""
    return await router.put_peer(call.path["name"], decode(call.body, dict[str, Any]), call.how)


async def patch_peer(router: RouterOrders, call: Call) -> Applied:
    """Change some keys of a peer; null removes one (RFC 7396)."""
    return await router.patch_peer(call.path["name"], decode(call.body, dict[str, Any]), call.how)


async def remove_peer(router: RouterOrders, call: Call) -> Applied:
    """Remove a peer; packets in flight finish, its books stay."""
    return await router.remove_peer(call.path["name"], call.how)


async def drain_peer(router: RouterOrders, call: Call) -> PeerView:
    """Take no new packets from a peer and send it none; those in flight finish."""
    return await router.drain_peer(call.path["name"], True, call.how)


async def undrain_peer(router: RouterOrders, call: Call) -> PeerView:
    """End the drain of a peer."""
    return await router.drain_peer(call.path["name"], False, call.how)


async def accounts(router: RouterOrders, call: Call) -> Accounts:
    """List the books with every peer."""
    return Accounts(router.accounts())


async def account(router: RouterOrders, call: Call) -> AccountView:
    """Show the books with one peer."""
    name = call.path["name"]
    found = next((item for item in router.accounts() if item.name == name), None)
    if found is None:
        raise ProblemError(404, f"there is no account named {name}")
    return found


async def freeze(router: RouterOrders, call: Call) -> AccountView:
    """Refuse new packets of an account at once, in both directions; durable when answered."""
    return await router.freeze(call.path["name"], True, call.how)


async def unfreeze(router: RouterOrders, call: Call) -> AccountView:
    """Let packets of an account pass again; durable when answered."""
    return await router.freeze(call.path["name"], False, call.how)


async def routes(router: RouterOrders, call: Call) -> Routes:
    """List the routes in force."""
    return Routes(router.routes())


async def put_route(router: RouterOrders, call: Call) -> Applied:
    """Add a static route, or send its prefix to another peer."""
    return await router.put_route(decode(call.body, RouteOrder), call.how)


async def remove_route(router: RouterOrders, call: Call) -> Applied:
    """Remove the static route of ?prefix=; empty is the default route."""
    return await router.remove_route(wanted(call, "prefix", "an ILP address prefix"), call.how)


async def trace(router: RouterOrders, call: Call) -> Trace:
    """Explain where a packet to ?address= would go, and why."""
    return router.trace(wanted(call, "address", "an ILP address"))


def wanted(call: Call, name: str, what: str) -> str:
    """A query value that must be there."""
    if name not in call.query:
        raise ProblemError(400, f"the query needs {name}=, {what}")
    return call.query[name]


async def rates(router: RouterOrders, call: Call) -> Rates:
    """List the prices in force."""
    return Rates(router.rates())


async def put_rates(router: RouterOrders, call: Call) -> Applied:
    """Replace every price, all at the same moment."""
    return await router.put_rates(decode(call.body, RatesOrder), call.how)


async def pipeline(router: RouterOrders, call: Call) -> Pipelines:
    """List the stages of every peer, in order."""
    return Pipelines(router.pipelines())


async def ping(router: RouterOrders, call: Call) -> PingView:
    """Send one Prepare and wait for its answer."""
    request = decode(call.body, PingRequest)
    if not valid_address(request.address):
        raise ProblemError(400, "address is not an ILP address")
    if not 1 <= request.timeout_ms <= PING_TIMEOUT_MS_MAX:
        raise ProblemError(400, f"timeout_ms is an integer from 1 to {PING_TIMEOUT_MS_MAX}")
    if not 0 <= request.amount <= U64_MAX:
        raise ProblemError(400, f"amount is an integer from 0 to {U64_MAX}")
    return await router.ping(request)


async def doubts(router: RouterOrders, call: Call) -> Doubts:
    """List what crashes left open; with ?all=true also what was resolved."""
    return Doubts(router.doubts(call.flag("all")))


async def resolve_doubt(router: RouterOrders, call: Call) -> DoubtView:
    """Resolve a doubt with a note of what the books of both sides say."""
    return await router.resolve_doubt(call.path["id"], decode(call.body, Note).note, call.how)


async def drain(router: RouterOrders, call: Call) -> Status:
    """Take no new packets (T03); those in flight finish. The process goes on."""
    return await router.drain(True, call.how)


async def undrain(router: RouterOrders, call: Call) -> Status:
    """Take packets again."""
    return await router.drain(False, call.how)


async def reload(router: RouterOrders, call: Call) -> Applied:
    """Read the configuration files again and take up what differs."""
    return await router.reload(call.how)


async def log_level(router: RouterOrders, call: Call) -> Level:
    """Show the least severe level that is written to the log."""
    return Level(router.log_level())


async def set_log_level(router: RouterOrders, call: Call) -> Level:
    """Write more or less to the log, from the next line on."""
    return Level(await router.set_log_level(decode(call.body, Level).level, call.how))
