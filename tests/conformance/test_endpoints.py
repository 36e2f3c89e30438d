"""The endpoint contract of cext/kernel/ilp_link.h, over every transport that ships."""

import asyncio

import pytest

from ilprouter.errors import LinkDownError
from tests.conformance.pairs import PAIRS, until
from tests.helpers.packets import fulfill, prepare, reject

OUTCOME_EXPIRED = 2  # ilp_outcome


@pytest.fixture(params=sorted(PAIRS))
def pair(request):
    return PAIRS[request.param]()


def echo(packet):
    return fulfill(packet[-200:])


async def test_a_request_arrives_intact_and_its_answer_too(pair):
    async with pair:
        pair.respond = echo
        sent = prepare(data=bytes(range(256)) * 2)
        pair.send(sent, 7)
        assert await pair.answered(7) == [echo(sent)]
        assert [packet for _, packet in pair.requests] == [sent]


async def test_a_reject_is_an_answer_like_a_fulfill(pair):
    async with pair:
        pair.respond = lambda packet: reject("F99", b"\x00\xff" * 30)
        pair.send(prepare(), 1)
        assert await pair.answered(1) == [reject("F99", b"\x00\xff" * 30)]


async def test_answers_find_their_requests_in_any_order(pair):
    async with pair:
        sent = {handle: prepare(amount=handle) for handle in range(1, 41)}
        for handle, packet in sent.items():
            pair.send(packet, handle)
        await until(lambda: len(pair.requests) == 40)
        for key, packet in reversed(pair.requests):
            pair.reply(key, echo(packet))
        answers = await pair.answered(*sent)
        assert answers == [echo(packet) for packet in sent.values()]


async def test_room_shrinks_with_each_open_request_and_ends_in_a_refusal(pair):
    async with pair:
        await until(lambda: pair.link.room == pair.IN_FLIGHT)
        for handle in range(pair.IN_FLIGHT):
            pair.send(prepare(), handle)
        assert pair.link.room == 0
        with pytest.raises(LinkDownError):
            pair.send(prepare(), 999)
        await until(lambda: len(pair.requests) == pair.IN_FLIGHT)
        for key, packet in pair.requests:
            pair.reply(key, echo(packet))
        await pair.answered(*range(pair.IN_FLIGHT))
        await until(lambda: pair.link.room == pair.IN_FLIGHT)


async def test_an_answer_after_the_request_was_finished_is_not_delivered(pair):
    async with pair:
        token = pair.send(prepare(), 5)
        await until(lambda: pair.requests)
        pair.asker.finish(pair.link, token, OUTCOME_EXPIRED)
        if type(pair).__name__ == "LoopbackPair":
            # A Python handler cannot be called back: what it answers is the receiver's to drop.
            pair.reply(pair.requests[0][0], fulfill())
            await asyncio.sleep(0.01)
            return
        pair.reply(pair.requests[0][0], fulfill())
        await asyncio.sleep(0.1)
        assert pair.answers == {}
        await until(lambda: pair.link.room == pair.IN_FLIGHT)


async def test_packets_up_to_packet_max_cross_and_larger_ones_are_refused_at_once(pair):
    async with pair:
        pair.respond = echo
        small, large = prepare(data=b"x" * 900), prepare(data=b"x" * 32767)
        pair.send(small, 1)
        await pair.answered(1)
        if type(pair).__name__ == "UdpPair":
            with pytest.raises(LinkDownError):
                pair.send(large, 2)
        else:
            pair.send(large, 2)
            assert await pair.answered(2) == [echo(large)]
        assert len(pair.requests) == len(pair.answers)


async def test_the_answer_to_a_requester_that_has_gone_is_dropped_without_a_leak(pair):
    async with pair:
        pair.send(prepare(), 1)
        await until(lambda: pair.requests)
        if type(pair).__name__ == "LoopbackPair":
            pair.reply(pair.requests[0][0], fulfill())
            await pair.answered(1)
            return
        await pair.ends[0].close()
        await asyncio.sleep(0.05)
        pair.reply(pair.requests[0][0], fulfill())
        await asyncio.sleep(0.05)
        assert pair.answers == {}


async def test_many_requests_in_both_bursts_and_singles_lose_nothing(pair):
    async with pair:
        pair.respond = echo
        handle = 0
        for burst in (1, 60, 3, 60, 1, 17):
            await until(lambda burst=burst: pair.link.room >= burst)
            first = handle
            for _ in range(burst):
                pair.send(prepare(amount=handle), handle)
                handle += 1
            await pair.answered(*range(first, handle))
        assert len(pair.requests) == handle
        assert pair.failures == {}
