"""Threats M18, M19 and M22: loops, abuse of peer protocols, and tokens on foreign paths."""

import time

import pytest

from ilprouter.core.packet import Reject
from tests.helpers.packets import fulfill, prepare

RELATIONS = ["parent", "peer", "child"]


async def test_m18_two_routers_that_name_each_other_by_default(start):
    """Loop between routers: never back to the ingress account (F02), after one hop."""
    one, two = start.new(address="g.one"), start.new(address="g.two")
    one.udp("alice").udp("two", remote=f"127.0.0.1:{two.udp_port}").route("", "two")
    two.udp("one", remote=f"127.0.0.1:{one.udp_port}").route("", "one")
    await start(one)
    await start(two)
    before = await one.books(), await two.books()
    answer = await one.ask("alice", prepare("g.nowhere.x", expires_in_ms=20_000))
    assert (answer.code, answer.triggered_by) == ("F02", "g.two")
    assert two.counter("route_loop") == 1
    assert (await one.books(), await two.books()) == before


async def test_m18_a_ring_of_routers_ends_by_the_shrinking_expiry(start):
    """Loop between routers: ends by strictly shrinking expiry, after at most 30 hops."""
    ring = [start.new(address=f"g.n{number}") for number in range(3)]
    for number, world in enumerate(ring):
        after, before = ring[(number + 1) % 3], ring[number - 1]
        world.udp("after", remote=f"127.0.0.1:{after.udp_port}").route("", "after")
        world.udp("before", remote=f"127.0.0.1:{before.udp_port}")
    ring[0].udp("alice")
    for world in ring:
        await start(world)
    books = [await world.books() for world in ring]
    began = time.monotonic()
    answer = await ring[0].ask("alice", prepare("g.nowhere.x", expires_in_ms=10**9))
    hops = sum(world.router.links["after"].counters()["prepares_out"] for world in ring)
    assert (answer.code, time.monotonic() - began < 5) == ("R02", True)
    assert 25 <= hops <= 30
    assert [await world.books() for world in ring] == books


@pytest.mark.parametrize("relation", RELATIONS)
async def test_m19_peer_protocols_with_money_are_refused_and_never_forwarded(start, relation):
    """peer.* abuse: never forwarded; amount > 0 is rejected, from every role; books unchanged."""
    world = start.new().udp("alice", relation=relation)
    received = []
    world.udp("bob", lambda packet: received.append(packet) or fulfill(), prefix="g.bob")
    if relation != "parent":
        world.route("", "bob")
    await start(world)
    before = await world.books()
    for suffix in ("route.control", "route.update", "settle", "config", "unknown", "x" * 900):
        for amount in (1, 1000, 2**64 - 1):
            answer = await world.ask("alice", prepare(f"peer.{suffix}", amount))
            assert isinstance(answer, Reject), suffix
    answer = await world.ask("alice", prepare("peer.bob.x", 0))
    assert isinstance(answer, Reject)
    assert received == []
    assert await world.books() == before


async def test_m22_a_token_speaks_for_its_own_peer_only(start):
    """Source spoof: a token of A on B's path is 403, none is 401, without a look at the routes."""
    world = start.new().http("alice").http("carol")
    await start(world.udp("bob", lambda packet: fulfill(), prefix="g.bob"))
    before = await world.books()
    client = await world.connect()
    packet = prepare(amount=1000)
    for token, path, status in (
        ("carol-token", "/accounts/alice/ilp", 403),
        ("alice-token", "/accounts/carol/ilp", 403),
        ("alice-token", "/accounts/nobody/ilp", 403),
        ("nobody-token", "/accounts/alice/ilp", 401),
        ("", "/ilp", 401),
        (None, "/ilp", 401),
    ):
        answer = await client.ask(packet, token=token, path=path)
        assert answer[0] == status and answer[2] == b""
    assert world.links["bob"].counts["requests"] == 0
    assert await world.books() == before
    status, _, body = await client.ask(packet, token="alice-token", path="/accounts/alice/ilp")
    assert (status, body) == (200, fulfill())
    await world.books()
    assert (await world.account("alice"))["fulfilled_in"] == 1000
    assert (await world.account("carol"))["fulfilled_in"] == 0


@pytest.mark.parametrize(
    ("own", "destination"),
    [
        ("g.router", "test.bob.x"),
        ("test.router", "g.bob.x"),
        ("g.router", "self.bob.x"),
        ("g.router", "example.bob.x"),
    ],
)
async def test_m22_networks_do_not_mix(start, own, destination):
    """Source spoof; test./g. mix: F02 across networks even where a route matches."""
    world = start.new(address=own).udp("alice")
    world.udp("bob", lambda packet: fulfill(), prefix="").route(own.partition(".")[0], "bob")
    await start(world)
    before = await world.books()
    answer = await world.ask("alice", prepare(destination))
    assert answer.code == "F02"
    assert world.links["bob"].counts["requests"] == 0
    assert await world.books() == before
