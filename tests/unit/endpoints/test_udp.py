"""The UDP endpoint between two of its own kind: packets, addresses, opening and closing."""

import asyncio
import socket
import time

import pytest

from ilprouter.core.bridge import PythonReceiver
from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.udp import UdpEndpoint
from ilprouter.errors import EndpointError, LinkDownError

PREPARE = b"\x0c" + bytes(199)
FULFILL = b"\x0d" + b"f" * 33


async def until(condition, seconds=5.0):
    """Wait for a condition, and fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.002)


class Pair:
    """Two endpoints linked to each other: `left` asks, `right` answers."""

    def __init__(self, **options):
        self.round, self.pool = Round(), Pool(8192, 64)
        self.ends = [UdpEndpoint(self.round, self.pool, **options) for _ in range(2)]
        self.answers = {}
        self.requests = []

    async def __aenter__(self):
        left, right = self.ends
        await left.open()
        await right.open()
        self.left = left.add_link("right", right.address)
        self.right = right.add_link("left", left.address)
        self.asker = PythonReceiver(self.round, self.pool, on_answer=self.note)
        self.answerer = PythonReceiver(self.round, self.pool, on_prepare=self.fulfill)
        self.asker.add(self.left)
        self.answerer.add(self.right)
        return self

    async def __aexit__(self, *error):
        for end in self.ends:
            await end.close()
        assert self.pool.in_use == 0

    def note(self, link, handle, packet):
        assert handle not in self.answers
        self.answers[handle] = packet

    def fulfill(self, link, token, packet):
        self.requests.append(packet)
        self.answerer.reply(link, token, b"\x0d" + packet[1:])


@pytest.mark.parametrize("gso", [True, False])
async def test_every_request_gets_its_own_answer(gso):
    async with Pair(gso=gso, gro=gso) as pair:
        packets = [b"\x0c" + i.to_bytes(2, "big") * (40 + i % 400) for i in range(1000)]
        for i, packet in enumerate(packets):
            pair.asker.send(pair.left, packet, i)
        await until(lambda: len(pair.answers) == 1000)
        assert all(pair.answers[i] == b"\x0d" + packet[1:] for i, packet in enumerate(packets))
        assert pair.requests == packets
        await until(lambda: pair.left.open_requests[0] == 0 and pair.right.open_requests[1] == 0)
        assert pair.left.room == 4096


async def test_a_link_may_be_used_before_the_peer_is_there():
    """Packets wait for the peer's first words and leave in one go: several to a datagram."""
    async with Pair() as pair:
        for i in range(50):
            pair.asker.send(pair.left, PREPARE, i)
        await until(lambda: len(pair.answers) == 50)
        assert pair.ends[0].counters()["datagrams_out"] < 25
        assert pair.left.counters()["requests_resent"] == 0


async def test_closing_takes_the_peers_link_down_at_once():
    async with Pair() as pair:
        pair.asker.send(pair.left, PREPARE)
        await until(lambda: pair.answers)
        await pair.ends[1].close()
        await until(lambda: not pair.left.up)
        with pytest.raises(LinkDownError):
            pair.asker.send(pair.left, PREPARE)


async def test_in_flight_bounds_what_is_sent():
    async with Pair() as pair:
        held = []
        pair.answerer.on_prepare = lambda link, token, packet: held.append(token)
        pair.ends[0].remove_link("right")
        left = pair.ends[0].add_link("right", pair.ends[1].address, in_flight=3)
        pair.asker.add(left)
        tokens = [pair.asker.send(left, PREPARE, i) for i in range(3)]
        assert left.room == 0
        with pytest.raises(LinkDownError):
            pair.asker.send(left, PREPARE)
        await until(lambda: len(held) == 3)
        pair.asker.finish(left, tokens[1], 2)
        assert left.room == 1
        for token in held[1], held[0], held[2]:
            pair.answerer.reply(pair.right, token, FULFILL)
        await until(lambda: left.room == 3)
        assert sorted(pair.answers) == [0, 2]
        assert left.counters()["answers_late"] == 1


async def test_a_packet_larger_than_a_datagram_is_refused():
    async with Pair() as pair:
        assert pair.left.packet_max == 1200 - 20 - 10 - 11
        pair.asker.send(pair.left, bytes([12]) * pair.left.packet_max, 1)
        with pytest.raises(LinkDownError):
            pair.asker.send(pair.left, bytes([12]) * (pair.left.packet_max + 1), 2)
        await until(lambda: 1 in pair.answers)


async def test_an_answer_larger_than_a_datagram_travels_alone():
    async with Pair() as pair:
        big = b"\x0e" + bytes(range(256)) * 150
        pair.answerer.on_prepare = lambda link, token, packet: pair.answerer.reply(
            link, token, big if packet[1] else FULFILL
        )
        for i in range(10):
            pair.asker.send(pair.left, bytes([12, i % 2]) + bytes(100), i)
        await until(lambda: len(pair.answers) == 10)
        assert [pair.answers[i] for i in range(10)] == [FULFILL, big] * 5


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"])
async def test_plain_udp_off_loopback_needs_protection(address):
    endpoint = UdpEndpoint(Round(), Pool(16, 1), address)
    with pytest.raises(EndpointError, match="external_protection"):
        await endpoint.open()


async def test_external_protection_allows_any_address():
    endpoint = UdpEndpoint(Round(), Pool(16, 1), "0.0.0.0:0", external_protection=True)
    await endpoint.open()
    endpoint.add_link("far", "192.0.2.1:7768")
    await endpoint.close()


@pytest.mark.parametrize(
    ("remote", "reason"),
    [
        ("localhost:1", "numeric"),
        ("127.0.0.1", "not a UDP address"),
        ("127.0.0.1:65536", "not a UDP address"),
        ("127.0.0.1:0", "no port"),
        ("::1:80", "not a UDP address"),
        ("[::1]:80", "same IP version"),
        ("192.0.2.1:7768", "external_protection"),
    ],
)
async def test_a_remote_that_cannot_be_used_says_why(remote, reason):
    endpoint = UdpEndpoint(Round(), Pool(16, 1))
    with pytest.raises(EndpointError, match=reason):
        endpoint.add_link("peer", remote)


async def test_two_links_cannot_share_a_name_or_an_address():
    endpoint = UdpEndpoint(Round(), Pool(16, 1))
    endpoint.add_link("one", "127.0.0.1:1001")
    with pytest.raises(EndpointError, match="named one"):
        endpoint.add_link("one", "127.0.0.1:1002")
    with pytest.raises(EndpointError, match="address"):
        endpoint.add_link("two", "127.0.0.1:1001")
    endpoint.remove_link("one")
    endpoint.add_link("two", "127.0.0.1:1001")


async def test_an_address_in_use_is_an_error_with_its_reason():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = UdpEndpoint(Round(), Pool(16, 1), f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(EndpointError, match="in use"):
            await endpoint.open()


async def test_ipv6_works_like_ipv4():
    pair = Pair()
    pair.ends = [UdpEndpoint(pair.round, pair.pool, "[::1]:0") for _ in range(2)]
    async with pair:
        assert pair.ends[0].address.startswith("[::1]:")
        pair.asker.send(pair.left, PREPARE, 7)
        await until(lambda: 7 in pair.answers)
