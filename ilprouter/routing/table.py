"""The routes of a configuration: static ones, our children's addresses, the way to the parent.

Owns their precedence; never on the packet path, knows no link, no account and no price.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ilprouter.config import Config

Origin = Literal["static", "child", "parent"]


class StaticRoute(Struct, frozen=True):
    """One route in force.

    prefix   ILP address prefix, whole segments; "" is the default route
    peer     name of the peer that gets the packets
    origin   static: a [[route]]; child: our address and the child's name; parent: the default route
    """

    prefix: str
    peer: str
    origin: Origin


def build_routes(config: Config, address: str | None) -> tuple[StaticRoute, ...]:
    """Every route of the configuration, one per prefix, sorted by prefix.

    address   our own ILP address; None while the parent has not told it: then no child has one
    returns   a [[route]] wins over what the relation of a peer implies
    """
    routes: dict[str, StaticRoute] = {}
    for peer in config.peers:
        if peer.relation == "parent":
            routes[""] = StaticRoute("", peer.name, "parent")
        elif peer.relation == "child" and address is not None:
            prefix = f"{address}.{peer.name}"
            routes[prefix] = StaticRoute(prefix, peer.name, "child")
    for route in config.routes:
        routes[route.prefix] = StaticRoute(route.prefix, route.peer, "static")
    return tuple(routes[prefix] for prefix in sorted(routes))
