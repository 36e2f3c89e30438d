"""Run scenarios: a real router process on one core, the load on another, medians of several runs.

Owns the order of a measurement and the arithmetic of figures. Knows no packet, prints nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from ilprouter.bench.books import differences
from ilprouter.bench.comparison import Figures, measure_limit
from ilprouter.bench.machine import describe, stolen_seconds
from ilprouter.bench.peers import Peers
from ilprouter.bench.process import BenchError, RouterProcess
from ilprouter.bench.scenarios import PACKET_SIZE, TURN_PACKETS, Scenario
from ilprouter.bench.traffic import Traffic

DESCRIPTORS_SPARE = 512
OPEN_LOOP_SHARE = 0.5  # of the closed-loop rate: a busy router, not an overloaded one


@dataclass(frozen=True)
class Options:
    """How to measure.

    seconds      of each closed-loop measurement; warm-up and open loop come on top
    runs         of each scenario; figures are medians
    directory    where ledgers go; must be on a real disk for the connector profile to mean anything
    """

    seconds: float
    runs: int
    router_cpu: int
    load_cpu: int
    directory: Path


def measure_all(
    scenarios: list[Scenario], options: Options, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measure every scenario; returns {"machine": …, "scenarios": {name: figures}}.

    progress   called with a line before each run
    raises     BenchError when a router does not start, loses packets' answers, or books differ
    """
    machine = describe(options.router_cpu, options.load_cpu)
    collected: dict[str, list[Figures]] = {scenario.name: [] for scenario in scenarios}
    with pinned(options.load_cpu), many_descriptors():
        # Whole rounds, not scenario by scenario: a slow minute of the machine hits all alike.
        for run in range(1, options.runs + 1):
            for scenario in scenarios:
                progress(f"{scenario.name}: run {run} of {options.runs}")
                collected[scenario.name].append(run_once(scenario, options))
    results = {name: medians(runs) for name, runs in collected.items()}
    for scenario in scenarios:
        if scenario.baseline in results:
            figures, base = results[scenario.name], results[scenario.baseline]
            figures["baseline"] = scenario.baseline
            figures["ratio_baseline"] = figures["cpu_us_per_tx"] / base["cpu_us_per_tx"]
    return {"machine": machine, "scenarios": results}


def medians(runs: list[Figures]) -> Figures:
    """Median of each figure; counts of things that must not happen are added up."""
    summed = ("rejected", "timed_out")
    result: Figures = {}
    for key in dict.fromkeys(key for run in runs for key in run):
        values = [run[key] for run in runs if key in run]
        result[key] = sum(values) if key in summed else statistics.median(values)
    return result


def run_once(scenario: Scenario, options: Options) -> Figures:
    """One run: the router under load, then what it is compared with."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure_router(scenario, options))
        limit = runner.run(
            measure_limit(scenario, max(0.5, options.seconds / 3), options.router_cpu)
        )
    figures |= limit
    figures["ratio_limit"] = figures["tx_per_s"] / figures["limit_tx_per_s"]
    return figures


async def measure_router(scenario: Scenario, options: Options) -> Figures:
    """Closed loop for throughput and cost, then open loop for latency below saturation."""
    with tempfile.TemporaryDirectory(prefix="ilprouter-bench-", dir=options.directory) as name:
        topology = scenario.topology(Path(name))
        router = RouterProcess(topology, options.router_cpu)
        peers = Peers(topology, only=scenario.active_names())
        try:
            router.wait_ready()
            await peers.open()
            await router.wait_up(scenario.active_names())
            pairs = 4096 if scenario.active < 1000 else 64
            senders = [
                (peers.numbers[sender], Traffic(destinations, (100,), PACKET_SIZE, pairs), window)
                for sender, destinations, window in scenario.plan()
            ]
            figures = await closed_loop(peers, router, senders, options.seconds, scenario.turns)
            # Peers that take turns do so to keep datagrams full; at fixed rates they could not.
            if not scenario.turns:
                figures |= await open_loop(peers, senders, figures["tx_per_s"], options.seconds / 2)
            await audit(peers, router)
        finally:
            await peers.close()
            router.stop()
        return figures


async def closed_loop(
    peers: Peers,
    router: RouterProcess,
    senders: list[tuple[int, Traffic, int]],
    seconds: float,
    turns: int,
) -> Figures:
    """Keep every sender's window full; of `turns` senders at a time, unless it is 0."""
    load = peers.load
    idle = await idle_share(router) if len(senders) > 1 else 0.0
    for number, traffic, window in senders:
        load.send(number, traffic, window=window)
    if turns:
        load.rotate(turns, TURN_PACKETS)
    load.start()
    await asyncio.sleep(max(0.5, seconds / 4))
    load.mark()
    before, used, stolen = load.snapshot(), router.usage(), stolen_seconds()
    start = time.monotonic()
    await asyncio.sleep(seconds)
    after, now, elapsed = load.snapshot(), router.usage(), time.monotonic() - start
    count = after["fulfilled"] - before["fulfilled"]
    if count == 0:
        raise router.fail(f"forwarded nothing; the load counted {after}")
    cpu_seconds = now.cpu_seconds - used.cpu_seconds
    return {
        "tx_per_s": count / elapsed,
        "p50_us": after["p50_ns"] / 1e3,
        "p99_us": after["p99_ns"] / 1e3,
        "cpu_us_per_tx": cpu_seconds / count * 1e6,
        "cpu_percent": cpu_seconds / elapsed * 100,
        "idle_cpu_percent": idle * 100,
        "rss_mib": now.rss_mib,
        "rejected": after["rejected"] - before["rejected"],
        "timed_out": after["timed_out"] - before["timed_out"],
        "stolen_percent": (stolen_seconds() - stolen) / elapsed * 100,
    }


