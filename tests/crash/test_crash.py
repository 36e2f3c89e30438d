"""Kill the router under load at random moments, restart it, audit the books after every round.

Safe at any crash: what the payer saw fulfilled <= what the router charged for it <= what the payee
sent. The first inequality is "durable before visible", the second "no credit without proof"; both
sides of the router's books move together, so charge and credit are equal at par. What is left
between them was in flight, and the next start lists it: the doubts of an incarnation cover every
difference that it left.

ILPROUTER_CRASH_ROUNDS sets the number of rounds of each topology, ILPROUTER_CRASH_SEED the moments.
"""

import asyncio
import os
import random
import time

import pytest
import uvloop

from ilprouter.bench.peers import Peers
from ilprouter.bench.process import RouterProcess
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, free_udp_ports
from ilprouter.bench.traffic import Traffic
from ilprouter.ledger.verify import verify

ROUNDS = int(os.environ.get("ILPROUTER_CRASH_ROUNDS", "26"))
WINDOW = 1024

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 10 * ROUNDS)]


def build(tmp_path, incoming):
    udp_port, payee_port, udp_payer = free_udp_ports(3)
    http_port, http_payer = free_ports(2)
    payer_port = udp_payer if incoming == "udp" else http_payer
    ports = {"udp": udp_port} if incoming == "udp" else {"udp": udp_port, "http": http_port}
    payer = PeerSpec("payer", incoming, payer_port)
    payee = PeerSpec("payee", "udp", payee_port, prefix="g.payee")
    return Topology(directory=tmp_path, peers=(payer, payee), ports=ports)


class Audit:
    """The three books after each crash, and what must hold between them.

    gaps      amounts charged but never seen, amounts sent but never credited: over all rounds
    open_     epoch -> the same of one incarnation; its doubts appear with the next one
    covered   the largest part of a doubt that was needed, of one incarnation
    """

    def __init__(self, peers):
        self.peers = peers
        self.gaps = {"undelivered": 0, "lease": 0}
        self.open_ = {}
        self.with_gap = 0
        self.seen = self.charged = self.sent = 0

    def lane(self, name):
        return self.peers.load.lane(self.peers.numbers[name])

    def check(self, report):
        """The report is of a router that was just killed."""
        assert report["ok"], report["problems"]
        by_name = {account["name"]: account for account in report["accounts"]}
        charge = by_name["payer"]
        charged = int(charge["fulfilled_in"]) - int(charge["voided_in"])
        credited = int(by_name["payee"]["fulfilled_out"])
        seen = self.lane("payer")["amount_fulfilled"]
        sent = self.lane("payee")["amount_earned"]
        assert seen <= charged, f"the payer holds {seen - charged} more than it is charged for"
        assert charged <= sent, f"the payer is charged {charged - sent} more than was fulfilled"
        assert charged == credited, "a charge without its credit, or the reverse"
        self.check_doubts(report["doubts"])
        now = {"undelivered": charged - seen, "lease": sent - credited}
        self.open_[report["epoch"]] = {kind: now[kind] - self.gaps[kind] for kind in now}
        self.with_gap += any(self.open_[report["epoch"]].values())
        self.gaps, self.seen, self.charged, self.sent = now, seen, charged, sent

    def check_doubts(self, doubts):
        """Every difference that an earlier incarnation left is within what it listed."""
        listed = {}
        for doubt in doubts:
            whose = {"undelivered": "payer", "lease": "payee"}[doubt["kind"]]
            if doubt["account"] == whose:
                key = doubt["epoch"], doubt["kind"]
                listed[key] = listed.get(key, 0) + int(doubt["amount"])
        for epoch, gaps in self.open_.items():
            for kind, gap in gaps.items():
                covered = listed.get((epoch, kind), 0)
                assert gap <= covered, f"epoch {epoch}: {kind} {gap}, but {covered} is listed"
        self.open_.clear()


async def wait_up(link):
    """HTTP links reconnect with a delay; a link that stays down fails the test by its timeout."""
    while not link.up:
        await asyncio.sleep(0.005)


async def wait_quiet(read):
    """What the router sent before it died is still in our sockets: it counts as seen."""
    last = -1
    while (now := read()) != last:
        last = now
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("incoming", ["udp", "http"])
def test_books_hold_through_kill_9_under_load(tmp_path, incoming, capsys):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lines = runner.run(crash_again_and_again(tmp_path, incoming))
    with capsys.disabled():
        print(f"\n{incoming}: " + f"\n{' ' * (len(incoming) + 2)}".join(lines))


async def crash_again_and_again(tmp_path, incoming):
    """Load, kill, audit, restart; returns what to print."""
    chance = random.Random(os.environ.get("ILPROUTER_CRASH_SEED"))
    topology = build(tmp_path, incoming)
    peers = Peers(topology, in_flight_max=4 * WINDOW)
    load = peers.load
    audit = Audit(peers)
    moments, starts_s, busy, loaded_s = [], [], 0, 0.0
    router = RouterProcess(topology)
    try:
        router.wait_ready()
        await peers.open()
        traffic = Traffic(["g.payee.shop"], amounts=[1, 10, 100, 1000, 12345])
        load.send(peers.numbers["payer"], traffic, window=WINDOW, expiry_ms=10_000)
        for _ in range(ROUNDS):
            # The router's greeting must be read first: a request sent to its last incarnation is
            # never repeated to this one, and would only wait for its timer.
            await router.wait_up(peers.numbers)
            await asyncio.sleep(0.05)
            await wait_up(peers.links["payer"])
            before = audit.lane("payer")["fulfilled"]
            moment_ms, began = chance.randint(5, 500), time.monotonic()
            load.start()
            await asyncio.sleep(moment_ms / 1000)
            router.kill()
            loaded_s += time.monotonic() - began
            moments.append(moment_ms)
            busy += audit.lane("payer")["fulfilled"] > before
            load.stop()
            await wait_quiet(lambda: audit.lane("payer")["amount_fulfilled"])
            load.abandon()
            audit.check(verify(topology.data_dir))
            began = time.monotonic()
            router = RouterProcess(topology)
            router.wait_ready()
            starts_s.append(time.monotonic() - began)
            assert all(int(account["hold_in"]) == 0 for account in router.accounts())
        assert busy > ROUNDS / 2, f"only {busy} of {ROUNDS} crashes met traffic: no proof"
        assert router.stop() == 0
        report = verify(topology.data_dir)
        audit.check(report)
        assert report["clean"]
    finally:
        await peers.close()
        router.kill()
    starts_s.sort()
    rate = audit.lane("payer")["fulfilled"] / loaded_s
    return (
        f"{ROUNDS} crashes after {min(moments)} to {max(moments)} ms of load at {rate:,.0f} "
        f"packets/s, {busy} while Fulfills flowed: 0 violations",
        f"payer saw {audit.seen:,}, router charged {audit.charged:,}, payee sent {audit.sent:,}; "
        f"{audit.with_gap} crashes left a difference, each within its doubts",
        f"from start to ready: p50 {starts_s[len(starts_s) // 2]:.2f} s, "
        f"p99 {starts_s[int(len(starts_s) * 0.99)]:.2f} s, recovery included",
    )
