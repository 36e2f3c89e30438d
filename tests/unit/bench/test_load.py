"""The load engine as sender and as fulfilling receiver, coupled by links of this process."""

import asyncio
import hashlib
import time

import pytest

from ilprouter.bench.load import Load
from ilprouter.bench.traffic import Traffic
from ilprouter.core.endpoint import Pool, Round
from ilprouter.core.packet import Fulfill, Prepare, Reject, parse
from ilprouter.endpoints.loopback import LoopbackEndpoint


class Pair:
    """One engine with two links: what leaves on `near` arrives on `far`, through `change`."""

    def __init__(self, change=None, reject_every=0, **options):
        self.round = Round()
        self.pool = Pool(4096, 16)
        self.load = Load(self.round, self.pool, 1024, **options)
        endpoint = LoopbackEndpoint(self.round, self.pool)
        self.seen = []
        self.change = change
        self.far = endpoint.add_link("far")
        self.near = endpoint.add_link("near", self.carry)
        self.near_number = self.load.add(self.near)
        self.far_number = self.load.add(self.far, reject_every)

    async def carry(self, packet):
        self.seen.append(packet)
        answer = await self.far.request(packet)
        return self.change(answer) if self.change else answer

    async def run(self, traffic, seconds=0.2, timeout=3.0, **how):
        self.load.send(self.near_number, traffic, **how)
        self.load.start()
        await asyncio.sleep(seconds)
        quiet = await self.load.quiesce(timeout)
        self.load.close()
        return quiet


async def test_closed_loop_sends_fulfils_and_both_ledgers_agree():
    pair = Pair()
    traffic = Traffic(["g.far.a", "g.far.b.c"], amounts=[5, 7, 11], packet_size=200, pairs=16)
    assert await pair.run(traffic, window=8)
    near, far = pair.load.lane(pair.near_number), pair.load.lane(pair.far_number)
    assert near["sent"] > 20
    assert near["fulfilled"] == near["sent"] == far["received"] == far["answered_fulfill"]
    assert near["amount_fulfilled"] == near["amount_sent"] == far["amount_earned"]
    assert pair.load.snapshot()["latency_count"] == near["fulfilled"]
    assert pair.pool.in_use == 0


async def test_prepares_have_the_asked_size_destinations_amounts_and_matching_conditions():
    pair = Pair()
    destinations = ["g.far.a", "g.far.b.c"]
    traffic = Traffic(destinations, amounts=[5, 7, 11], packet_size=200, pairs=4)
    assert await pair.run(traffic, window=4, expiry_ms=5_000)
    packets = [parse(packet) for packet in pair.seen[:12]]
    assert all(isinstance(packet, Prepare) for packet in packets)
    assert {len(packet) for packet in pair.seen} == {200}
    assert {packet.destination for packet in packets} == set(destinations)
    assert [packet.amount for packet in packets[:6]] == [5, 7, 11, 5, 7, 11]
    for packet in packets:
        assert hashlib.sha256(packet.data[:32]).digest() == packet.execution_condition
    assert len({packet.execution_condition for packet in packets}) == 4


async def test_rejects_are_counted_by_code_and_owe_nothing():
    pair = Pair(reject_every=3)
    assert await pair.run(Traffic(["g.far.a"], amounts=[10]), window=3)
    near, far = pair.load.lane(pair.near_number), pair.load.lane(pair.far_number)
    assert near["rejected"] == far["answered_reject"] == near["sent"] // 3 > 0
    assert pair.load.snapshot()["rejects"] == {"F99": near["rejected"]}
    assert near["amount_fulfilled"] == far["amount_earned"] == near["fulfilled"] * 10
    assert near["amount_rejected"] == near["rejected"] * 10


async def test_a_wrong_preimage_is_not_a_fulfilment():
    pair = Pair(change=lambda _answer: Fulfill(bytes(32), b"").to_bytes())
    assert await pair.run(Traffic(["g.far.a"]), window=2, seconds=0.05)
    near = pair.load.lane(pair.near_number)
    assert near["fulfilled"] == 0
    assert near["invalid"] == near["sent"] > 0
    assert near["amount_unanswered"] == near["amount_sent"]


async def test_an_answer_that_is_no_ilp_packet_is_invalid():
    pair = Pair(change=lambda _answer: b"\x63nonsense")
    assert await pair.run(Traffic(["g.far.a"]), window=1, seconds=0.05)
    near = pair.load.lane(pair.near_number)
    assert near["invalid"] == near["sent"] > 0


async def test_a_silent_peer_times_out_and_a_late_answer_is_told_apart():
    pair = Pair()
    gate = asyncio.Event()

    async def hold(packet):
        answer = await pair.far.request(packet)
        await gate.wait()
        return answer

    endpoint = LoopbackEndpoint(pair.round, pair.pool)
    slow = endpoint.add_link("slow", hold)
    number = pair.load.add(slow)
    pair.load.send(number, Traffic(["g.far.a"]), window=2, expiry_ms=50)
    pair.load.start()
    await asyncio.sleep(0.05)
    assert await pair.load.quiesce(3.0)
    lane = pair.load.lane(number)
    assert lane["timed_out"] == lane["sent"] == 2
    gate.set()
    await asyncio.sleep(0.05)
    lane = pair.load.lane(number)
    assert lane["late"] == 2
    assert lane["fulfilled"] == 0
    pair.load.close()


