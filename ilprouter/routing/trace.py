"""Why a packet to an address would go where: the switch's decision, step by step, in words.

Owns the explanation; decides nothing itself: the last step asks the same table as the packets do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from ilprouter.core.address import has_prefix, scheme, valid_address
from ilprouter.routing.table import StaticRoute

NETWORKS = ("g", "test")  # a node serves one of them and refuses the other, IL-RFC 34


class Step(Struct, frozen=True):
    """One step: what was looked at, and what it led to."""

    name: str
    result: str


class Trace(Struct, frozen=True, kw_only=True):
    """Where a packet to an address would go, and why.

    peer     name of the next peer; None when the router answers or refuses by itself
    prefix   the route that won; "" is the default route, None when none matched
    code     ILP error code of the refusal, e.g. "F02"; None when the packet would go out
    reason   the refusal in words; "" when the packet would go out
    """

    address: str
    steps: tuple[Step, ...]
    peer: str | None = None
    prefix: str | None = None
    code: str | None = None
    reason: str = ""


def trace(
    address: str,
    own_address: str | None,
    routes: Iterable[StaticRoute],
    is_up: Callable[[str], bool],
    incoming: str | None = None,
) -> Trace:
    """Follow the switch's steps for one destination.

    address       any text
    own_address   our ILP address, or None while it is unknown
    routes        the routes in force
    is_up         is the link of this peer up?
    incoming      name of the peer the packet would come from, to see a route that leads back
    """
    steps: list[Step] = []

    def refuse(code: str, reason: str, found: StaticRoute | None = None) -> Trace:
        return Trace(
            address=address,
            steps=(*steps, Step("refused", f"{code} {reason}")),
            peer=found.peer if found else None,
            prefix=found.prefix if found else None,
            code=code,
            reason=reason,
        )

    if not valid_address(address):
        return refuse("F01", "this is not an ILP address")
    kind = scheme(address) or ""
    own_kind = scheme(own_address) if own_address else None
    steps.append(Step("scheme", f"{kind}; we are {own_address or 'without an address yet'}"))
    if kind == "peer":
        steps.append(Step("local", "peer.* is answered here and never forwarded"))
        return refuse("F01", "a peer protocol is never forwarded; only a neighbour can use it")
    if kind in ("self", "example"):
        return refuse("F02", f"{kind}.* never crosses a link")
    if kind in NETWORKS and own_kind in NETWORKS and kind != own_kind:
        return refuse("F02", f"{kind}.* is another network than ours, {own_kind}.*")
    candidates = [route for route in routes if has_prefix(address, route.prefix)]
    candidates.sort(key=lambda route: len(route.prefix), reverse=True)
    for route in candidates:
        shown = route.prefix or "(default)"
        steps.append(Step("candidate", f"{shown} -> {route.peer}, {route.origin}"))
    if (
        own_address
        and has_prefix(address, own_address)
        and (not candidates or len(candidates[0].prefix) <= len(own_address))
    ):
        if address != own_address:
            return refuse("F02", f"no child of {own_address} has this address")
        steps.append(Step("local", "this is our own address: the router answers itself"))
        return Trace(address=address, steps=tuple(steps), prefix=own_address)
    if not candidates:
        return refuse("F02", "no route covers the address")
    best = candidates[0]
    steps.append(Step("longest prefix", f"{best.prefix or '(default)'} -> {best.peer}"))
    if best.peer == incoming:
        return refuse("F02", f"the route leads back to {incoming}", best)
    if not is_up(best.peer):
        return refuse("T01", f"the link to {best.peer} is down", best)
    steps.append(Step("link", f"{best.peer} is up"))
    return Trace(address=address, steps=tuple(steps), peer=best.peer, prefix=best.prefix)
