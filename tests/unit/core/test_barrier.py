"""The switch's commit barrier over loopback links: what leaves, when, and in which buffer."""

import asyncio
import time

import pytest

from ilprouter.core.endpoint import Pool, Round
from ilprouter.core.packet import Fulfill, parse
from ilprouter.core.pipeline import Pipeline
from ilprouter.core.routes import RouteTable
from ilprouter.core.switch import Switch
from ilprouter.endpoints.loopback import LoopbackEndpoint
from ilprouter.ledger.book import Book
from ilprouter.middleware.balance import BalanceIncoming
from tests.helpers.packets import fulfill, prepare


class Node:
    """A switch between alice, who has an account, and bob; commits are made by hand."""

    def __init__(self, pool=None, address="g.me", **options):
        self.round, self.pool = Round(), pool or Pool(256, 8)
        self.switch = Switch(self.pool, self.round, address, 64, **options)
        self.book = Book(16, 4)
        self.book.open_account(0, 0)
        self.book.set_limits(0, 10**6)
        endpoint = LoopbackEndpoint(self.round, self.pool)
        self.bob_answers = lambda packet: fulfill()
        self.alice = endpoint.add_link("alice", None, 16)
        self.bob = endpoint.add_link("bob", lambda packet: self.bob_answers(packet), 16)
        self.switch.add_link(self.alice, Pipeline([BalanceIncoming(self.book, 0)], "incoming"))
        self.switch.add_link(self.bob)
        self.switch.set_routes(RouteTable([("g.bob", 1)]))
        self.commit()

    def commit(self):
        """One group becomes durable; returns how many packets waited for it."""
        count = self.switch.barrier_seal()
        self.book.seal()
        self.book.release()
        self.switch.barrier_release()
        return count

    def send(self, packet):
        return asyncio.ensure_future(self.alice.request(packet))

    async def settled(self, waiting):
        """Let the loop run until `waiting` packets stand behind the barrier."""
        while self.switch.waiting < waiting:
            await asyncio.sleep(0)


@pytest.fixture
def node():
    node = Node()
    yield node
    assert node.switch.in_flight == 0
    assert node.pool.in_use == 0


async def test_a_fulfill_waits_for_its_commit(node):
    answer = node.send(prepare(amount=7))
    await node.settled(1)
    assert node.book.account(0)["peer_owes"] == 0
    assert not answer.done()
    assert node.commit() == 1
    assert isinstance(parse(await answer), Fulfill)
    assert node.book.account(0)["peer_owes"] == 7


async def test_no_fulfill_leaves_after_an_expiry_beyond_the_longest_hold():
    """A Prepare whose expiry lay a little beyond the longest hold was given twice that hold as
    its deadline. When its commit took long, the Fulfill left after the peer had written the
    packet off, and the charge stood."""
    node = Node(hold_max_ms=400)
    expires_at = time.time() + 0.420
    answer = node.send(prepare(amount=7, expires_in_ms=420))
    await node.settled(1)
    while time.time() < expires_at + 0.002:
        await asyncio.sleep(0.01)
    assert node.commit() == 1
    assert not answer.done(), "the charge is there until the void is durable"
    assert node.book.account(0)["peer_owes"] == 7
    assert node.commit() == 1
    assert parse(await answer).code == "R00"
    assert node.book.account(0)["peer_owes"] == 0
    assert node.switch.counters()["voids"] == 1
    assert (node.switch.in_flight, node.pool.in_use) == (0, 0)


async def test_an_expired_packet_is_answered_when_there_is_a_buffer_again():
    """With every buffer in use a packet that expired lost its Reject for ever: the slot was given
    back, and whoever had sent it waited in vain."""
    pool = Pool(2, 1)
    node = Node(pool, address="g." + "x" * 600)  # so that our Rejects fit no tiny buffer
    silence = asyncio.get_running_loop().create_future()
    node.bob_answers = lambda packet: silence
    overdue = node.send(prepare(expires_in_ms=50))
    await asyncio.sleep(0)
    node.bob_answers = lambda packet: fulfill(bytes(600))
    answers = []
    for data in (bytes(600), bytes(600), b""):  # two small buffers and the large one
        answers.append(node.send(prepare(data=data)))
        await node.settled(len(answers))
    assert pool.in_use == 3
    await asyncio.sleep(0.06)
    assert node.switch.tick() == 0
    silence.set_result(fulfill())
    await asyncio.sleep(0.01)
    assert not overdue.done(), "a Fulfill that comes now is late like any other"
    assert node.bob.room == 16 - len(answers), "the overdue request is over"
    assert node.commit() == 3
    assert node.switch.tick() == 1
    assert parse(await overdue).code == "R00"
    assert all(isinstance(parse(answer), Fulfill) for answer in await asyncio.gather(*answers))
    assert node.switch.counters()["answers_lost"] == 0
    assert node.book.account(0)["hold_in"] == 0
    assert (node.switch.in_flight, pool.in_use) == (0, 0)
