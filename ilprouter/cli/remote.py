"""Commands that ask a running router: status, route, ping.

Owns their flags and their output; the router decides, the admin client carries.
"""

from __future__ import annotations

from typing import Any

import click

from ilprouter.cli.options import (
    config_option,
    dry_run_option,
    json_option,
    persist_option,
    print_json,
    print_table,
    socket_option,
)

PING_TIMEOUT_MS_MAX = 30_000
U64_MAX = 2**64 - 1


@click.command()
@socket_option
@json_option
def status(socket: str, as_json: bool) -> int:
    """Show a running router on one page: state, peers, balances.

    Exits 0 when it is ready, 69 when it is not, 3 when none is running.
    """
    from ilprouter.admin.client import AdminClient

    client = AdminClient(socket)
    found = client.get("/v1/status")
    peers = client.get("/v1/peers")["peers"]
    accounts = client.get("/v1/accounts")["accounts"]
    if as_json:
        print_json({**found, "peers": peers, "accounts": accounts})
    else:
        show_status(found, peers, accounts)
    return 0 if found["state"] == "ready" and not found["reasons"] else 69


def show_status(
    found: dict[str, Any], peers: list[dict[str, Any]], accounts: list[dict[str, Any]]
) -> None:
    """The page for people."""
    why = f" ({'; '.join(found['reasons'])})" if found["reasons"] else ""
    click.echo(
        f"{found['address'] or 'no address yet'} is {found['state']}{why}: profile "
        f"{found['profile']}, version {found['version']}, pid {found['pid']}, "
        f"up {duration(found['uptime_ms'])}"
    )
    click.echo(
        f"{found['in_flight']} of {found['in_flight_max']} packets in flight, {found['waiting']} "
        f"waiting for a commit, {found['routes']} routes, {found['peers_up']} of {found['peers']} "
        "peers up"
    )
    if not found["config_ok"]:
        click.echo("The last reload was refused: the configuration before it is in force.")
    click.echo()
    print_table(
        ("PEER", "RELATION", "LINK", "UP", "IN", "FULFILLED", "REJECTED", "OUT", "ANSWERED"),
        [
            (
                peer["name"],
                peer["relation"],
                peer["endpoint"],
                "yes" if peer["up"] else "no",
                peer["packets"]["prepares_in"],
                peer["packets"]["fulfills_out"],
                peer["packets"]["rejects_out"],
                peer["packets"]["prepares_out"],
                peer["packets"]["fulfills_in"] + peer["packets"]["rejects_in"],
            )
            for peer in peers
        ],
    )
    if accounts:
        click.echo()
        print_table(
            ("ACCOUNT", "ASSET", "SCALE", "PEER OWES", "WE OWE", "HOLD IN", "HOLD OUT", "LIMIT"),
            [
                (
                    account["name"],
                    account["asset_code"],
                    account["asset_scale"],
                    account["peer_owes"],
                    account["we_owe"],
                    account["hold_in"],
                    account["hold_out"],
                    account["credit_limit"],
                )
                for account in accounts
            ],
        )


