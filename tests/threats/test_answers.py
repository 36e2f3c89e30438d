"""Threats M2, M5, M6, M7, M8 and M24 over UDP: answers and requests that are not what they seem."""

import asyncio
import hashlib
import secrets

import pytest

from ilprouter.core.packet import Fulfill, Reject, parse
from tests.helpers.http_peer import until
from tests.helpers.link_peer import ACK, ANS, REQ, Frame
from tests.helpers.packets import CONDITION, PREIMAGE, fulfill, prepare, reject

ZERO = bytes(32)


async def test_m02_a_fulfill_that_does_not_hash_is_f05(start):
    """Fulfill whose preimage does not hash: F05 upstream, hold freed, unchanged, counted."""
    world = start.new().udp("alice")
    world.udp("bob", lambda packet: fulfill(preimage=secrets.token_bytes(32)), prefix="g.bob")
    await start(world)
    before = await world.books()
    for _ in range(20):
        answer = await world.ask("alice", prepare(amount=1000))
        assert (answer.code, answer.triggered_by) == ("F05", "g.router")
    assert await world.books() == before
    assert world.counter("wrong_condition") == 20
    bob = world.router.links["bob"].counters()
    assert bob["fulfills_wrong"] == 20, "the peer who did it is known"
    assert world.router.links["alice"].counters()["fulfills_wrong"] == 0


async def test_m02_the_condition_of_zeros_has_no_shortcut(start):
    """Fulfill whose preimage does not hash: 32 zero bytes as condition and preimage are no pair."""
    world = start.new().udp("alice")
    await start(world.udp("bob", lambda packet: fulfill(preimage=ZERO), prefix="g.bob"))
    before = await world.books()
    answer = await world.ask("alice", prepare(amount=1000, condition=ZERO))
    assert answer.code == "F05"
    assert await world.books() == before


async def test_m05_a_fulfill_for_a_request_of_another_link_counts_for_nobody(start):
    """Unknown or unsolicited Fulfill, or for another link's id: dropped, unchanged, counted."""
    world = start.new().udp("alice").udp("bob", prefix="g.bob").udp("carol", prefix="g.carol")
    await start(world)
    before = await world.books()
    waiting = world.links["alice"].request(prepare("g.bob.x", 1000, expires_in_ms=2_500))
    bob, carol = world.links["bob"], world.links["carol"]
    await until(lambda: bob.seen)
    numbers = (*bob.seen, 1, 2, 77, 2**40)
    for number in numbers:
        carol.send(Frame(ANS, id=number, packet=fulfill()))
        carol.send(Frame(ANS, id=number, packet=fulfill()))
    alice = world.links["alice"]
    alice.send(Frame(ANS, id=next(iter(bob.seen)), packet=fulfill()))
    answer = parse(await asyncio.wait_for(waiting, 5))
    assert isinstance(answer, Reject) and answer.code == "R00"
    assert await world.books() == before
    counters = world.router.links["carol"].counters()
    assert counters["answers_unknown"] == 2 * len(numbers)
    assert counters["fulfills_in"] == 0


async def test_m05_a_fulfill_after_the_answer_changes_nothing(start):
    """Unknown or unsolicited Fulfill: one that follows a Reject or its own twin is dropped."""
    world = start.new().udp("alice").udp("bob", lambda packet: reject("F99"), prefix="g.bob")
    await start(world)
    bob = world.links["bob"]
    assert (await world.ask("alice", prepare(amount=1000))).code == "F99"
    before = await world.books()
    for number in range(1, 4):
        bob.send(Frame(ANS, id=number, packet=fulfill()))
    await asyncio.sleep(0.1)
    assert await world.books() == before
    assert world.router.links["bob"].counters()["fulfills_in"] == 0