async def test_open_loop_sends_at_the_rate_and_measures_from_the_due_time():
    pair = Pair()

    async def slow_start(packet):
        await asyncio.sleep(0.03)
        return await pair.far.request(packet)

    endpoint = LoopbackEndpoint(pair.round, pair.pool)
    number = pair.load.add(endpoint.add_link("slow", slow_start))
    pair.load.send(number, Traffic(["g.far.a"]), rate=1000)
    pair.load.start()
    await asyncio.sleep(0.3)
    assert await pair.load.quiesce(3.0)
    pair.load.close()
    lane, snapshot = pair.load.lane(number), pair.load.snapshot()
    assert 200 <= lane["sent"] <= 450
    assert lane["fulfilled"] == lane["sent"]
    assert snapshot["p50_ns"] >= 30_000_000


async def test_open_loop_counts_a_stall_of_the_sender_as_latency():
    """Coordinated omission: what was due while the process stood still is sent late and is slow."""
    pair = Pair()
    pair.load.send(pair.near_number, Traffic(["g.far.a"]), rate=2000)
    pair.load.start()
    await asyncio.sleep(0.05)
    pair.load.mark()
    # The event loop stands still, as it does when the machine is too slow.
    time.sleep(0.1)
    await asyncio.sleep(0.05)
    snapshot = pair.load.snapshot()
    await pair.load.quiesce(3.0)
    pair.load.close()
    assert snapshot["p50_ns"] > 10_000_000
    assert snapshot["lag_p99_ns"] > 50_000_000


async def test_a_link_without_room_is_refused_in_open_loop():
    pair = Pair()

    async def never(_packet):
        await asyncio.sleep(0.2)
        return Reject("T00", "g.far", "slow", b"").to_bytes()

    endpoint = LoopbackEndpoint(pair.round, pair.pool)
    number = pair.load.add(endpoint.add_link("narrow", never, 4))
    pair.load.send(number, Traffic(["g.far.a"]), rate=1000)
    pair.load.start()
    await asyncio.sleep(0.1)
    assert await pair.load.quiesce(3.0)
    pair.load.close()
    lane = pair.load.lane(number)
    assert lane["sent"] == lane["rejected"] == 4
    assert lane["refused"] > 30


async def test_a_prepare_it_cannot_fulfil_is_rejected():
    pair = Pair()
    short = Prepare(1, 4_102_444_800_000, bytes(32), "g.far.x", b"too short").to_bytes()
    assert parse(await pair.far.request(short)).code == "F01"
    assert parse(await pair.far.request(b"\x0c\x01")).code == "F01"
    lane = pair.load.lane(pair.far_number)
    assert lane["received_invalid"] == 2
    assert lane["amount_earned"] == 0
    assert pair.pool.in_use == 0


async def test_order_trace_lists_arrivals_up_to_its_size():
    pair = Pair(trace_max=10)
    assert await pair.run(Traffic(["g.far.a"], amounts=[3, 4]), window=2)
    trace = pair.load.order_trace()
    assert len(trace) == 10
    assert [amount for _, amount in trace] == [3, 4] * 5
    times = [at_ns for at_ns, _ in trace]
    assert times == sorted(times)


def test_traffic_refuses_what_cannot_be_sent():
    with pytest.raises(ValueError, match="no room for 32 bytes"):
        Traffic(["g.far.a"], packet_size=90)
    with pytest.raises(ValueError, match="at least one destination"):
        Traffic([])
    with pytest.raises(ValueError, match="power of two"):
        Traffic(["g.far.a"], pairs=3)
    with pytest.raises(ValueError, match="not an ILP address"):
        Traffic(["not an address"])


async def test_send_wants_either_a_window_or_a_rate():
    pair = Pair()
    for how in ({}, {"window": 1, "rate": 1}):
        with pytest.raises(ValueError, match="either window"):
            pair.load.send(pair.near_number, Traffic(["g.far.a"]), **how)
    with pytest.raises(ValueError, match="no link 9"):
        pair.load.send(9, None)


async def test_abandon_gives_up_what_is_in_flight_at_once():
    pair = Pair()

    async def never(_packet):
        await asyncio.sleep(0.1)
        return Reject("T00", "g.far", "slow", b"").to_bytes()

    endpoint = LoopbackEndpoint(pair.round, pair.pool)
    number = pair.load.add(endpoint.add_link("slow", never))
    pair.load.send(number, Traffic(["g.far.a"], amounts=[9]), window=5)
    pair.load.start()
    pair.load.stop()
    await asyncio.sleep(0.02)
    assert pair.load.in_flight == 5
    assert pair.load.abandon() == 5
    assert pair.load.in_flight == 0
    await asyncio.sleep(0.15)
    pair.load.close()
    lane = pair.load.lane(number)
    assert lane["timed_out"] == lane["late"] == 5
    assert lane["amount_unanswered"] == 45
    assert pair.pool.in_use == 0


async def test_links_take_turns_in_bursts_and_all_come_round():
    round_, pool = Round(), Pool(4096, 16)
    load = Load(round_, pool, 1024)
    endpoint = LoopbackEndpoint(round_, pool)
    far = endpoint.add_link("far")
    order = []

    def carrier(name):
        async def carry(packet):
            order.append(name)
            return await far.request(packet)

        return carry

    numbers = [load.add(endpoint.add_link(f"near{i}", carrier(i))) for i in range(5)]
    load.add(far)
    for number in numbers:
        load.send(number, Traffic(["g.far.a"]), window=2)
    load.rotate(1, 6)
    load.start()
    await asyncio.sleep(0.2)
    assert await load.quiesce(3.0)
    load.close()
    bursts = [order[at : at + 6] for at in range(0, len(order) - 5, 6)]
    assert len(bursts) > 5
    assert all(len(set(burst)) == 1 for burst in bursts)
    assert {burst[0] for burst in bursts} == set(range(5))
