"""Two whole routers in one process that settle and whose engines talk, with engines of the test."""

import asyncio
import time

import aiohttp
import pytest

from ilprouter.bench.topology import free_udp_ports
from ilprouter.config.load import parse as parse_config
from ilprouter.controllers.local import PING_CONDITION
from ilprouter.controllers.settle import RFC_CONDITION
from ilprouter.core.packet import Fulfill, Prepare, parse
from ilprouter.router import Router
from ilprouter.settlement.messages import FULFILLMENT
from tests.helpers.fake_engine import FakeEngine

ROUTER = """
[node]
address = "g.{name}"
data_dir = "{directory}/{name}"
[admin]
socket = "{directory}/{name}.sock"
[ledger]
map_size_mib = 16
[[listen]]
endpoint = "udp"
address = "127.0.0.1:{port}"
[[peer]]
name = "{peer}"
relation = "peer"
asset = {{ code = "USD", scale = 9 }}
link = {{ endpoint = "udp", remote = "127.0.0.1:{remote}" }}
balance = {{ credit_limit = 1000000{balance} }}
{settlement}
[[route]]
prefix = "g.{peer}"
peer = "{peer}"
"""


class Two:
    """alice's router and bob's, over UDP, each with an engine. bob credits what alice's paid."""

    def __init__(self, directory, balance=", settle_threshold = 1000, settle_to = 0", engines=True):
        self.directory = directory
        self.balance = balance
        self.engines = (FakeEngine(), FakeEngine()) if engines else ()
        self.routers = {}

    async def __aenter__(self):
        for engine in self.engines:
            await engine.start()
        ports = free_udp_ports(2)
        names = ("alice", "bob")
        for number, name in enumerate(names):
            settlement = ""
            if self.engines:
                settlement = f'settlement = {{ engine = "{self.engines[number].url}" }}'
            text = ROUTER.format(
                name=name,
                directory=self.directory,
                port=ports[number],
                remote=ports[1 - number],
                peer=names[1 - number],
                balance=self.balance if name == "alice" and self.engines else "",
                settlement=settlement,
            )
            router = self.routers[name] = Router(parse_config(text), self.on_fenced)
            await router.open()
        for router in self.routers.values():
            while not all(link.up for link in router.links.values()):
                await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *exc):
        for router in self.routers.values():
            await router.close()
        for engine in self.engines:
            await engine.stop()

    def on_fenced(self, error):
        raise AssertionError(error)

    async def pay(self, amount, destination="g.bob", condition=PING_CONDITION, data=b""):
        """A Prepare of alice's own; its answer."""
        expires_at = int(time.time() * 1000) + 10_000
        prepare = Prepare(amount, expires_at, condition, destination, data)
        return parse(await self.routers["alice"].pinger.request(prepare.to_bytes()))

    async def post(self, name, path, data, headers):
        """(status, body) on one router's admin socket."""
        connector = aiohttp.UnixConnector(f"{self.directory}/{name}.sock")
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.post(f"http://x{path}", data=data, headers=headers) as answer:
                return answer.status, await answer.read()

    async def message(self, data, name="alice", to="bob"):
        """A message of one router's engine to the other's."""
        headers = {"Content-Type": "application/octet-stream"}
        return await self.post(name, f"/accounts/{to}/messages", data, headers)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_packets_until_the_threshold_settle_and_both_books_agree(tmp_path):
    async with Two(tmp_path) as two:
        for _ in range(11):
            assert isinstance(await two.pay(100), Fulfill)
        alice, bob = (two.routers[name].ledger for name in ("alice", "bob"))
        await until(lambda: two.engines[0].paid("bob") >= 1000)
        for key, (_, amount, scale) in two.engines[0].settled.items():
            body = f'{{"amount":"{amount}","scale":{scale}}}'.encode()
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            status, _ = await two.post("bob", "/accounts/alice/settlements", body, headers)
            assert status == 201
        ours, theirs = alice.describe("bob"), bob.describe("alice")
        assert ours["settled_out"] == theirs["settled_in"] == two.engines[0].paid("bob")
        assert ours["we_owe"] == theirs["peer_owes"] == 1100 - ours["settled_out"]
        page = two.routers["alice"].admin.view.metrics()
        assert page.settlements_open == ()


