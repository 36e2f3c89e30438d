"""Commands about peers and their books: peer and account.

Owns their flags, the KEY=VALUE form of a peer's table and their output; the router decides.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ilprouter.cli.changes import (
    TRY_AGAIN,
    WAIT,
    change,
    client,
    flags,
    show_one,
    until,
)
from ilprouter.cli.options import (
    dry_run_option,
    json_option,
    persist_option,
    print_json,
    print_table,
    socket_option,
)

FILE = click.option(
    "--file",
    "file",
    metavar="FILE",
    help="TOML with the keys of one [[peer]]; - reads stdin. Keeps tokens off the command line.",
)


@click.group()
def peer() -> None:
    """List, show, add, change, drain and remove peers, while packets flow."""


def of(name: str, *more: str) -> str:
    """The path of a peer."""
    return "/".join(("/v1/peers", quote(name, safe=""), *more))


@peer.command("list")
@socket_option
@json_option
def list_peers(socket: str, as_json: bool) -> int:
    """List peers with the state of their links."""
    found = client(socket).get("/v1/peers")
    if as_json:
        print_json(found)
        return 0
    print_table(
        ("PEER", "RELATION", "LINK", "ASSET", "SCALE", "STATE", "OPEN IN", "OPEN OUT"),
        [
            (
                item["name"],
                item["relation"],
                item["endpoint"],
                item["asset_code"],
                item["asset_scale"],
                "draining" if item["draining"] else "up" if item["up"] else "down",
                item["open_in"],
                item["open_out"],
            )
            for item in found["peers"]
        ],
    )
    return 0


@peer.command("show")
@click.argument("name")
@socket_option
@json_option
def show_peer(name: str, socket: str, as_json: bool) -> int:
    """Show a peer: its link, its terms, and the file that defines them."""
    found = client(socket).get(of(name))
    if as_json:
        print_json(found)
        return 0
    click.echo(f"# defined in {found['file'] or 'no file: an order that was not persisted'}")
    from ilprouter.config.text import entries

    click.echo("\n".join(entries(found["definition"])))
    click.echo()
    rows = {key: value for key, value in found["peer"].items() if not isinstance(value, dict)}
    counters = {**found["peer"]["packets"], **found["peer"]["endpoint_counters"]}
    return show_one({**rows, **counters}, name, as_json=False)


@peer.command("add")
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@FILE
@socket_option
@persist_option
@dry_run_option
@json_option
def add_peer(
    name: str,
    pairs: tuple[str, ...],
    file: str | None,
    socket: str,
    persist: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Add a peer. Keys are those of a [[peer]] table, with dots for tables inside.

    \b
    Examples:
      ilprouter peer add carol relation=peer asset.code=USD asset.scale=9 \\
          link.endpoint=udp link.remote=127.0.0.1:9768 balance.credit_limit=1000
      ilprouter peer add dave --file dave.toml --persist
    """
    body = {**definition(file, pairs), "name": name}
    return change(socket, "POST", "/v1/peers", body, dry_run, persist, as_json)


