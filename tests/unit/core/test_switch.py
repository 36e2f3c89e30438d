"""The switch's invariants over loopback links: routing, expiry, one outcome, refusals, barrier."""

import asyncio
import hashlib
import time

import pytest

from ilprouter.core.endpoint import Pool, Round
from ilprouter.core.packet import Fulfill, Prepare, Reject, parse
from ilprouter.core.pipeline import Pipeline
from ilprouter.core.reject import Status
from ilprouter.core.routes import RouteTable
from ilprouter.core.switch import Switch
from ilprouter.endpoints.loopback import LoopbackEndpoint
from ilprouter.middleware.exchange import ExchangeIncoming, ExchangeOutgoing
from ilprouter.rates.rate import Rate
from tests.helpers.packets import PREIMAGE, fulfill, prepare, reject


class Node:
    """A switch with two loopback peers: alice sends, bob answers through `self.bob_answers`."""

    def __init__(self, **options):
        self.round, self.pool = Round(), Pool(256, 8)
        self.switch = Switch(self.pool, self.round, "g.me", 64, **options)
        endpoint = LoopbackEndpoint(self.round, self.pool)
        self.received = []
        self.bob_answers = lambda packet: fulfill()
        self.alice = endpoint.add_link("alice", self.to_alice, 16)
        self.bob = endpoint.add_link("bob", self.to_bob, 16)
        self.switch.add_link(self.alice)
        self.switch.add_link(self.bob)
        self.switch.set_routes(RouteTable([("g.alice", 0), ("g.bob", 1)]))

    def to_alice(self, packet):
        return fulfill()

    def to_bob(self, packet):
        self.received.append(packet)
        return self.bob_answers(packet)

    async def send(self, packet):
        return parse(await self.alice.request(packet))

    @property
    def rejects(self):
        return self.switch.rejects()


@pytest.fixture
def node():
    node = Node()
    yield node
    assert node.switch.in_flight == 0
    assert node.pool.in_use == 0


async def test_a_prepare_goes_to_the_longest_prefix_and_the_fulfill_comes_back(node):
    node.bob_answers = lambda packet: fulfill(b"thanks")
    sent = prepare("g.bob.shop.1", 7, data=b"order")
    assert await node.send(sent) == Fulfill(PREIMAGE, b"thanks")
    assert node.received == [sent], "without middleware the bytes go on unchanged"
    assert node.alice.counters()["fulfills_out"] == 1
    assert node.bob.counters()["prepares_out"] == 1


@pytest.mark.parametrize(
    ("destination", "code", "name"),
    [
        ("g.bobby", "F02", "unreachable"),
        ("g.alice.x", "F02", "route_loop"),
        ("test.bob", "F02", "wrong_network"),
        ("example.bob", "F02", "wrong_network"),
        ("self.bob", "F02", "wrong_network"),
        ("peer.config", "F01", "unknown_peer_protocol"),
    ],
)
async def test_what_cannot_be_forwarded_is_rejected_by_us(node, destination, code, name):
    answer = await node.send(prepare(destination))
    assert (answer.code, answer.triggered_by) == (code, "g.me")
    assert node.rejects == {name: 1}
    assert not node.received


async def test_bytes_that_are_no_prepare_are_f01(node):
    for bad in (b"", b"\x0c", fulfill(), prepare()[:-1], prepare().replace(b"g.bob", b"g..ob")):
        assert (await node.send(bad)).code == "F01"
    assert node.rejects == {"invalid_packet": 5}


async def test_a_prepare_that_arrives_expired_is_r02(node):
    assert (await node.send(prepare(expires_in_ms=-1))).code == "R02"
    assert node.rejects == {"expired": 1}


async def test_a_far_expiry_is_clamped_to_the_longest_hold(node):
    before = time.time() * 1000
    assert isinstance(await node.send(prepare(expires_in_ms=10**11)), Fulfill)
    forwarded = parse(node.received[0])
    assert before + 29_900 <= forwarded.expires_at <= before + 31_000


