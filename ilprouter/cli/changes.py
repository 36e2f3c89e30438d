"""Commands that change a running router: rate, settlement, doubt, reload, drain, log-level.

Owns their flags and their output; the router checks, decides and answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from ilprouter.cli.options import (
    dry_run_option,
    json_option,
    persist_option,
    print_json,
    print_table,
    socket_option,
)

CHANGE_S = 65.0  # a little more than the router gives a change itself
TRY_AGAIN = 75
WAIT = click.option(
    "--wait",
    default=0,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 3600),
    help="Wait until nothing is in flight any more; exit 75 if something still is.",
)


def client(socket: str) -> Any:
    """Orders to the router behind a socket."""
    from ilprouter.admin.client import AdminClient

    return AdminClient(socket, CHANGE_S)


def change(
    socket: str,
    method: str,
    path: str,
    body: Any,
    dry_run: bool,
    persist: bool,
    as_json: bool,
    if_match: str | None = None,
    **query: str,
) -> int:
    """Give an order that changes the configuration, and tell what it did."""
    more = {**flags(dry_run), **({"persist": "true"} if persist else {})}
    found = client(socket).send(method, path, body, if_match, **query, **more)
    return show_applied(found, as_json)


def flags(dry_run: bool) -> dict[str, str]:
    """The query of an order."""
    return {"dry_run": "true"} if dry_run else {}


def show_applied(found: dict[str, Any], as_json: bool) -> int:
    """What an order did, or would do."""
    if as_json:
        print_json(found)
        return 0
    would = "would " if found["dry_run"] else ""
    for item in found["changes"]:
        name = f" {item['name']}" if item["name"] else ""
        name = name or (" (default)" if item["part"] == "route" else "")
        fields = f": {', '.join(item['fields'])}" if item["fields"] else ""
        click.echo(f"{would}{item['action']} {item['part']}{name}{fields}")
    if not found["changes"]:
        click.echo("nothing to change")
    for key in found["restart"]:
        click.echo(f"{key} differs and needs a restart")
    if found["persisted"]:
        click.echo("kept in conf.d/admin-api.toml")
    return 0


@click.group()
def rate() -> None:
    """List and set the prices of assets in the base currency."""


@rate.command("list")
@socket_option
@json_option
def list_rates(socket: str, as_json: bool) -> int:
    """List the prices in force."""
    found = client(socket).get("/v1/rates")
    if as_json:
        print_json(found)
    else:
        print_table(("ASSET", "PRICE"), [(item["code"], item["price"]) for item in found["rates"]])
    return 0


@rate.command("set")
@click.argument("prices", nargs=-1, required=True, metavar="CODE=PRICE...")
@socket_option
@persist_option
@dry_run_option
@json_option
def set_rates(
    prices: tuple[str, ...], socket: str, persist: bool, dry_run: bool, as_json: bool
) -> int:
    """Set the price of assets, all at the same moment; the others keep theirs.

    A price is an exact decimal or a ratio; nothing after the = takes the price away.

    \b
    Examples:
      ilprouter rate set XRP=0.52 EUR=27/25
      ilprouter rate set XRP=
    """
    pairs = [item.partition("=") for item in prices]
    for code, equals, _ in pairs:
        if not code or not equals:
            raise click.UsageError(f"{code!r} is not CODE=PRICE")
    router = client(socket)
    known = {item["code"]: item["price"] for item in router.get("/v1/rates")["rates"]}
    for code, _, price in pairs:
        known[code] = price
    body = {"rates": [{"code": code, "price": price} for code, price in known.items() if price]}
    # Somebody else's price, set between our read and our write, would be lost without the match.
    return change(socket, "PUT", "/v1/rates", body, dry_run, persist, as_json, if_match=router.etag)


@click.group()
def settlement() -> None:
    """List and show settlements that were ordered."""


@settlement.command("list")
@socket_option
@json_option
def list_settlements(socket: str, as_json: bool) -> int:
    """List open orders and the last ones that are done, oldest first."""
    found = client(socket).get("/v1/settlements")
    if as_json:
        print_json(found)
        return 0
    print_table(
        ("ID", "ACCOUNT", "STATE", "AMOUNT", "WHY", "ATTEMPTS", "REASON"),
        [
            (
                item["id"],
                item["account"],
                item["state"],
                item["amount"],
                item["why"],
                item["attempts"],
                item["reason"],
            )
            for item in found["settlements"]
        ],
    )
    return 0


@settlement.command("show")
@click.argument("order")
@socket_option
@json_option
def show_settlement(order: str, socket: str, as_json: bool) -> int:
    """Show one settlement by its ID."""
    found = client(socket).get("/v1/settlements")["settlements"]
    return show_one(next((item for item in found if item["id"] == order), None), order, as_json)


def show_one(item: dict[str, Any] | None, name: str, as_json: bool) -> int:
    """One thing, key by key. Raises RefusedError when it is not there."""
    if item is None:
        from ilprouter.admin.client import RefusedError

        raise RefusedError(f"there is no {name}", "Nothing was changed.", 404)
    if as_json:
        print_json(item)
    else:
        print_table(("KEY", "VALUE"), [(key, shown(value)) for key, value in item.items()])
    return 0


def shown(value: Any) -> str:
    """A value in a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


