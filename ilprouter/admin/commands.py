"""The admin API's table: method and path to a function over RouterView.

Owns what each command reads and answers; knows no socket, no connection and no switch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ilprouter.admin.views import PingRequest, RouterView
from ilprouter.core.address import valid_address

PING_TIMEOUT_MS_MAX = 30_000
U64_MAX = 2**64 - 1


class ProblemError(Exception):
    """An answer that is an error (RFC 9457): a promise that nothing was changed.

    status   HTTP status
    detail   what is wrong with this request, for a person
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class Call(msgspec.Struct, frozen=True):
    """One request as a command sees it: query values, last one wins, and the body."""

    query: dict[str, str]
    body: bytes


Command = Callable[[RouterView, Call], Awaitable[Any]]


async def status(view: RouterView, call: Call) -> Any:
    """The router in one page."""
    return view.status()


async def peers(view: RouterView, call: Call) -> Any:
    """Every peer with its link's state and counters."""
    return {"peers": view.peers()}


async def accounts(view: RouterView, call: Call) -> Any:
    """The books with every peer."""
    return {"accounts": view.accounts()}


async def routes(view: RouterView, call: Call) -> Any:
    """Every route in force."""
    return {"routes": view.routes()}


async def trace(view: RouterView, call: Call) -> Any:
    """Where a packet to ?address= would go, and why."""
    address = call.query.get("address")
    if address is None:
        raise ProblemError(400, "the query needs address=, an ILP address")
    return view.trace(address)


async def pipeline(view: RouterView, call: Call) -> Any:
    """The stages of every peer, in order."""
    return {"pipelines": view.pipelines()}


async def ping(view: RouterView, call: Call) -> Any:
    """Send one Prepare and wait for its answer."""
    try:
        request = msgspec.json.decode(call.body, type=PingRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"the body is not a ping request: {error}") from None
    if not valid_address(request.address):
        raise ProblemError(400, "address is not an ILP address")
    if not 1 <= request.timeout_ms <= PING_TIMEOUT_MS_MAX:
        raise ProblemError(400, f"timeout_ms is an integer from 1 to {PING_TIMEOUT_MS_MAX}")
    if not 0 <= request.amount <= U64_MAX:
        raise ProblemError(400, f"amount is an integer from 0 to {U64_MAX}")
    return await view.ping(request)


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "/v1/status"): status,
    ("GET", "/v1/peers"): peers,
    ("GET", "/v1/accounts"): accounts,
    ("GET", "/v1/routes"): routes,
    ("GET", "/v1/routes/trace"): trace,
    ("GET", "/v1/pipeline"): pipeline,
    ("POST", "/v1/ping"): ping,
}
