"""peer.settle: what becomes of a peer's message, and of our engine's answer to it."""

import asyncio
import time

import pytest

from ilprouter.controllers.local import PING_CONDITION, PING_FULFILLMENT, LocalController
from ilprouter.controllers.settle import AT_ONCE_MAX, RFC_CONDITION, SettleController
from ilprouter.core.packet import DATA_MAX, Fulfill, Prepare, Reject, parse
from ilprouter.settlement.engine import Outcome, Result
from ilprouter.settlement.messages import CONDITION, FULFILLMENT, MessageError, ask

DONE = Result(Outcome.DONE, 201, "", b"pong")


def prepare(condition=CONDITION, amount=0, seconds=10.0, data=b"ping", to="peer.settle"):
    expires_at = int(time.time() * 1000 + seconds * 1000)
    return Prepare(amount, expires_at, condition, to, data)


class Case:
    """A controller whose engine answers `result`; `asked` is what the engine got."""

    def __init__(self, result):
        self.result = result
        self.asked = []
        self.controller = SettleController("g.us", self.deliver)

    async def deliver(self, account, data, timeout_s):
        self.asked.append((account, data))
        assert 0 < timeout_s <= 10
        return await self.result if asyncio.isfuture(self.result) else self.result

    async def ask(self, packet):
        return parse(await self.controller(packet, "alice"))


@pytest.mark.parametrize("condition", [CONDITION, RFC_CONDITION])
async def test_both_conditions_reach_the_engine(condition):
    case = Case(DONE)
    assert await case.ask(prepare(condition)) == Fulfill(FULFILLMENT, b"pong")
    assert case.asked == [("alice", b"ping")]


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (prepare(bytes(32)), "F01"),
        (prepare(amount=1), "F06"),
        (prepare(seconds=0.2), "R02"),
    ],
)
async def test_what_never_reaches_the_engine(packet, code):
    case = Case(DONE)
    answer = await case.ask(packet)
    assert (answer.code, answer.triggered_by, case.asked) == (code, "g.us", [])


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, "F02"),
        (Result(Outcome.REFUSED, 400), "F00"),
        (Result(Outcome.REFUSED, 404), "F00"),
        (Result(Outcome.UNKNOWN, 429), "F00"),
        (Result(Outcome.UNKNOWN, 500), "T00"),
        (Result(Outcome.UNKNOWN), "T00"),
        (Result(Outcome.UNSENT), "T00"),
        (Result(Outcome.DONE, 201, "", b"x" * (DATA_MAX + 1)), "T00"),
        (Result(Outcome.DONE, 201, "the answer is too long to be read"), "T00"),
    ],
)
async def test_what_an_engines_answer_becomes(result, code):
    answer = await Case(result).ask(prepare())
    assert isinstance(answer, Reject)
    assert (answer.code, answer.triggered_by) == (code, "g.us")


async def test_the_largest_answer_fits():
    answer = await Case(Result(Outcome.DONE, 200, "", b"x" * DATA_MAX)).ask(prepare())
    assert len(answer.data) == DATA_MAX


async def test_a_hanging_engine_holds_few_packets_of_a_peer():
    case = Case(asyncio.get_running_loop().create_future())
    held = [asyncio.ensure_future(case.ask(prepare())) for _ in range(AT_ONCE_MAX)]
    await asyncio.sleep(0)
    assert (await case.ask(prepare())).code == "T05"
    case.result.set_result(DONE)
    assert all(isinstance(answer, Fulfill) for answer in await asyncio.gather(*held))
    assert isinstance(await case.ask(prepare()), Fulfill)


async def test_the_local_controller_asks_the_right_one():
    local = LocalController("g.us", {7: "alice"}.get)
    local.controllers["peer.settle"] = lambda packet, peer: f"{peer} {packet.amount}".encode()
    assert local(prepare().to_bytes(), 7) == b"alice 0"
    # Neither a stranger, nor our own links, nor a protocol that nobody speaks.
    for packet, origin in ((prepare(), 8), (prepare(), None), (prepare(to="peer.settle.x"), 7)):
        assert parse(local(packet.to_bytes(), origin)).code == "F01"
    assert parse(local(prepare(PING_CONDITION, to="g.us").to_bytes(), None)) == Fulfill(
        PING_FULFILLMENT, b"ping"
    )
    assert parse(local(prepare(to="g.us").to_bytes(), None)).code == "F01"
    assert parse(local(prepare(PING_CONDITION, to="g.us.x").to_bytes(), 7)).code == "F02"


class Link:
    def __init__(self, answer):
        self.answer = answer
        self.packets = []

    async def request(self, packet):
        self.packets.append(parse(packet))
        return self.answer


async def test_our_message_is_a_prepare_without_value():
    link = Link(Fulfill(FULFILLMENT, b"pong").to_bytes())
    assert await ask(link, b"ping", 30) == b"pong"
    [packet] = link.packets
    assert (packet.amount, packet.destination, packet.data) == (0, "peer.settle", b"ping")
    assert packet.execution_condition == CONDITION
    assert 29 < packet.expires_at / 1000 - time.time() < 31


async def test_a_rejected_message_is_502():
    with pytest.raises(MessageError, match="F02 no") as caught:
        await ask(Link(Reject("F02", "g.them", "no").to_bytes()), b"ping", 30)
    assert caught.value.status == 502