@click.group()
def doubt() -> None:
    """List and resolve what a crash left open with a peer."""


@doubt.command("list")
@click.option("--all", "resolved", is_flag=True, help="Also those that were resolved.")
@socket_option
@json_option
def list_doubts(resolved: bool, socket: str, as_json: bool) -> int:
    """List doubts, oldest first: amounts that may differ between our books and a peer's."""
    found = client(socket).get("/v1/doubts", **({"all": "true"} if resolved else {}))
    if as_json:
        print_json(found)
    else:
        print_table(
            ("ID", "ACCOUNT", "KIND", "AMOUNT", "EPOCH", "NOTE"),
            [
                (
                    item["id"],
                    item["account"],
                    item["kind"],
                    item["amount"],
                    item["epoch"],
                    item["note"] or "",
                )
                for item in found["doubts"]
            ],
        )
    return 0


@doubt.command("resolve")
@click.argument("name", metavar="ID")
@click.option("--note", required=True, help="What both sides' books say.")
@socket_option
@dry_run_option
@json_option
def resolve_doubt(name: str, note: str, socket: str, dry_run: bool, as_json: bool) -> int:
    """Close a doubt with a note; it stays on the books.

    \b
    Example:
      ilprouter doubt resolve 0000000000000007 --note "alice never saw it, agreed by mail"
    """
    path = f"/v1/doubts/{name}/resolve"
    found = client(socket).send("POST", path, {"note": note}, **flags(dry_run))
    return show_one(found, name, as_json)


@click.command()
@socket_option
@dry_run_option
@json_option
def reload(socket: str, dry_run: bool, as_json: bool) -> int:
    """Read the configuration files again and take up what differs, while packets flow.

    A bad file changes nothing; exit 4 and the reason. SIGHUP does the same.

    \b
    Examples:
      ilprouter reload --dry-run
      ilprouter reload
    """
    return show_applied(client(socket).send("POST", "/v1/reload", **flags(dry_run)), as_json)


@click.command()
@click.option("--undo", is_flag=True, help="Take new packets again.")
@WAIT
@socket_option
@dry_run_option
@json_option
def drain(undo: bool, wait: int, socket: str, dry_run: bool, as_json: bool) -> int:
    """Take no new packets (T03); those in flight finish. The process goes on.

    \b
    Examples:
      ilprouter drain --wait 40
      ilprouter drain --undo
    """
    router = client(socket)
    found = router.send("POST", "/v1/undrain" if undo else "/v1/drain", **flags(dry_run))
    if not undo and not dry_run:
        found = until(lambda: router.get("/v1/status"), lambda now: now["in_flight"], wait, found)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['state']}, {found['in_flight']} packets in flight")
    return TRY_AGAIN if wait and not undo and not dry_run and found["in_flight"] else 0


def until(
    read: Callable[[], dict[str, Any]],
    left: Callable[[dict[str, Any]], int],
    seconds: int,
    found: dict[str, Any],
) -> dict[str, Any]:
    """Read again until nothing is left, or the time is over; what was read last."""
    deadline = time.monotonic() + seconds
    while left(found) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = read()
    return found


@click.command("log-level")
@click.argument("level", required=False, type=click.Choice(("debug", "info", "warning", "error")))
@socket_option
@dry_run_option
@json_option
def log_level(level: str | None, socket: str, dry_run: bool, as_json: bool) -> int:
    """Show how much is logged, or set it until the next change of the [log] table.

    \b
    Example:
      ilprouter log-level debug
    """
    router = client(socket)
    if level is None:
        found = router.get("/v1/log-level")
    else:
        found = router.send("PUT", "/v1/log-level", {"level": level}, **flags(dry_run))
    if as_json:
        print_json(found)
    else:
        click.echo(found["level"])
    return 0