@peer.command("set")
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@FILE
@socket_option
@persist_option
@dry_run_option
@json_option
def set_peer(
    name: str,
    pairs: tuple[str, ...],
    file: str | None,
    socket: str,
    persist: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Change some keys of a peer; nothing after the = removes a key.

    \b
    Examples:
      ilprouter peer set carol limits.packets_per_second=500
      ilprouter peer set carol 'link.incoming_tokens=["old", "new"]'
    """
    body = definition(file, pairs)
    if not body:
        raise click.UsageError("Nothing to set: give KEY=VALUE or --file.")
    return change(socket, "PATCH", of(name), body, dry_run, persist, as_json)


def definition(file: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """The table that a file and KEY=VALUE pairs describe; later ones win."""
    found: dict[str, Any] = {}
    if file is not None:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
            found = tomllib.loads(text)
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{file}: {error}") from None
    for pair in pairs:
        key, equals, text = pair.partition("=")
        *tables, last = key.split(".")
        table = found
        for name in tables:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                raise click.UsageError(f"{name} is not a table in {pair!r}")
            table = inner
        if not equals or not last:
            raise click.UsageError(f"{pair!r} is not KEY=VALUE")
        table[last] = value(text)
    return found


def value(text: str) -> Any:
    """What a value on the command line stands for: TOML where it is, else text; "" is nothing."""
    if not text:
        return None
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    kept = found["value"]
    # Dates and floats are nothing that a peer's table takes: it was meant as text.
    return kept if len(found) == 1 and isinstance(kept, (bool, int, str, list, dict)) else text


@peer.command("rm")
@click.argument("name")
@socket_option
@persist_option
@dry_run_option
@json_option
def remove_peer(name: str, socket: str, persist: bool, dry_run: bool, as_json: bool) -> int:
    """Remove a peer. Packets in flight finish; its books stay, see `ilprouter account show`.

    \b
    Example:
      ilprouter peer rm carol --persist
    """
    return change(socket, "DELETE", of(name), None, dry_run, persist, as_json)


@peer.command("drain")
@click.argument("name")
@WAIT
@socket_option
@dry_run_option
@json_option
def drain_peer(name: str, wait: int, socket: str, dry_run: bool, as_json: bool) -> int:
    """Take no new packets from a peer and send it none; those in flight finish.

    \b
    Example:
      ilprouter peer drain carol --wait 40
    """
    router = client(socket)
    found = router.send("POST", of(name, "drain"), **flags(dry_run))
    if not dry_run:
        found = until(lambda: router.get(of(name))["peer"], open_requests, wait, found)
    show_drained(found, as_json)
    return TRY_AGAIN if wait and not dry_run and open_requests(found) else 0


@peer.command("undrain")
@click.argument("name")
@socket_option
@dry_run_option
@json_option
def undrain_peer(name: str, socket: str, dry_run: bool, as_json: bool) -> int:
    """Take packets from a peer again, and send it some."""
    show_drained(client(socket).send("POST", of(name, "undrain"), **flags(dry_run)), as_json)
    return 0


def open_requests(found: dict[str, Any]) -> int:
    """Packets without an answer, both ways."""
    return int(found["open_in"] + found["open_out"])


def show_drained(found: dict[str, Any], as_json: bool) -> None:
    """The state of a peer after an order."""
    if as_json:
        print_json(found)
        return
    state = "draining" if found["draining"] else "taking packets"
    click.echo(f"{found['name']} is {state}, {open_requests(found)} packets in flight")


@click.group()
def account() -> None:
    """List and show the books with peers; freeze and unfreeze them."""


@account.command("list")
@socket_option
@json_option
def list_accounts(socket: str, as_json: bool) -> int:
    """List the books, those of removed peers last."""
    found = client(socket).get("/v1/accounts")
    if as_json:
        print_json(found)
        return 0
    print_table(
        ("ACCOUNT", "ASSET", "SCALE", "PEER OWES", "WE OWE", "HOLD IN", "HOLD OUT", "STATE"),
        [
            (
                item["name"],
                item["asset_code"],
                item["asset_scale"],
                item["peer_owes"],
                item["we_owe"],
                item["hold_in"],
                item["hold_out"],
                "frozen" if item["frozen"] else "open" if item["configured"] else "no peer",
            )
            for item in found["accounts"]
        ],
    )
    return 0


@account.command("show")
@click.argument("name")
@socket_option
@json_option
def show_account(name: str, socket: str, as_json: bool) -> int:
    """Show the books with one peer."""
    found = client(socket).get(f"/v1/accounts/{quote(name, safe='')}")
    return show_one(found, name, as_json)


def switch_account(name: str, what: str, socket: str, dry_run: bool, as_json: bool) -> int:
    """Freeze or unfreeze."""
    path = f"/v1/accounts/{quote(name, safe='')}/{what}"
    return show_one(client(socket).send("POST", path, **flags(dry_run)), name, as_json)


@account.command("freeze")
@click.argument("name")
@socket_option
@dry_run_option
@json_option
def freeze(name: str, socket: str, dry_run: bool, as_json: bool) -> int:
    """Refuse new packets of a peer at once, both ways; kept over restarts.

    \b
    Example:
      ilprouter account freeze alice
    """
    return switch_account(name, "freeze", socket, dry_run, as_json)


@account.command("unfreeze")
@click.argument("name")
@socket_option
@dry_run_option
@json_option
def unfreeze(name: str, socket: str, dry_run: bool, as_json: bool) -> int:
    """Let packets of a peer pass again."""
    return switch_account(name, "unfreeze", socket, dry_run, as_json)
