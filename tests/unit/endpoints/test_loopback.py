"""The loopback endpoint and the Python bridge: the two ends of the seam that tests stand on."""

import asyncio

import pytest

from ilprouter.core.bridge import PythonReceiver
from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.loopback import LoopbackEndpoint
from ilprouter.errors import LinkDownError

PREPARE = b"\x0c" + b"p" * 63
FULFILL = b"\x0d" + b"f" * 33


@pytest.fixture
def parts():
    round, pool = Round(), Pool(64, 4)
    yield round, pool, LoopbackEndpoint(round, pool)
    assert pool.in_use == 0


async def test_a_request_is_answered_by_the_receiver(parts):
    round, pool, endpoint = parts
    receiver = PythonReceiver(round, pool)
    link = endpoint.add_link("client")
    receiver.add(link)
    receiver.on_prepare = lambda link, token, packet: receiver.reply(
        link, token, FULFILL + packet[-1:]
    )
    assert await link.request(PREPARE + b"!") == FULFILL + b"!"


async def test_a_receiver_may_answer_later(parts):
    round, pool, endpoint = parts
    receiver = PythonReceiver(round, pool)
    link = endpoint.add_link("client")
    receiver.add(link)
    asked = []
    receiver.on_prepare = lambda link, token, packet: asked.append(token)
    waiting = asyncio.ensure_future(link.request(PREPARE))
    await asyncio.sleep(0)
    receiver.reply(link, asked[0], FULFILL)
    assert await waiting == FULFILL


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_handler_answers_what_the_router_sends(parts, kind):
    round, pool, endpoint = parts
    answers = []
    done = asyncio.Event()

    def on_answer(link, handle, packet):
        answers.append((handle, packet))
        done.set()

    async def later(packet):
        await asyncio.sleep(0)
        return FULFILL

    receiver = PythonReceiver(round, pool, on_answer=on_answer)
    link = endpoint.add_link("local", (lambda packet: FULFILL) if kind == "sync" else later, 4)
    receiver.add(link)
    receiver.send(link, PREPARE, handle=77)
    await asyncio.wait_for(done.wait(), 1)
    assert answers == [(77, FULFILL)]
    assert link.room == 4, "an answered request gives its place back"


async def test_a_failing_handler_is_a_failure_of_that_packet_only(parts):
    round, pool, endpoint = parts
    failed = []

    def handler(packet):
        raise ValueError("planted")

    receiver = PythonReceiver(
        round, pool, on_failure=lambda link, handle, status: failed.append(handle)
    )
    link = endpoint.add_link("local", handler, 4)
    receiver.add(link)
    receiver.send(link, PREPARE, handle=5)
    assert failed == [5]
    assert link.room == 4


async def test_a_link_without_room_or_handler_refuses(parts):
    round, pool, endpoint = parts
    receiver = PythonReceiver(round, pool, on_answer=lambda *_: None)
    down = endpoint.add_link("nobody")
    never = asyncio.get_running_loop().create_future()
    busy = endpoint.add_link("busy", lambda packet: never, 1)
    receiver.add(down)
    receiver.add(busy)
    with pytest.raises(LinkDownError):
        receiver.send(down, PREPARE)
    receiver.send(busy, PREPARE)
    with pytest.raises(LinkDownError):
        receiver.send(busy, PREPARE)
    never.set_result(FULFILL)
    await asyncio.sleep(0.01)
    receiver.send(busy, PREPARE)
    await asyncio.sleep(0.01)
