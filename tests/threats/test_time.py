"""Threats M1, M13 and M14: answers around the deadline, and expiry times of every kind."""

import asyncio
import os
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from ilprouter.core.packet import Fulfill, Prepare, parse
from tests.helpers.http_peer import until
from tests.helpers.packets import CONDITION, fulfill, prepare

DEEP = os.environ.get("ILPROUTER_DEEP") == "1"
PACKETS = 10_000 if DEEP else 4_000
WINDOW_MS = 200
# A disk that others keep busy makes T03 of any packet: what is measured here is not the disk.
STORE = "" if DEEP else '[ledger]\nstore = "memory"'
STAMP_AT = 10  # of a short canonical Prepare: type, one octet of length, u64 amount


async def test_m01_answers_around_the_deadline(start):
    """Fulfill after exp_out: U has R00 soon after expiry, the late Fulfill changes nothing.

    The next hop answers 20 ms before to 20 ms after its deadline, each packet of another amount:
    whatever side an answer falls on, both books and the payer's own agree on it.
    """
    chance = random.Random(1)
    loop = asyncio.get_running_loop()
    world = start.new(sections=STORE).udp("alice")
    world.udp("bob", prefix="g.bob", limits={"min_window_ms": WINDOW_MS})
    bob, alice = world.links["bob"], world.links["alice"]
    deadlines = {}

    def answer_near_the_deadline(packet):
        taken = parse(packet)
        number = next(reversed(bob.seen))
        deadlines[taken.amount] = taken.expires_at
        delay_ms = chance.choice((-20, -1, 0, 1, 20))
        wait_s = (taken.expires_at + delay_ms) / 1000 - time.time()
        loop.call_later(max(wait_s, 0), bob.answer, number, fulfill())

    bob.handler = answer_near_the_deadline
    await start(world)
    outcomes = {}
    lag_ms = 0.0  # of this process: a Fulfill may lie in our socket for so long

    async def watch():
        nonlocal lag_ms
        while True:
            began = loop.time()
            await asyncio.sleep(0.005)
            lag_ms = max(lag_ms, (loop.time() - began) * 1000)

    async def pay(amount):
        expires_in_ms = chance.randrange(2 * WINDOW_MS + 400, 2_000)
        incoming_ms = time.time() * 1000 + expires_in_ms
        packet = prepare(amount=amount, expires_in_ms=expires_in_ms)
        answer = parse(await asyncio.wait_for(alice.request(packet), 20))
        now_ms = time.time() * 1000
        assert amount not in outcomes
        outcomes[amount] = answer
        if isinstance(answer, Fulfill):
            assert now_ms < incoming_ms + 2 * lag_ms, "a Fulfill at or after the payer's deadline"
            return None
        if (
            answer.code == "R02"
        ):  # a busy machine: it came with too little time, and went no further
            assert amount not in deadlines
            return None
        assert answer.code == "R00"
        assert now_ms >= deadlines[amount], "given up before the deadline"
        return now_ms - deadlines[amount]

    watching = asyncio.ensure_future(watch())
    paying = []
    for first in range(1, PACKETS, 100):
        paying += [asyncio.ensure_future(pay(first + step)) for step in range(100)]
        await asyncio.sleep(0.04)
    lateness = sorted(late for late in await asyncio.gather(*paying) if late is not None)
    watching.cancel()
    await asyncio.sleep(0.1)
    await world.books()
    fulfilled = sum(n for n, answer in outcomes.items() if isinstance(answer, Fulfill))
    rejected = sum(getattr(answer, "code", "") == "R00" for answer in outcomes.values())
    assert len(outcomes) == PACKETS
    assert PACKETS // 10 < rejected < PACKETS * 9 // 10, "both sides of the deadline were met"
    # A commit that returned after the payer's deadline is charged and voided: bob is owed, alice
    # owes nothing.
    payer, payee = await world.account("alice"), await world.account("bob")
    assert int(payer["fulfilled_in"]) - int(payer["voided_in"]) == fulfilled
    assert int(payee["fulfilled_out"]) == int(payer["fulfilled_in"])
    counters = world.router.links["bob"].counters()
    late = world.counter("fulfills_late") + counters["answers_late"]
    assert late > 0, "late Fulfills are counted; the next hop may drop those we gave up ourselves"
    assert world.counter("transfer_timed_out") == rejected
    # Half of them within the 50 ms that are promised; the tail belongs to a busy test machine.
    assert lateness[len(lateness) // 2] < 50 + 2 * lag_ms


@pytest.mark.parametrize(
    ("left_ms", "forwarded"),
    [(1, False), (1_000, False), (1_500, False), (1_990, False), (2_150, True), (3_000, True)],
)
async def test_m13_too_little_time_is_refused_before_forwarding(start, left_ms, forwarded):
    """Too little time left: R02 before forwarding; no hold is left."""
    world = start.new().udp("alice")
    await start(world.udp("bob", lambda packet: fulfill(), prefix="g.bob"))
    before = await world.books()
    answer = await world.ask("alice", prepare(amount=1000, expires_in_ms=left_ms))
    if forwarded:
        assert isinstance(answer, Fulfill)
        return
    assert answer.code == "R02"
    assert await world.books() == before
    assert world.links["bob"].counts["requests"] == 0


def stamp(moment):
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def stamped(text):
    """A Prepare whose 17 octets of time are these."""
    packet = prepare(amount=1000, data=b"")
    assert packet[STAMP_AT : STAMP_AT + 2] == b"20"
    octets = text if isinstance(text, bytes) else text.encode()
    assert len(octets) == 17
    return packet[:STAMP_AT] + octets + packet[STAMP_AT + 17 :]


MALFORMED = [
    "20260230120000000",  # 30 February
    "20260229120000000",  # 2026 is no leap year
    "21000229120000000",  # nor is 2100
    "20261301120000000",
    "20260001120000000",
    "20260132120000000",
    "20260100120000000",
    "20260431120000000",
    "20260601240000000",
    "20260601126000000",
    "20260601120060000",  # a leap second is no time that we can compare
    "20260601120061000",
    "                 ",
    "2026060112000000 ",
    " 2026060112000000",
    "2026-06-01T12:00Z",
    "+0260601120000000",
    "-0260601120000000",
    "2026060112000000a",
    "0x260601120000000",
    "\uff12\uff10\uff12\uff16\uff10".encode() + b"00",
    bytes(17),
    b"\xff" * 17,
    b"2026060112000000\x00",
    b"2026060112\x00000000",
    b"20260601120000:00",
    b"2026060112000/000",
]
EXPIRED = [
    "00010101000000000",
    "19700101000000000",
    "19691231235959999",
    "19991231235959999",
    "20000229120000000",
    "20200101000000000",
    "20240229235959999",
    "20251231235959999",
]
FAR = [
    "20991231235959999",
    "24000229000000000",
    "30000101000000000",
    "99991231235959999",
]


async def test_m14_times_far_past_and_malformed(start):
    """Expiry far in the future, in the past, malformed: clamped to max hold; R02; F01."""
    world = start.new().udp("alice")
    received = []
    world.udp("bob", lambda packet: received.append(packet) or fulfill(), prefix="g.bob")
    await start(world)
    before = await world.books()
    now = datetime.now(UTC)
    for text in MALFORMED:
        answer = await world.ask("alice", stamped(text))
        assert (answer.code, text) == ("F01", text)
    past = [stamp(now - timedelta(milliseconds=ago)) for ago in (0, 1, 50, 999, 3_600_000)]
    for text in EXPIRED + past:
        answer = await world.ask("alice", stamped(text))
        assert (answer.code, text) == ("R02", text)
    assert received == []
    assert await world.books() == before
    soon = [stamp(now + timedelta(seconds=ahead)) for ahead in (60, 3600, 86_400, 40_000_000)]
    for text in FAR + soon:
        assert isinstance(await world.ask("alice", stamped(text)), Fulfill), text
        left_ms = parse(received.pop()).expires_at - time.time() * 1000
        assert 25_000 < left_ms <= 30_001, "clamped to the longest hold"
    assert len(MALFORMED + EXPIRED + past + FAR + soon) >= 50 - 2


def test_the_stamped_packet_is_a_prepare():
    text = "20991231235959999"
    whole = parse(stamped(text))
    assert whole == Prepare(1000, whole.expires_at, CONDITION, "g.bob.x", b"")
    assert datetime.fromtimestamp(whole.expires_at / 1000, UTC).year == 2099


async def test_m12_a_hold_ends_with_its_packet(start):
    """Holds as free option: capped at the longest hold of the link, then R00 and no hold."""
    world = start.new().udp("alice")
    world.udp("bob", prefix="g.bob", limits={"max_hold_ms": 1_000, "min_window_ms": 100})
    await start(world)
    before = await world.books()
    began = time.monotonic()
    waiting = world.links["alice"].request(prepare(amount=1000, expires_in_ms=300_000))
    await until(lambda: world.router.switch.in_flight == 1)
    assert (await world.account("alice"))["hold_in"] == 1000
    assert parse(await asyncio.wait_for(waiting, 5)).code == "R00"
    assert 0.9 < time.monotonic() - began < 2
    assert await world.books() == before