async def test_messages_of_engines_pass_both_ways(tmp_path):
    async with Two(tmp_path) as two:
        assert await two.message(b"ping") == (201, b"pong")
        assert await two.message(b"x" * 1000, "bob", "alice") == (201, b"pong")
        assert two.engines[1].messages == [("alice", b"ping")]
        assert two.engines[0].messages == [("bob", b"x" * 1000)]
        two.engines[1].message_answer = (400, b"")
        status, body = await two.message(b"bad")
        assert status == 502
        assert b"F00" in body
        two.engines[1].message_answer = (201, b"y" * 40_000)
        status, body = await two.message(b"much")
        assert status == 502
        assert b"T00" in body


async def test_a_peer_without_engine_says_so(tmp_path):
    async with Two(tmp_path, engines=False) as two:
        assert (await two.message(b"ping"))[0] == 404


@pytest.mark.parametrize("condition", [RFC_CONDITION, PING_CONDITION])
async def test_only_peers_reach_the_engine(tmp_path, condition):
    async with Two(tmp_path) as two:
        answer = await two.pay(0, "peer.settle", condition, b"mine")
        assert answer.code == "F01", "our own links are nobody's engine"
        # As bob's router would, over a link of its own that leads to alice alone.
        bob = two.routers["bob"]
        asker = bob.loopback.add_link("test")
        bob.switch.set_neighbour(bob.switch.add_link(asker), bob.links["alice"].number)
        expires_at = int(time.time() * 1000) + 10_000
        packet = Prepare(0, expires_at, condition, "peer.settle", b"theirs")
        answer = parse(await asker.request(packet.to_bytes()))
        if condition == RFC_CONDITION:
            assert answer == Fulfill(FULFILLMENT, b"pong")
            assert two.engines[0].messages == [("bob", b"theirs")]
        else:
            assert answer.code == "F01"


async def test_s9_packets_pass_at_their_pace_while_the_engine_is_down(tmp_path):
    balance = ", settle_threshold = 1000, settle_to = 0, we_owe_limit = 30000"
    async with Two(tmp_path, balance) as two:
        await until(lambda: two.engines[0].created)
        await two.engines[0].stop()

        async def many(count):
            began = time.perf_counter()
            answers = await asyncio.gather(*(two.pay(100) for _ in range(count)))
            return answers, count / (time.perf_counter() - began)

        before, rate_before = await many(11)
        assert all(isinstance(answer, Fulfill) for answer in before)
        outbox = two.routers["alice"].settlements.outbox
        await until(lambda: outbox.open)
        down, rate_down = await many(280)
        assert all(isinstance(answer, Fulfill) for answer in down)
        assert rate_down > rate_before / 2, "an engine that is down slows packets"
        # The one order took its part of the debt; the rest counts against the limit, as it should.
        over, _ = await many(200)
        codes = [getattr(answer, "code", "") for answer in over]
        assert set(codes) == {"", "T04"}
        owed = two.routers["alice"].ledger.describe("bob")["we_owe"]
        assert owed == 30_000


async def test_capacity_refuses_early_what_could_not_be_settled(tmp_path):
    async with Two(tmp_path, ", settle_every_s = 31536000") as two:
        settlements = two.routers["alice"].settlements
        await until(lambda: not settlements.outbox.open)
        settlements.push_capacity("bob", 250, 60_000)
        outcomes = [getattr(await two.pay(100), "code", "fulfilled") for _ in range(4)]
        assert outcomes == ["fulfilled", "fulfilled", "T04", "T04"]
        page = two.routers["alice"].admin.view.metrics()
        assert 0 <= page.capacity_ages_seconds["bob"] < 10
        settlements.push_capacity("bob", 0, 20)
        await asyncio.sleep(0.1)
        assert isinstance(await two.pay(100), Fulfill), "a stale record counts for nothing"
