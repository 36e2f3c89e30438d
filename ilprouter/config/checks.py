"""Rules between keys: names that must exist, values that must differ, what a profile allows.

Never reads a file.

Each rule yields every breach it finds, so that `check` can list them all; the first one stops a
start or a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from ilprouter import registry
from ilprouter.config.addresses import (
    is_loopback,
    split_socket_address,
    url_is_loopback,
    url_problem,
)
from ilprouter.config.atoms import PORTS
from ilprouter.config.links import HttpLink, HttpListen, UdpLink, UdpListen
from ilprouter.config.origins import Origins
from ilprouter.config.types import Balance, Config, Peer, PeerLimits
from ilprouter.core.address import valid_address, valid_prefix
from ilprouter.errors import ConfigError
from ilprouter.rates.base import parse_price, to_rate

Breaches = Iterator[ConfigError]
URL = "an http:// or https:// URL without user name"
HOPLESS = ("peer", "self", "example")  # schemes that never cross a link, IL-RFC 15


def check_node(config: Config, origins: Origins) -> Breaches:
    """Exactly one source of our address, and a parent that exists."""
    node = config.node
    if node.address is None and node.parent is None:
        yield origins.error("node.address", None, "an ILP address, or node.parent instead")
    if node.address is not None and node.parent is not None:
        yield origins.error("node.parent", node.parent, "no parent when node.address is set")
    if node.address is not None and (
        not valid_address(node.address) or node.address.split(".")[0] in HOPLESS
    ):
        yield origins.error(
            "node.address",
            node.address,
            "an ILP address such as g.acme: scheme g, test, test1, test2, test3, private or local, "
            "then segments of A-Z a-z 0-9 _ ~ -",
        )
    parents = [peer.name for peer in config.peers if peer.relation == "parent"]
    if node.parent is not None and node.parent not in parents:
        yield origins.error(
            "node.parent", node.parent, 'the name of a peer with relation = "parent"'
        )
    for number, peer in enumerate(config.peers):
        if peer.relation == "parent" and peer.name != parents[0]:
            yield origins.error(f"peer[{number}].relation", "parent", "at most one parent")


def check_admin(config: Config, origins: Origins) -> Breaches:
    """A TCP address that parses, with a token off loopback."""
    admin = config.admin
    if admin.listen is None:
        return
    parsed = split_socket_address(admin.listen)
    if parsed is None:
        yield origins.error("admin.listen", admin.listen, PORTS)
    elif not is_loopback(parsed[0]) and admin.token is None:
        yield origins.error(
            "admin.listen", admin.listen, "a loopback address, or any address with admin.token set"
        )


def check_listeners(config: Config, origins: Origins) -> Breaches:
    """Addresses that parse and differ, whole TLS pairs, plain UDP only where it is protected."""
    seen: set[tuple[str, str]] = set()
    udp_seen = False
    for number, item in enumerate(config.listeners):
        key = f"listen[{number}]"
        parsed = split_socket_address(item.address)
        if parsed is None:
            yield origins.error(f"{key}.address", item.address, PORTS)
            continue
        kind = "udp" if isinstance(item, UdpListen) else "tcp"
        if parsed[1] != 0 and (kind, item.address) in seen:
            yield origins.error(
                f"{key}.address", item.address, "an address no other [[listen]] has"
            )
        seen.add((kind, item.address))
        if isinstance(item, HttpListen):
            yield from pair(origins, key, item)
            if item.client_ca is not None and item.cert is None:
                yield origins.error(
                    f"{key}.client_ca", item.client_ca, "only together with cert and key"
                )
            continue
        if udp_seen:
            yield origins.error(f"{key}.endpoint", "udp", 'one [[listen]] with endpoint = "udp"')
        udp_seen = True
        if not is_loopback(parsed[0]) and not item.external_protection:
            yield origins.error(
                f"{key}.address",
                item.address,
                "a loopback address, or external_protection = true on a WireGuard or IPsec "
                "address: plain UDP can be forged",
            )


def pair(origins: Origins, key: str, item: HttpListen | HttpLink) -> Breaches:
    """cert and key come together."""
    if (item.cert is None) != (item.key is None):
        missing = "cert" if item.cert is None else "key"
        yield origins.error(f"{key}.{missing}", None, "cert and key together")


def check_peers(config: Config, origins: Origins) -> Breaches:
    """Unique names, usable links, limits that fit each other."""
    names: set[str] = set()
    for number, peer in enumerate(config.peers):
        key = f"peer[{number}]"
        if peer.name in names:
            yield origins.error(f"{key}.name", peer.name, "a name no other peer has")
        names.add(peer.name)
        if isinstance(peer.link, HttpLink):
            yield from check_http_link(config, origins, key, peer.link)
        yield from check_terms(config, origins, key, peer)
    yield from check_udp_links(config, origins)
    yield from check_tokens(config, origins)


def check_http_link(config: Config, origins: Origins, key: str, link: HttpLink) -> Breaches:
    """A way to send or to be sent to, and credentials that have a use."""
    if link.url is None and not link.incoming_tokens:
        yield origins.error(f"{key}.link.url", None, "url, incoming_tokens or both")
    if link.url is not None and (problem := url_problem(link.url)) is not None:
        shown = "(hidden)" if "inside the URL" in problem else link.url
        yield origins.error(f"{key}.link.url", shown, URL)
    elif link.url is not None and link.url.startswith("http:") and (link.ca or link.cert):
        yield origins.error(f"{key}.link.url", link.url, "an https:// URL when ca or cert is set")
    if link.url is not None and link.outgoing_token is None:
        yield origins.error(f"{key}.link.outgoing_token", None, "a token together with url")
    if link.url is None and link.outgoing_token is not None:
        yield origins.error(
            f"{key}.link.outgoing_token", link.outgoing_token, "only together with url"
        )
    yield from pair(origins, f"{key}.link", link)
    listening = any(isinstance(item, HttpListen) for item in config.listeners)
    if link.incoming_tokens and not listening:
        yield origins.error(
            f"{key}.link.incoming_tokens",
            link.incoming_tokens[0],
            'tokens only when a [[listen]] has endpoint = "http"',
        )


def check_udp_links(config: Config, origins: Origins) -> Breaches:
    """Remotes that parse and differ, reached through a UDP port that may reach them."""
    port = next((item for item in config.listeners if isinstance(item, UdpListen)), None)
    seen: set[str] = set()
    for number, peer in enumerate(config.peers):
        if not isinstance(peer.link, UdpLink):
            continue
        key, remote = f"peer[{number}].link", peer.link.remote
        parsed = split_socket_address(remote)
        if parsed is None or parsed[1] == 0:
            yield origins.error(
                f"{key}.remote", remote, "IP address:port, IPv6 in brackets, port 1 to 65535"
            )
        elif remote in seen:
            yield origins.error(f"{key}.remote", remote, "an address no other peer has")
        elif port is None:
            yield origins.error(
                f"{key}.endpoint", "udp", 'udp only when a [[listen]] has endpoint = "udp"'
            )
        elif not is_loopback(parsed[0]) and not port.external_protection:
            yield origins.error(
                f"{key}.remote",
                remote,
                "a loopback address, or external_protection = true in the udp [[listen]]: "
                "plain UDP can be forged",
            )
        seen.add(remote)


def check_tokens(config: Config, origins: Origins) -> Breaches:
    """A token names one peer. The message never shows it."""
    owners: dict[object, str] = {}
    for number, peer in enumerate(config.peers):
        if not isinstance(peer.link, HttpLink):
            continue
        for token in peer.link.incoming_tokens:
            if token in owners:
                yield origins.error(
                    f"peer[{number}].link.incoming_tokens",
                    token,
                    "tokens that appear once in the file",
                )
            owners[token] = peer.name


def check_terms(config: Config, origins: Origins, key: str, peer: Peer) -> Breaches:
    """Limits, balance and settlement of one peer agree with each other."""
    limits, balance = peer.limits, peer.balance
    if limits.burst is not None and limits.packets_per_second is None:
        yield origins.error(
            f"{key}.limits.burst", limits.burst, "only together with packets_per_second"
        )
    if limits.max_hold_ms > config.limits.max_hold_ms:
        yield origins.error(
            f"{key}.limits.max_hold_ms",
            limits.max_hold_ms,
            f"at most limits.max_hold_ms = {config.limits.max_hold_ms}",
        )
    if limits.min_window_ms >= limits.max_hold_ms:
        yield origins.error(
            f"{key}.limits.min_window_ms",
            limits.min_window_ms,
            f"less than max_hold_ms = {limits.max_hold_ms}",
        )
    if balance.model == "none" and balance != Balance(model="none"):
        yield origins.error(
            f"{key}.balance.model", "none", '"local" when limits of a balance are set'
        )
    yield from check_settlement(origins, key, peer)


def check_settlement(origins: Origins, key: str, peer: Peer) -> Breaches:
    """Engines that can be dialled, and triggers that have something to order."""
    balance, settlement = peer.balance, peer.settlement
    for name in ("settle_threshold", "settle_every_s"):
        if getattr(balance, name) is not None and settlement is None:
            yield origins.error(
                f"{key}.balance.{name}",
                getattr(balance, name),
                "only together with the peer's settlement table",
            )
    if settlement is None:
        return
    scale = peer.asset.scale if settlement.scale is None else settlement.scale
    unit = 10 ** max(0, peer.asset.scale - scale)
    if balance.settle_threshold is not None:
        if balance.settle_to > balance.settle_threshold - unit:
            least = f"settle_threshold = {balance.settle_threshold}"
            more = "" if unit == 1 else f" by one unit of the engine, {unit}, or more"
            yield origins.error(
                f"{key}.balance.settle_to", balance.settle_to, f"less than {least}{more}"
            )
    if balance.model == "none":
        yield origins.error(
            f"{key}.balance.model", "none", '"local" when a settlement engine is set'
        )
    seen: set[str] = set()
    for number, url in enumerate((settlement.engine, *settlement.standby_engines)):
        where = f"{key}.settlement." + ("engine" if number == 0 else "standby_engines")
        if url_problem(url) is not None:
            yield origins.error(where, "(hidden)" if "@" in url else url, URL)
        elif url in seen:
            yield origins.error(where, url, "each engine once")
        seen.add(url)
    if settlement.engines_share_state and not settlement.standby_engines:
        yield origins.error(
            f"{key}.settlement.engines_share_state", True, "only together with standby_engines"
        )


def check_money(config: Config, origins: Origins) -> Breaches:
    """A price for every asset in use, one per asset, and 1 for the base currency itself."""
    priced: set[str] = set()
    prices = {config.base.code: Fraction(1)}
    for number, rate in enumerate(config.rates):
        key = f"rate[{number}]"
        if rate.code in priced:
            yield origins.error(f"{key}.code", rate.code, "an asset no other [[rate]] prices")
        priced.add(rate.code)
        try:
            prices[rate.code] = parse_price(rate.price)
        except ConfigError as error:
            yield origins.error(f"{key}.price", rate.price, error.accepted)
            continue
        if rate.code == config.base.code and prices[rate.code] != 1:
            yield origins.error(f"{key}.price", rate.price, '"1", the price of the base currency')
    for number, peer in enumerate(config.peers):
        asset, key = peer.asset, f"peer[{number}].asset"
        if config.node.profile == "connector":
            if asset.code != config.base.code and asset.code not in priced:
                known = ", ".join(sorted({config.base.code, *priced}))
                yield origins.error(f"{key}.code", asset.code, f"an asset with a [[rate]]: {known}")
            elif asset.code in prices:
                try:
                    to_rate(prices[asset.code], asset.scale, config.base.scale)
                except ConfigError as error:
                    yield origins.error(f"{key}.scale", asset.scale, error.accepted)
        elif (asset.code, asset.scale) != (config.base.code, config.base.scale):
            yield origins.error(
                key,
                f"{asset.code} scale {asset.scale}",
                f"{config.base.code} scale {config.base.scale}: profile {config.node.profile} "
                "does not exchange",
            )


def check_routes(config: Config, origins: Origins) -> Breaches:
    """Prefixes that are prefixes, once each, to peers that exist."""
    names = {peer.name for peer in config.peers}
    seen: set[str] = set()
    for number, route in enumerate(config.routes):
        key = f"route[{number}]"
        if not valid_prefix(route.prefix) or route.prefix.split(".")[0] in HOPLESS:
            yield origins.error(
                f"{key}.prefix",
                route.prefix,
                "an ILP address prefix such as g.bob, no dot at the end",
            )
        elif route.prefix in seen:
            yield origins.error(f"{key}.prefix", route.prefix, "a prefix no other [[route]] has")
        seen.add(route.prefix)
        if route.peer not in names:
            known = ", ".join(sorted(names)) or "none is configured"
            yield origins.error(f"{key}.peer", route.peer, f"the name of a peer: {known}")


def check_profile(config: Config, origins: Origins) -> Breaches:
    """What the core and relay profiles have no part for may not be asked of them."""
    profile = config.node.profile
    if profile == "connector":
        return
    for number, peer in enumerate(config.peers):
        key = f"peer[{number}]"
        if profile == "core" and peer.limits != PeerLimits(in_flight=peer.limits.in_flight):
            yield origins.error(
                f"{key}.limits",
                "(a table)",
                "only in_flight in profile core, which runs no middleware",
            )
        if peer.balance not in (Balance(), Balance(model="none")):
            yield origins.error(
                f"{key}.balance",
                "(a table)",
                f"no balance in profile {profile}, which keeps no books",
            )
        if peer.settlement is not None:
            yield origins.error(
                f"{key}.settlement",
                "(a table)",
                f"no settlement in profile {profile}, which keeps no books",
            )


def check_pipeline(config: Config, origins: Origins) -> Breaches:
    """Stages that exist, where they may stand, once each, and none that the profile lacks."""
    profile = config.node.profile
    for side, names in (
        ("incoming", config.pipeline.incoming),
        ("outgoing", config.pipeline.outgoing),
    ):
        key = f"pipeline.{side}"
        if names is None:
            continue
        for name in names:
            known = registry.names(registry.MIDDLEWARE)
            allowed = {"connector": known, "core": []}.get(
                profile, [part for part in known if part not in ("balance", "exchange")]
            )
            if name not in allowed:
                listed = ", ".join(allowed) or "none"
                yield origins.error(key, name, f"stages of profile {profile}: {listed}")
            elif side not in (sides := registry.sides(name)):
                yield origins.error(key, name, f"{name} only on the {sides[0]} side")
        if len(set(names)) != len(names):
            yield origins.error(key, list(names), "each stage once")
        if profile == "connector" and "exchange" not in names:
            for peer in config.peers:
                if (peer.asset.code, peer.asset.scale) != (config.base.code, config.base.scale):
                    yield origins.error(key, list(names), f"exchange, which peer {peer.name} needs")
                    break


def check_ledger(config: Config, origins: Origins) -> Breaches:
    """The breaker opens before the fence falls."""
    ledger = config.ledger
    if ledger.busy_ms >= ledger.fence_ms:
        yield origins.error(
            "ledger.busy_ms", ledger.busy_ms, f"less than fence_ms = {ledger.fence_ms}"
        )


RULES: tuple[Callable[[Config, Origins], Breaches], ...] = (
    check_node,
    check_admin,
    check_listeners,
    check_peers,
    check_money,
    check_routes,
    check_profile,
    check_pipeline,
    check_ledger,
)


def advice(config: Config) -> Iterator[str]:
    """What works but is probably not meant: told once at start and by `check`, never an error."""
    for number, peer in enumerate(config.peers):
        link = peer.link
        if isinstance(link, HttpLink) and link.url and link.url.startswith("http:"):
            if link.outgoing_token is not None and not url_is_loopback(link.url):
                yield f"peer[{number}].link.url sends its token over {link.url} without TLS"
        if peer.settlement is not None and peer.settlement.outgoing_token is not None:
            for url in (peer.settlement.engine, *peer.settlement.standby_engines):
                if url.startswith("http:") and not url_is_loopback(url):
                    yield f"peer[{number}].settlement sends its token over {url} without TLS"
    for number, item in enumerate(config.listeners):
        parsed = split_socket_address(item.address)
        if (
            isinstance(item, HttpListen)
            and item.cert is None
            and parsed
            and not is_loopback(parsed[0])
        ):
            yield f"listen[{number}] takes tokens on {item.address} without TLS"