async def test_m06_duplicates_in_flight_are_forwarded_once(start):
    """Duplicate request id, same bytes, in flight: absorbed; one forward."""
    world = start.new().udp("alice").udp("bob", prefix="g.bob")
    await start(world)
    alice, bob = world.links["alice"], world.links["bob"]
    packet = prepare(amount=1000)
    waiting = alice.request(packet)
    for _ in range(99):
        alice.send(Frame(REQ, id=1, packet=packet))
    await until(lambda: world.router.links["alice"].counters()["requests_duplicate"] == 99)
    await until(lambda: bob.seen)
    bob.answer(next(iter(bob.seen)), fulfill())
    assert isinstance(parse(await waiting), Fulfill)
    await world.books()
    assert bob.counts["requests"] == 1
    assert (await world.account("alice"))["fulfilled_in"] == 1000
    assert (await world.account("bob"))["fulfilled_out"] == 1000


async def test_m07_the_same_id_with_other_bytes_is_never_forwarded(start):
    """Same id, different bytes: never forwarded, counted, the first one unaffected."""
    world = start.new().udp("alice").udp("bob", prefix="g.bob")
    await start(world)
    alice, bob = world.links["alice"], world.links["bob"]
    waiting = alice.request(prepare(amount=1000))
    await until(lambda: bob.seen)
    for amount in (1, 999, 1001, 10**9):
        alice.send(Frame(REQ, id=1, packet=prepare(amount=amount)))
    await until(lambda: world.router.links["alice"].counters()["requests_mutated"] == 4)
    assert bob.counts["requests"] == 1
    bob.answer(next(iter(bob.seen)), fulfill())
    assert isinstance(parse(await waiting), Fulfill)
    await world.books()
    assert (await world.account("alice"))["fulfilled_in"] == 1000


async def test_m08_a_duplicate_after_the_answer_gets_the_same_bytes(start):
    """Duplicate after the answer: byte-identical answer, no forward, books unchanged."""
    world = start.new().udp("alice").udp("bob", lambda packet: fulfill(b"paid"), prefix="g.bob")
    await start(world)
    alice, bob = world.links["alice"], world.links["bob"]
    alice.finish = False  # no ACK: the router has to keep the answer
    packet = prepare(amount=1000)
    first = await alice.request(packet)
    before = await world.books()
    for _ in range(3):
        answers = len([frame for frame in alice.log if frame.type == ANS])
        alice.send(Frame(REQ, id=1, packet=packet))
        await until(lambda seen=answers: sum(f.type == ANS for f in alice.log) > seen)
        assert [f.packet for f in alice.log if f.type == ANS][-1] == first
    assert bob.counts["requests"] == 1
    assert await world.books() == before
    alice.send(Frame(ACK, ranges=((1, 1),)))
    alice.send(Frame(REQ, id=1, packet=packet))
    await asyncio.sleep(0.1)
    assert bob.counts["requests"] == 1, "an acknowledged id is not forwarded again"


@pytest.mark.parametrize("first", ["alice", "carol"])
async def test_m24_packets_with_one_condition_are_charged_on_their_own_answers(start, first):
    """Same condition in two packets: matched by request id only, each charged on its own."""
    world = start.new().udp("alice").udp("carol").udp("bob", prefix="g.bob")
    await start(world)
    bob = world.links["bob"]
    amounts = {"alice": 1000, "carol": 77}
    waiting = {
        name: world.links[name].request(prepare(amount=amount, expires_in_ms=2_500))
        for name, amount in amounts.items()
    }
    await until(lambda: len(bob.seen) == 2)
    wanted = amounts[first]
    number = next(n for n, packet in bob.seen.items() if parse(packet).amount == wanted)
    assert {parse(packet).execution_condition for packet in bob.seen.values()} == {CONDITION}
    assert hashlib.sha256(PREIMAGE).digest() == CONDITION
    bob.answer(number, fulfill())
    answers = {name: parse(await asyncio.wait_for(waiting[name], 5)) for name in waiting}
    other = ({"alice", "carol"} - {first}).pop()
    assert isinstance(answers[first], Fulfill)
    assert isinstance(answers[other], Reject) and answers[other].code == "R00"
    await world.books()
    assert (await world.account(first))["fulfilled_in"] == wanted
    assert (await world.account(other))["fulfilled_in"] == 0
    assert (await world.account("bob"))["fulfilled_out"] == wanted