async def test_a_wrong_fulfillment_is_f05(node):
    node.bob_answers = lambda packet: fulfill(preimage=bytes(32))
    assert (await node.send(prepare())).code == "F05"


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x0d", id="half a fulfill"),
        pytest.param(b"\x0e\x00", id="half a reject"),
        pytest.param(prepare(), id="a prepare"),
        pytest.param(b"\x00" * 40, id="zeros"),
    ],
)
async def test_an_answer_that_is_no_ilp_answer_is_t00(node, garbage):
    node.bob_answers = lambda packet: garbage
    assert (await node.send(prepare())).code == "T00"
    assert node.rejects == {"invalid_answer": 1}


async def test_a_reject_of_the_next_hop_passes_untouched(node):
    node.bob_answers = lambda packet: reject("X77", b"\x00\xff", "g.bob.far")
    assert await node.send(prepare()) == Reject("X77", "g.bob.far", "planted", b"\x00\xff")
    assert node.rejects == {}


async def test_an_empty_triggered_by_gets_our_address(node):
    node.bob_answers = lambda packet: reject(triggered_by="")
    assert (await node.send(prepare())).triggered_by == "g.me"


async def test_non_canonical_bytes_go_on_canonical(node):
    canonical = prepare(data=b"12345")
    loose = canonical.replace(b"\x05" + b"12345", b"\x81\x05" + b"12345")
    loose = bytes([12, 0x81, len(loose) - 2]) + loose[2:] + b"trailing"
    assert isinstance(await node.send(loose), Fulfill)
    assert node.received == [canonical]


async def test_silence_ends_in_one_r00_and_the_late_fulfill_changes_nothing(node):
    late = asyncio.get_running_loop().create_future()
    node.bob_answers = lambda packet: late
    waiting = asyncio.ensure_future(node.send(prepare(expires_in_ms=60)))
    while not waiting.done():
        await asyncio.sleep(0.002)
        node.switch.tick()
    answer = await waiting
    assert (answer.code, answer.triggered_by) == ("R00", "g.me")
    assert node.bob.room == 16, "the expired request gave its place back"
    late.set_result(fulfill())
    await asyncio.sleep(0.01)
    assert node.switch.counters()["answers_unknown"] == 1
    assert node.alice.counters()["fulfills_out"] == 0


async def test_a_link_without_room_is_t02_and_a_missing_one_t01(node):
    hold = asyncio.get_running_loop().create_future()
    node.bob_answers = lambda packet: hold
    waiting = [asyncio.ensure_future(node.send(prepare())) for _ in range(16)]
    await asyncio.sleep(0)
    assert (await node.send(prepare())).code == "T02"
    hold.set_result(fulfill())
    assert all(isinstance(answer, Fulfill) for answer in await asyncio.gather(*waiting))


async def test_a_full_table_is_t03(node):
    node.switch = None
    full = Node()
    hold = asyncio.get_running_loop().create_future()
    full.switch = Switch(full.pool, full.round, "g.me", 2)
    endpoint = LoopbackEndpoint(full.round, full.pool)
    alice = endpoint.add_link("alice", None, 16)
    bob = endpoint.add_link("bob", lambda packet: hold, 16)
    full.switch.add_link(alice)
    full.switch.add_link(bob)
    full.switch.set_routes(RouteTable([("", 1)]))
    waiting = [asyncio.ensure_future(alice.request(prepare())) for _ in range(2)]
    await asyncio.sleep(0)
    assert parse(await alice.request(prepare())).code == "T03"
    hold.set_result(fulfill())
    await asyncio.gather(*waiting)
    node.switch = full.switch


async def test_draining_refuses_new_prepares_and_finishes_old_ones(node):
    hold = asyncio.get_running_loop().create_future()
    node.bob_answers = lambda packet: hold
    waiting = asyncio.ensure_future(node.send(prepare()))
    await asyncio.sleep(0)
    node.switch.set_refusal(Status.STORE_BUSY)
    assert (await node.send(prepare())).code == "T03"
    hold.set_result(fulfill())
    assert isinstance(await waiting, Fulfill)
    with pytest.raises(ValueError, match="not the status of a Reject"):
        node.switch.set_refusal(1)


