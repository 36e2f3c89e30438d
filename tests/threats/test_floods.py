"""Threats M12, M16, M17 and M23: one peer takes all it can get, the others must not notice."""

import asyncio
import json
import os

import pytest

from ilprouter.bench.load import Load
from ilprouter.bench.topology import free_udp_ports
from ilprouter.bench.traffic import Traffic
from ilprouter.core.endpoint import Pool, Round
from ilprouter.core.packet import Fulfill, Reject, parse
from ilprouter.endpoints.udp import UdpEndpoint
from tests.helpers.http_peer import until
from tests.helpers.packets import fulfill, prepare

DEEP = os.environ.get("ILPROUTER_DEEP") == "1"
# A disk that others keep busy makes T03 of any packet: what is measured here is not the disk.
STORE = "" if DEEP else '[ledger]\nstore = "memory"'


class Flood:
    """The compiled load engine playing some of a world's UDP peers: fast enough to hurt."""

    def __init__(self, world):
        self.world = world
        self.round, self.pool = Round(), Pool(65_536, 16)
        self.load = Load(self.round, self.pool, 32_768)
        self.endpoints = []
        self.numbers = {}

    async def play(self, name, address, in_flight=32_768):
        """Be the peer `name`, whose configured remote is `address`."""
        endpoint = UdpEndpoint(self.round, self.pool, address)
        self.endpoints.append(endpoint)
        await endpoint.open()
        link = endpoint.add_link("router", f"127.0.0.1:{self.world.udp_port}", in_flight=in_flight)
        self.numbers[name] = self.load.add(link)
        await until(lambda: link.up and self.world.router.links[name].up)

    def send(self, name, destination, amount, **how):
        self.load.send(self.numbers[name], Traffic([destination], amounts=[amount]), **how)

    def lane(self, name):
        return self.load.lane(self.numbers[name])

    async def close(self):
        await self.load.quiesce(2)
        self.load.abandon()
        self.load.close()
        for endpoint in self.endpoints:
            await endpoint.close()


def free_address():
    return f"127.0.0.1:{free_udp_ports(1)[0]}"


@pytest.fixture
async def flood():
    made = []

    def make(world):
        made.append(Flood(world))
        return made[-1]

    yield make
    for item in made:
        await item.close()


async def test_m12_a_silent_next_hop_holds_no_more_than_the_cap(start, flood):
    """Holds as free option: over the cap T04 at once, others unaffected, memory bounded.

    5 000 Prepares of 30 s to a peer that never answers: as many as in_flight allows are held.
    """
    address = free_address()
    world = start.new(sections=STORE).udp("mallory", remote=address).udp("alice")
    world.udp("silent", prefix="g.silent").udp("bob", lambda packet: fulfill(), prefix="g.bob")
    await start(world)
    hostile = flood(world)
    await hostile.play("mallory", address)
    hostile.send("mallory", "g.silent.x", 10, window=5_000, expiry_ms=30_000)
    hostile.load.start()
    await until(lambda: hostile.lane("mallory")["rejected"] >= 904)
    hostile.load.stop()
    await until(lambda: hostile.load.in_flight == 4096)
    assert world.router.switch.in_flight == 4096
    assert set(hostile.load.snapshot()["rejects"]) == {"T04"}
    assert world.counter("in_flight_exceeded") == hostile.lane("mallory")["rejected"]
    assert (await world.account("mallory"))["hold_in"] == 40_960
    for _ in range(20):
        assert isinstance(await world.ask("alice", prepare("g.bob.x", 7)), Fulfill)
    held = world.router.pool.in_use
    assert held <= 4096 + 64, "one buffer for each Prepare that is held"


async def test_m12_a_cap_on_value_counts_until_resolution(start):
    """Holds as free option: over the amount cap T04 at once; an answer frees the place."""
    world = start.new(sections=STORE).udp("alice", limits={"in_flight_amount": 1_000})
    world.udp("bob", prefix="g.bob")
    await start(world)
    bob = world.links["bob"]
    waiting = world.links["alice"].request(prepare(amount=1_000))
    await until(lambda: bob.seen)
    for _ in range(5):
        assert (await world.ask("alice", prepare(amount=1))).code == "T04"
    bob.answer(next(iter(bob.seen)), fulfill())
    assert isinstance(parse(await waiting), Fulfill)
    bob.handler = lambda packet: fulfill()
    assert isinstance(await world.ask("alice", prepare(amount=1_000)), Fulfill)