def duration(ms: int) -> str:
    """Milliseconds as 3d 4h, 5h 6m, 7m 8s or 9s: the two largest units."""
    seconds = ms // 1000
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    parts = [(seconds // size, name) for name, size in units]
    parts = [
        (count % limit if limit else count, name)
        for (count, name), limit in zip(parts, (0, 24, 60, 60), strict=True)
    ]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count}{name}" for count, name in parts[:2])


@click.group()
def route() -> None:
    """List, add and remove routes; explain where an address goes."""


OFFLINE = click.option(
    "--offline", is_flag=True, help="Read the configuration file instead of a running router."
)


@route.command("list")
@socket_option
@config_option
@OFFLINE
@json_option
def list_routes(socket: str, path: str, offline: bool, as_json: bool) -> int:
    """List every route in force, sorted by prefix."""
    if offline:
        from msgspec import to_builtins

        from ilprouter.config import load
        from ilprouter.routing.table import build_routes

        config = load(path)
        routes = to_builtins(build_routes(config, config.node.address))
    else:
        from ilprouter.admin.client import AdminClient

        routes = AdminClient(socket).get("/v1/routes")["routes"]
    if as_json:
        print_json({"routes": list(routes)})
    else:
        rows = [(item["prefix"] or "(default)", item["peer"], item["origin"]) for item in routes]
        print_table(("PREFIX", "PEER", "ORIGIN"), rows)
    return 0


@route.command("trace")
@click.argument("address")
@socket_option
@config_option
@OFFLINE
@json_option
def trace_route(address: str, socket: str, path: str, offline: bool, as_json: bool) -> int:
    """Explain where a packet to ADDRESS would go now, step by step.

    Exits 1 when it would be refused.

    \b
    Example:
      ilprouter route trace g.bob.shop
    """
    if offline:
        from msgspec import to_builtins

        from ilprouter.config import load
        from ilprouter.routing.table import build_routes
        from ilprouter.routing.trace import trace

        config = load(path)
        own = config.node.address
        found = to_builtins(trace(address, own, build_routes(config, own), lambda peer: True))
    else:
        from ilprouter.admin.client import AdminClient

        found = AdminClient(socket).get("/v1/routes/trace", address=address)
    if as_json:
        print_json(found)
    else:
        print_table(("STEP", "RESULT"), [(step["name"], step["result"]) for step in found["steps"]])
    return 1 if found["code"] else 0


@route.command("add")
@click.argument("prefix")
@click.argument("peer")
@socket_option
@persist_option
@dry_run_option
@json_option
def add_route(
    prefix: str, peer: str, socket: str, persist: bool, dry_run: bool, as_json: bool
) -> int:
    """Send what starts with PREFIX to PEER from now on; '' is the default route.

    \b
    Example:
      ilprouter route add g.bob bob --persist
    """
    from ilprouter.cli.changes import change

    body = {"prefix": prefix, "peer": peer}
    return change(socket, "POST", "/v1/routes", body, dry_run, persist, as_json)


@route.command("rm")
@click.argument("prefix")
@socket_option
@persist_option
@dry_run_option
@json_option
def remove_route(prefix: str, socket: str, persist: bool, dry_run: bool, as_json: bool) -> int:
    """Remove the static route of PREFIX; '' is the default route.

    \b
    Example:
      ilprouter route rm g.bob
    """
    from ilprouter.cli.changes import change

    return change(socket, "DELETE", "/v1/routes", None, dry_run, persist, as_json, prefix=prefix)


@click.command()
@click.argument("address")
@click.option(
    "--amount",
    default=0,
    show_default=True,
    type=click.IntRange(0, U64_MAX),
    help="Base units; 0 moves no balance.",
)
@click.option(
    "--timeout",
    "timeout_ms",
    default=5000,
    show_default=True,
    type=click.IntRange(1, PING_TIMEOUT_MS_MAX),
    help="Milliseconds to wait for the answer.",
)
@socket_option
@json_option
def ping(address: str, amount: int, timeout_ms: int, socket: str, as_json: bool) -> int:
    """Send one packet to ADDRESS through the running router and time the answer.

    An ilprouter at ADDRESS fulfills it; another node rejects it, which shows the way there and back
    as well. Exits 0 for a Fulfill, 1 for a Reject or none.
    """
    from ilprouter.admin.client import AdminClient

    body = {"address": address, "amount": amount, "timeout_ms": timeout_ms}
    found = AdminClient(socket, timeout_ms / 1000 + 5).post("/v1/ping", body)
    if as_json:
        print_json(found)
    elif found["outcome"] == "fulfill":
        click.echo(f"{address} fulfilled in {found['round_trip_us'] / 1000:.3f} ms")
    else:
        by = f" by {found['triggered_by']}" if found["triggered_by"] else ""
        click.echo(
            f"{address}: {found['outcome']} {found['code']} {found['message']}{by} "
            f"after {found['round_trip_us'] / 1000:.3f} ms"
        )
    return 0 if found["outcome"] == "fulfill" else 1