async def test_peer_protocols_go_to_the_local_link_and_nowhere_else(node):
    asked = []
    local = LoopbackEndpoint(node.round, node.pool).add_link(
        "local", lambda packet: asked.append(packet) or fulfill(), 16
    )
    node.switch.set_local_link(node.switch.add_link(local))
    assert isinstance(await node.send(prepare("peer.echo", 0)), Fulfill)
    assert parse(asked[0]).destination == "peer.echo"


async def test_routes_are_replaced_between_packets(node):
    node.switch.set_routes(RouteTable([("g.bob.x", 0), ("g", 1)]))
    assert (await node.send(prepare("g.bob.x"))).code == "F02"
    assert isinstance(await node.send(prepare("g.bob.y")), Fulfill)


def test_a_pipeline_refuses_a_ninth_stage():
    with pytest.raises(ValueError, match="at most 8 stages"):
        Pipeline([None] * 9)


def test_a_prepare_keeps_its_fields():
    packet = parse(prepare("g.bob.x", 2**64 - 1))
    assert isinstance(packet, Prepare)
    assert packet.amount == 2**64 - 1


@pytest.mark.parametrize("price", [3, 2**40])
async def test_an_amount_above_u64_in_base_units_may_still_fit_the_next_link(node, price):
    """The base amount is exact and unbounded; only what leaves on a link must fit 64 bits."""
    rate = Rate(price, 1)
    node.switch.set_pipelines(0, Pipeline([ExchangeIncoming(rate)]), None)
    assert (await node.send(prepare(amount=2**64 - 1))).code == "F08", (
        "in base units it is too much"
    )
    outgoing = Pipeline([ExchangeOutgoing(rate)], "outgoing")
    node.switch.set_pipelines(1, None, outgoing)
    assert isinstance(await node.send(prepare(amount=2**64 - 1)), Fulfill)
    assert parse(node.received[0]).amount == 2**64 - 1, "the same asset comes out unchanged"


EMPTY_DIGEST = hashlib.sha256(b"").digest()


@pytest.mark.parametrize(
    ("destination", "amount", "condition", "preimage", "passes"),
    [
        ("peer.settle", 0, EMPTY_DIGEST, bytes(32), True),
        ("peer.settle", 0, EMPTY_DIGEST, PREIMAGE, False),
        ("peer.settle", 1, EMPTY_DIGEST, bytes(32), False),
        ("peer.settle", 0, bytes(32), bytes(32), False),
        ("g.local", 0, EMPTY_DIGEST, bytes(32), False),
        ("peer.settle", 0, hashlib.sha256(bytes(32)).digest(), bytes(32), True),
    ],
)
async def test_the_condition_of_il_rfc_38_passes_only_between_neighbours(
    node, destination, amount, condition, preimage, passes
):
    local = LoopbackEndpoint(node.round, node.pool).add_link(
        "local", lambda packet: fulfill(preimage=preimage), 16
    )
    number = node.switch.add_link(local)
    node.switch.set_local_link(number)
    node.switch.set_routes(RouteTable([("g.local", number)]))
    answer = await node.send(prepare(destination, amount, condition=condition))
    assert isinstance(answer, Fulfill) if passes else answer.code == "F05"


async def test_a_local_link_may_hear_who_asks(node):
    origins = []
    local = LoopbackEndpoint(node.round, node.pool).add_link(
        "local", lambda packet, origin: origins.append(origin) or fulfill(), 16, origin=True
    )
    node.switch.set_local_link(node.switch.add_link(local))
    await node.send(prepare("peer.config", 0))
    await node.bob.request(prepare("peer.config", 0))
    assert origins == [node.alice.number, node.bob.number]


async def test_a_link_of_ours_may_talk_to_one_neighbour(node):
    ours = LoopbackEndpoint(node.round, node.pool).add_link("ours")
    number = node.switch.add_link(ours)
    node.switch.set_neighbour(number, node.bob.number)
    assert isinstance(parse(await ours.request(prepare("peer.settle", 0))), Fulfill)
    assert parse(node.received[0]).destination == "peer.settle"
    # Only peer.* goes there; and a peer's own peer.* is still not forwarded.
    assert parse(await ours.request(prepare("g.nowhere"))).code == "F02"
    assert (await node.send(prepare("peer.settle", 0))).code == "F01"
    with pytest.raises(IndexError):
        node.switch.set_neighbour(number, 99)
