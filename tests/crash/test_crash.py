"""Kill the router under load at random moments, restart it, audit the books after every round.

Safe at any crash: what the payer saw fulfilled <= what the router charged for it <= what the payee
sent. The first inequality is "durable before visible", the second "no credit without proof"; both
sides of the router's books move together, so charge and credit are equal at par.
ILPROUTER_CRASH_ROUNDS sets the number of rounds of each topology.
"""

import asyncio
import os
import random

import pytest
import uvloop

from ilprouter.bench.peers import Peers
from ilprouter.bench.process import RouterProcess
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, free_udp_ports
from ilprouter.bench.traffic import Traffic
from ilprouter.ledger.verify import verify

ROUNDS = int(os.environ.get("ILPROUTER_CRASH_ROUNDS", "26"))
WINDOW = 256

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 8 * ROUNDS)]


def build(tmp_path, incoming):
    udp_port, payee_port, udp_payer = free_udp_ports(3)
    http_port, http_payer = free_ports(2)
    payer_port = udp_payer if incoming == "udp" else http_payer
    ports = {"udp": udp_port} if incoming == "udp" else {"udp": udp_port, "http": http_port}
    payer = PeerSpec("payer", incoming, payer_port)
    payee = PeerSpec("payee", "udp", payee_port, prefix="g.payee")
    return Topology(directory=tmp_path, peers=(payer, payee), ports=ports)


class Audit:
    """What was seen over all rounds, and what must hold between the three books."""

    def __init__(self, peers):
        self.peers = peers
        self.lost = 0  # charged, but the answer died with the router: what was in flight

    def check(self, accounts):
        by_name = {account["name"]: account for account in accounts}
        charge = by_name["payer"]
        charged = int(charge["fulfilled_in"]) - int(charge["voided_in"])
        credited = int(by_name["payee"]["fulfilled_out"])
        seen = self.peers.load.lane(self.peers.numbers["payer"])["amount_fulfilled"]
        sent = self.peers.load.lane(self.peers.numbers["payee"])["amount_earned"]
        assert seen <= charged, f"the payer holds {seen - charged} more than it is charged for"
        assert charged <= sent, f"the payer is charged {charged - sent} more than was fulfilled"
        assert charged == credited, "a charge without its credit, or the reverse"
        assert int(charge["hold_in"]) == 0, "a hold survived the crash"
        self.lost = charged - seen
        return seen, charged, sent


async def wait_up(link):
    """HTTP links reconnect with a delay; a link that stays down fails the test by its timeout."""
    while not link.up:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("incoming", ["udp", "http"])
def test_books_hold_through_kill_9_under_load(tmp_path, incoming, capsys):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        summary = runner.run(crash_again_and_again(tmp_path, incoming))
    with capsys.disabled():
        print(f"\n{incoming}: {summary}")


async def crash_again_and_again(tmp_path, incoming):
    """Load, kill, audit, restart; returns what to print."""
    chance = random.Random(os.environ.get("ILPROUTER_CRASH_SEED"))
    topology = build(tmp_path, incoming)
    peers = Peers(topology, in_flight_max=2048)
    load = peers.load
    audit = Audit(peers)
    router = RouterProcess(topology)
    moments, busy = [], 0

    def payer():
        return load.lane(peers.numbers["payer"])

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
            before = payer()["fulfilled"]
            load.start()
            moment_ms = chance.randint(5, 500)
            await asyncio.sleep(moment_ms / 1000)
            router.kill()
            moments.append(moment_ms)
            busy += payer()["fulfilled"] > before
            load.stop()
            # What the router sent before it died is still in our sockets: it counts as seen.
            await asyncio.sleep(0.05)
            load.abandon()
            report = verify(topology.data_dir)
            assert report["ok"], report["problems"]
            router = RouterProcess(topology)
            router.wait_ready()
            seen, charged, sent = audit.check(router.accounts())
        assert busy > ROUNDS / 2, f"only {busy} of {ROUNDS} crashes met traffic: no proof"
        assert router.stop() == 0
        assert verify(topology.data_dir)["ok"]
    finally:
        await peers.close()
        router.kill()
    return (
        f"{ROUNDS} crashes after {min(moments)} to {max(moments)} ms of load, 0 violations; "
        f"{busy} met traffic that flowed; "
        f"payer saw {seen:,}, router charged {charged:,}, payee sent {sent:,}; "
        f"charged but never seen {audit.lost:,}"
    )