async def idle_share(router: RouterProcess) -> float:
    """Share of a core that the router needs for its many peers without any traffic (heartbeats)."""
    await asyncio.sleep(2)  # what happens once, at the start, is over
    used, start = router.usage(), time.monotonic()
    await asyncio.sleep(2)
    return (router.usage().cpu_seconds - used.cpu_seconds) / (time.monotonic() - start)


async def open_loop(
    peers: Peers, senders: list[tuple[int, Traffic, int]], tx_per_s: float, seconds: float
) -> Figures:
    """Send at a fixed rate, whatever comes back; latency counts from when each packet was due."""
    load = peers.load
    rate = max(1, int(tx_per_s * OPEN_LOOP_SHARE / len(senders)))
    for number, traffic, _ in senders:
        load.send(number, traffic, rate=rate)
    load.start(spin=True)
    await asyncio.sleep(max(0.3, seconds / 4))
    load.mark()
    before = load.snapshot()
    await asyncio.sleep(seconds)
    after = load.snapshot()
    return {
        "open_tx_per_s": (after["fulfilled"] - before["fulfilled"]) / seconds,
        "open_p50_us": after["p50_ns"] / 1e3,
        "open_p99_us": after["p99_ns"] / 1e3,
        "open_refused": after["refused"] - before["refused"],
    }


async def audit(peers: Peers, router: RouterProcess) -> None:
    """Let what is in flight end, then compare all ledgers: speed that loses money is no speed."""
    if not await peers.load.quiesce(20.0):
        raise router.fail("left packets without any answer")
    total = peers.load.snapshot()
    if total["invalid"] or total["received_invalid"]:
        raise router.fail(f"passed on packets that are wrong: {total}")
    if total["amount_fulfilled"] != total["amount_earned"]:
        raise router.fail(f"left peers whose ledgers differ: {total}")
    wrong = differences(peers, router.accounts())
    if wrong:
        raise router.fail("keeps other books than its peers: " + "; ".join(map(str, wrong)))


@contextlib.contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Keep this process on one core inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """Allow as many open files as the system does: a peer is a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def enough_descriptors(scenario: Scenario) -> bool:
    """May this process open a socket for every active peer?"""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= scenario.active + DESCRIPTORS_SPARE


def scratch_directory() -> Path:
    """A writable directory on a real disk: a commit to memory is no commit.

    raises   BenchError when neither the temporary directories nor the current one qualify
    """
    for candidate in (Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()):  # noqa: S108
        if os.access(candidate, os.W_OK) and filesystem(candidate) not in ("tmpfs", "ramfs"):
            return candidate
    raise BenchError("no writable directory on a disk found; choose one with --directory")


def filesystem(path: Path) -> str:
    """The type of the file system that holds `path`, from /proc/self/mountinfo."""
    best, kind = -1, ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4]
        if len(mount) > best and path.resolve().is_relative_to(mount):
            best, kind = len(mount), right.split()[0]
    return kind
