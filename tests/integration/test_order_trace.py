"""Not one Fulfill leaves before the commit that charges it returned: shown by times.

A real router over real sockets and a real LMDB store in this process. Two witnesses who know
nothing of each other: the store says when which charge became durable (decoded from the bytes it
wrote), the payer says when which Fulfill arrived. At no moment may the payer hold more than is
durable. The last test lets go early on purpose and must be caught, or the others prove nothing.
"""

import asyncio
import threading
import time
from bisect import bisect_right
from itertools import accumulate

import pytest
import uvloop

from ilprouter import router as router_module
from ilprouter.bench.peers import Peers
from ilprouter.bench.topology import PeerSpec, Topology, free_udp_ports
from ilprouter.bench.traffic import Traffic
from ilprouter.clock import boottime_ns
from ilprouter.config import load
from ilprouter.ledger.layout import join_parts, parse_record
from ilprouter.router import Router
from ilprouter.stores.lmdb import LmdbStore

PACKETS = 120_000
WINDOW = 1024
AMOUNTS = range(1, 998)  # sums of different packets differ: a swap cannot hide


class WitnessStore(LmdbStore):
    """The router's store, telling when each group became durable; it can be held, and can lie."""

    payer = 0  # number of the payer's account: the first one configured

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.free = threading.Event()
        self.free.set()
        self.delay_s = 0.0
        self.before_commit = None
        self.commits_seen = []  # (CLOCK_BOOTTIME ns after the commit returned, amount charged)
        WitnessStore.latest = self

    def commit(self, batch):
        charged = 0
        for seq, _, stored in join_parts(batch.appends.get("log", [])):
            for change in parse_record(seq, stored).accounts:
                if change.number == self.payer:
                    charged += change.counters[0] or 0
        if charged and self.before_commit is not None:
            self.before_commit()
        if charged:
            time.sleep(self.delay_s)
        self.free.wait()
        super().commit(batch)
        self.commits_seen.append((boottime_ns(), charged))


class Bench:
    """Payer, router and payee, each with sockets of its own."""

    def __init__(self, directory):
        router_port, payer_port, payee_port = free_udp_ports(3)
        payer = PeerSpec("payer", "udp", payer_port)
        payee = PeerSpec("payee", "udp", payee_port, prefix="g.payee")
        topology = Topology(directory=directory, peers=(payer, payee), ports={"udp": router_port})
        self.router = Router(load(topology.write()), lambda error: pytest.fail(str(error)))
        self.peers = Peers(topology, 4096, trace_max=4 * PACKETS)

    async def __aenter__(self):
        await self.router.open()
        await self.peers.open()
        self.store = WitnessStore.latest
        self.load = self.peers.load
        self.load.send(
            self.peers.numbers["payer"], Traffic(["g.payee.x"], amounts=AMOUNTS), window=WINDOW
        )
        return self

    async def __aexit__(self, *_):
        await self.peers.close()
        await self.router.close()

    def payer(self):
        return self.load.lane(self.peers.numbers["payer"])

    def payee(self):
        return self.load.lane(self.peers.numbers["payee"])

    async def until(self, condition, timeout=30.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "timed out"
            await asyncio.sleep(0.005)


def early(arrivals, commits):
    """Arrivals that came when less was durable than the payer then held: (ns, held, durable)."""
    times = [at_ns for at_ns, _ in commits]
    durable = [0, *accumulate(amount for _, amount in commits)]
    held = accumulate(amount for _, amount in arrivals)
    found = []
    for (at_ns, _), sum_held in zip(arrivals, held, strict=True):
        sum_durable = durable[bisect_right(times, at_ns)]
        if sum_held > sum_durable:
            found.append((at_ns, sum_held, sum_durable))
    return found


def run(directory, monkeypatch, scene):
    """Play a scene with the witness in the place of the router's store."""
    monkeypatch.setattr(router_module, "LmdbStore", WitnessStore)

    async def play():
        async with Bench(directory) as bench:
            return await scene(bench)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play())


@pytest.mark.timeout(120)
def test_no_fulfill_arrives_before_its_charge_is_durable(tmp_path, monkeypatch):
    async def scene(bench):
        bench.store.delay_s = 0.002
        bench.router.switch.trace_start(4 * PACKETS)
        bench.router.committer.trace_start()
        bench.load.start()
        await bench.until(lambda: bench.payer()["fulfilled"] >= PACKETS, 90)
        assert await bench.load.quiesce(15)
        arrivals, commits = bench.load.order_trace(), bench.store.commits_seen
        assert len(arrivals) == bench.payer()["fulfilled"] >= PACKETS
        assert sum(amount for _, amount in arrivals) == sum(amount for _, amount in commits)
        assert early(arrivals, commits) == []
        # The same from inside: every packet left after the commit of its own group returned.
        returned = {group: at_ns for group, _, at_ns in bench.router.committer.trace}
        left = bench.router.switch.trace()
        assert len(left) == len(arrivals)
        assert all(left_ns >= returned[group] for group, left_ns in left)
        return len({group for group, _ in left})

    assert run(tmp_path, monkeypatch, scene) > 20, "too few groups to show an order"


def test_while_the_disk_is_held_every_fulfill_waits(tmp_path, monkeypatch):
    async def scene(bench):
        # Traffic first, so that the payee's lease covers a whole window without a commit.
        bench.load.start()
        await bench.until(lambda: bench.payer()["fulfilled"] > 20 * WINDOW)
        assert await bench.load.quiesce(10)
        before = bench.payer()["fulfilled"]
        bench.store.free.clear()
        bench.load.start()
        try:
            await bench.until(lambda: bench.payee()["answered_fulfill"] >= before + WINDOW, 5)
            bench.load.stop()
            await asyncio.sleep(0.1)
            held = bench.payer()["fulfilled"] - before
            waiting = bench.router.switch.waiting
        finally:
            bench.store.free.set()
        assert await bench.load.quiesce(10)
        return held, waiting, bench.payer()["fulfilled"] - before

    held, waiting, released = run(tmp_path, monkeypatch, scene)
    assert held == 0, f"{held} Fulfills left while their commit was held"
    assert waiting == released == WINDOW


def test_a_router_that_lets_go_early_is_caught(tmp_path, monkeypatch):
    async def scene(bench):
        loop, switch = asyncio.get_running_loop(), bench.router.switch
        bench.store.delay_s = 0.02
        bench.store.before_commit = lambda: loop.call_soon_threadsafe(switch.barrier_release)
        bench.load.start()
        await bench.until(lambda: bench.payer()["fulfilled"] > 4 * WINDOW)
        assert await bench.load.quiesce(10)
        return early(bench.load.order_trace(), bench.store.commits_seen)

    assert len(run(tmp_path, monkeypatch, scene)) > WINDOW