@pytest.mark.parametrize("amount", [1, 0], ids=["m16-tiny", "m17-zero"])
async def test_m16_m17_floods_of_tiny_packets_leave_others_their_goodput(start, flood, amount):
    """Tiny-amount or zero-amount flood: T05 over the peer's rate, others keep their goodput."""
    addresses = [free_address() for _ in range(3)]
    world = start.new(sections=STORE).udp("alice", remote=addresses[0])
    world.udp("mallory", remote=addresses[1], limits={"packets_per_second": 500, "burst": 100})
    world.udp("bob", remote=addresses[2], prefix="g.bob")
    await start(world)
    engine = flood(world)
    for name, address in zip(("alice", "mallory", "bob"), addresses, strict=True):
        await engine.play(name, address)
    engine.send("alice", "g.bob.x", 100, rate=1_000)
    engine.send("mallory", "g.bob.x", amount, rate=20_000 if DEEP else 6_000)
    engine.load.start()
    await asyncio.sleep(2.0)
    engine.load.stop()
    await engine.load.quiesce(5)
    honest, hostile = engine.lane("alice"), engine.lane("mallory")
    assert honest["fulfilled"] >= 0.95 * honest["sent"] > 1_000
    assert engine.load.snapshot()["rejects"].keys() == {"T05"}
    assert world.counter("rate_limited") == hostile["rejected"]
    # 500 a second and the burst of 100; amount 0 has a tenth of it.
    allowed = 100 + 500 * 2.6
    assert 0 < hostile["fulfilled"] <= (allowed if amount else allowed / 2)
    await world.books()
    assert (await world.account("mallory"))["fulfilled_in"] == hostile["fulfilled"] * amount


async def exposure(world, name, limit, stop):
    """Poll an account until `stop`; the largest exposure that was seen, never over the limit."""
    most = 0
    while not stop.is_set():
        account = await world.account(name)
        most = max(most, account["peer_owes"] + account["hold_in"])
        assert most <= limit, account
        await asyncio.sleep(0.01)
    return most


async def test_m23_eight_connections_race_for_the_last_unit_of_credit(start):
    """Insolvency race: parallel Prepares near the limit never pass it, whichever way they come.

    One peer, eight HTTP connections, 1 000 Prepares at once on all of them together (each of 1 000
    units; the limit lets 500 pass, less one unit), answered in any order.
    """
    limit = 500_000 - 1
    each = 1_000 if DEEP else 125
    world = start.new(sections=STORE).http("alice", balance={"credit_limit": limit})
    held = []
    world.udp("bob", lambda packet: held.append(packet), prefix="g.bob")
    await start(world)
    bob = world.links["bob"]
    clients = [await world.connect() for _ in range(8)]
    for client in clients:
        status, _, _ = await client.ask(prepare("g.nowhere.x", 1), token="alice-token")
        assert status == 200
        while client.h2.remote_settings.max_concurrent_streams < 2_048:
            await client.read()
    stop = asyncio.Event()
    watching = asyncio.ensure_future(exposure(world, "alice", limit, stop))
    streams = [
        (client, client.request(prepare(amount=1_000), token="alice-token"))
        for _ in range(each)
        for client in clients
    ]
    await until(lambda: len(held) + world.counter("insufficient_liquidity") == len(streams), 20)
    assert len(held) == 499, "the five hundredth would pass the limit by one unit"
    for number in list(bob.seen)[::-1]:
        bob.answer(number, fulfill())
    answers = [parse((await client.response(stream, 20))[2]) for client, stream in streams]
    stop.set()
    assert await watching <= limit
    assert sum(isinstance(answer, Fulfill) for answer in answers) == 499
    assert {answer.code for answer in answers if isinstance(answer, Reject)} == {"T04"}
    await world.books()
    assert (await world.account("alice"))["peer_owes"] == 499_000
    status, _, body = await clients[0].ask(prepare(amount=1_000), token="alice-token")
    assert (status, parse(body).code) == (200, "T04")


async def test_m23_eight_peers_race_for_what_we_may_owe_one(start, flood):
    """Insolvency race: eight links at once never make us owe the ninth more than we allow."""
    limit = 2_000_000 - 1
    addresses = [free_address() for _ in range(9)]
    world = start.new(sections=STORE)
    for number, address in enumerate(addresses[:8]):
        world.udp(f"alice{number}", remote=address)
    world.udp("bob", remote=addresses[8], prefix="g.bob", balance={"we_owe_limit": limit})
    await start(world)
    engine = flood(world)
    for number, address in enumerate(addresses[:8]):
        await engine.play(f"alice{number}", address)
        engine.send(f"alice{number}", "g.bob.x", 1_000, window=1_000)
    await engine.play("bob", addresses[8])
    engine.load.start()
    for _ in range(40):
        account = await world.account("bob")
        assert account["we_owe"] + account["hold_out"] <= limit, account
        await asyncio.sleep(0.02)
    engine.load.stop()
    await engine.load.quiesce(5)
    await world.books()
    assert (await world.account("bob"))["we_owe"] == 1_999_000
    paid = json.loads(await world.get("/v1/accounts"))["accounts"]
    charged = sum(int(a["fulfilled_in"]) for a in paid)
    assert charged == 1_999_000 == engine.lane("bob")["amount_earned"]
    assert set(engine.load.snapshot()["rejects"]) <= {"T04", "T02"}
