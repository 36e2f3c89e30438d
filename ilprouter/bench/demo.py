"""`ilprouter demo`: a real router, two peers, ten seconds of traffic, and the books compared.

Owns the show: topology, traffic and what is printed. Measures only what it shows.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.table import Table

from ilprouter.bench.books import Entry, compare
from ilprouter.bench.peers import Peers
from ilprouter.bench.process import BenchError, RouterProcess
from ilprouter.bench.runner import scratch_directory
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, free_udp_ports
from ilprouter.bench.traffic import Traffic

WINDOW = 128  # requests each peer keeps in flight
MAX_PACKET_AMOUNT = 1_000_000
REJECT_EVERY = 500  # the far peer refuses each of these by itself (F99)
MEANING = {
    "F02": "no route to the destination",
    "F08": "over the peer's packet limit",
    "F99": "refused by the receiver",
    "T02": "the next link had no room",
    "R01": "too small for one unit of the other asset",
}
PRICE = "0.52"  # of one XRP in USD: both directions cross assets and round


def topology(directory: Path) -> Topology:
    """Alice pays in USD over HTTP/2, bob in XRP over UDP; both send and receive."""
    http_port, alice_port = free_ports(2)
    udp_port, bob_port = free_udp_ports(2)
    limits = {"max_packet_amount": MAX_PACKET_AMOUNT, "packets_per_second": 1_000_000}
    alice = PeerSpec("alice", "http", alice_port, "g.alice", limits=limits)
    bob = PeerSpec("bob", "udp", bob_port, "g.bob", asset=("XRP", 6), limits=limits)
    return Topology(
        directory=directory,
        peers=(alice, bob),
        ports={"http": http_port, "udp": udp_port},
        rates=(("XRP", PRICE),),
        address="g.demo",
    )


def traffic(towards: str, unit: int) -> Traffic:
    """Mostly good packets; 1 in 101 has no route and 1 in 97 is over the limit.

    towards   the other peer
    unit      scale of the amounts, in units of the sender's asset
    """
    destinations = [f"g.{towards}.shop.{number}" for number in range(100)]
    amounts = [unit * (1 + number * number) + number for number in range(96)]
    return Traffic([*destinations, "g.nowhere.shop"], [*amounts, MAX_PACKET_AMOUNT + 1])


@click.command("demo")
@click.option("--seconds", default=10, show_default=True, help="How long to send.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--keep", is_flag=True, help="Keep the directory with configuration, ledger and log.")
def command(seconds: int, as_json: bool, keep: bool) -> None:
    """Run a router with two peers over real sockets, and compare the three books at the end.

    Alice is connected over HTTP/2, bob over UDP; both pay each other through a router with a
    durable ledger. Some packets are wrong on purpose. Exit code 0 when all books agree to the unit.
    """
    if seconds < 1:
        raise click.UsageError("--seconds must be at least 1")
    sys.exit(main(seconds, as_json=as_json, keep=keep))


def main(seconds: int = 10, *, as_json: bool = False, keep: bool = False) -> int:
    """Run the demo; returns the exit code: 0 when the books agree, 1 otherwise."""
    console = Console(stderr=as_json, highlight=False)
    directory = Path(tempfile.mkdtemp(prefix="ilprouter-demo-", dir=scratch_directory()))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(play(directory, seconds, console))
    except BenchError as error:
        console.print(f"[red]demo:[/red] {error}")
        return 1
    finally:
        if keep:
            console.print(f"Kept {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    return 0 if report["books_equal"] else 1


async def play(directory: Path, seconds: int, console: Console) -> dict[str, Any]:
    """Start everything, show each second, stop, compare."""
    plan = topology(directory)
    console.print("[bold]ilprouter demo[/bold]: three parties, real sockets, a durable ledger\n")
    http, udp = plan.router_address("http"), plan.router_address("udp")
    console.print(f"  alice ═══ HTTP/2 ═══ router g.demo ═══ UDP ═══ bob   1 XRP = {PRICE} USD")
    console.print(f"  USD/9    {http:<18}        {udp:<15}    XRP/6\n")
    router = RouterProcess(plan)
    peers = Peers(plan, in_flight_max=4096)
    try:
        router.wait_ready()
        await peers.open(reject_every=REJECT_EVERY)
        await router.wait_up(peers.numbers)
        load = peers.load
        load.send(peers.numbers["alice"], traffic("bob", 100), window=WINDOW)
        load.send(peers.numbers["bob"], traffic("alice", 1), window=WINDOW)
        rates = await show_seconds(peers, router, seconds, console)
        quiet = await load.quiesce(15.0)
        entries = compare(peers, router.accounts())
        snapshot = load.snapshot()
    finally:
        await peers.close()
        code = router.stop()
    equal = quiet and code == 0 and len(entries) == 4 and all(entry.equal for entry in entries)
    show_end(console, snapshot, entries, equal, code)
    return {
        "seconds": seconds,
        "tx_per_s": rates,
        "fulfilled": snapshot["fulfilled"],
        "rejected": snapshot["rejected"],
        "rejects": snapshot["rejects"],
        "timed_out": snapshot["timed_out"],
        "router_exit_code": code,
        "books": [
            {"what": entry.what, "asset": entry.asset, "peer": entry.theirs, "router": entry.ours}
            for entry in entries
        ],
        "books_equal": equal,
    }


async def show_seconds(
    peers: Peers, router: RouterProcess, seconds: int, console: Console
) -> list[int]:
    """Send, and print a line each second; returns transactions of each second."""
    load = peers.load
    console.print(
        "[dim] second  packets/s  fulfilled/s  rejected/s  p50 ms  p99 ms     CPU  memory[/dim]"
    )
    load.start()
    rates = []
    for second in range(1, seconds + 1):
        load.mark()
        before, used, start = load.snapshot(), router.usage(), time.monotonic()
        await asyncio.sleep(1)
        after, now, elapsed = load.snapshot(), router.usage(), time.monotonic() - start
        fulfilled = (after["fulfilled"] - before["fulfilled"]) / elapsed
        rejected = (after["rejected"] - before["rejected"]) / elapsed
        rates.append(round(fulfilled + rejected))
        # A transaction is four packets at the router; one that it rejects itself is two.
        packets = 4 * fulfilled + 2 * rejected
        cpu = (now.cpu_seconds - used.cpu_seconds) / elapsed * 100
        console.print(
            f" {second:>6}  {packets:>9,.0f}  {fulfilled:>11,.0f}  {rejected:>10,.0f}"
            f"  {after['p50_ns'] / 1e6:>6.2f}  {after['p99_ns'] / 1e6:>6.2f}"
            f"  {cpu:>4.0f} %  {now.rss_mib:>2.0f} MiB"
        )
    return rates


def show_end(
    console: Console, snapshot: dict[str, Any], entries: list[Entry], equal: bool, code: int
) -> None:
    """Print Rejects by code and the three books."""
    console.print("\n[bold]Rejects by code[/bold]")
    for name, count in sorted(snapshot["rejects"].items()):
        console.print(f"  {name:<4} {count:>9,}  {MEANING.get(name, '')}")
    console.print(f"  none {snapshot['timed_out']:>9,}  no answer at all\n")
    table = Table(title="Three books", title_justify="left", title_style="bold")
    table.add_column("who owes whom")
    table.add_column("asset")
    table.add_column("peer's ledger", justify="right")
    table.add_column("router's account", justify="right")
    table.add_column("", justify="center")
    for entry in entries:
        sign = "[green]equal[/green]" if entry.equal else "[red]differs[/red]"
        table.add_row(entry.what, entry.asset, f"{entry.theirs:,}", f"{entry.ours:,}", sign)
    console.print(table)
    total = f"{snapshot['fulfilled']:,} packets fulfilled"
    if equal:
        console.print(f"[bold green]All books agree to the unit[/bold green] after {total}.")
    else:
        console.print(
            f"[bold red]The books differ[/bold red] after {total} (router exit code {code})."
        )
