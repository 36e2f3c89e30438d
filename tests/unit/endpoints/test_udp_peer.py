"""The UDP endpoint against the independent Python peer: every rule of docs/link-protocol.md."""

import asyncio
import itertools
import socket
import time

import pytest

from ilprouter.core.bridge import PythonReceiver
from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.udp import UdpEndpoint
from ilprouter.errors import LinkDownError
from tests.helpers.link_peer import (
    ACK,
    ANS,
    CLOSE,
    LOW,
    PING,
    PONG,
    REQ,
    Frame,
    LinkPeer,
    Network,
    datagram,
    decode,
)
from tests.unit.endpoints.test_udp import until

PREPARE = b"\x0c" + bytes(199)
FULFILL = b"\x0d" + b"f" * 33
EXPIRED = 2  # ILP_OUTCOME_EXPIRED


class Bench:
    """A router's endpoint with one link to a LinkPeer. `requests` are the peer's, in order."""

    def __init__(self, handler=None, **peer_options):
        self.round, self.pool = Round(), Pool(2048, 64)
        self.endpoint = UdpEndpoint(self.round, self.pool)
        self.handler = handler
        self.peer_options = peer_options
        self.requests = []
        self.answers = {}

    async def __aenter__(self):
        await self.endpoint.open()
        host, port = self.endpoint.address.split(":")
        self.peer = LinkPeer((host, int(port)), self.handler, **self.peer_options)
        await self.peer.start()
        self.link = self.endpoint.add_link("peer", self.peer.address)
        self.receiver = PythonReceiver(self.round, self.pool, self.on_prepare, self.on_answer)
        self.receiver.add(self.link)
        return self

    async def __aexit__(self, *error):
        await self.peer.stop()
        await self.endpoint.close()
        assert self.pool.in_use == 0

    def on_prepare(self, link, token, packet):
        self.requests.append((token, packet))
        self.receiver.reply(link, token, b"\x0d" + packet[1:])

    def on_answer(self, link, handle, packet):
        assert handle not in self.answers
        self.answers[handle] = packet

    async def met(self):
        """Both sides have taken up each other's session."""
        await until(lambda: self.link.peer_session_id and self.peer.peer)

    def count(self, name):
        return self.link.counters()[name]

    def log(self, kind):
        return [frame for frame in self.peer.log if frame.type == kind]

    async def quiet(self, seconds=0.06):
        """Long enough for datagrams on the way to arrive, and for a few ticks."""
        await asyncio.sleep(seconds)


async def test_both_ways():
    async with Bench(lambda packet: b"\x0e" + packet[1:]) as bench:
        futures = [bench.peer.request(b"\x0c" + bytes([i]) * 100) for i in range(50)]
        await bench.met()
        for i in range(50):
            bench.receiver.send(bench.link, b"\x0c" + bytes([i]) * 60, i)
        answers = await asyncio.gather(*futures)
        assert answers == [b"\x0d" + bytes([i]) * 100 for i in range(50)]
        await until(lambda: len(bench.answers) == 50)
        assert all(bench.answers[i] == b"\x0e" + bytes([i]) * 60 for i in range(50))
        await until(lambda: bench.link.open_requests == (0, 0))
        await until(lambda: not bench.peer.unacked and bench.peer.peer_low == 51)


async def test_each_packet_once_over_a_bad_network():
    def bad():
        return Network(loss=0.2, duplicate=0.5, reorder=0.25)

    async with Bench(lambda packet: b"\x0e" + packet[1:], network=bad(), incoming=bad()) as bench:
        await bench.met()
        futures = [bench.peer.request(b"\x0c" + i.to_bytes(2, "big") * 50) for i in range(150)]
        for i in range(150):
            bench.receiver.send(bench.link, b"\x0c" + i.to_bytes(2, "big") * 30, i)
        answers = await asyncio.wait_for(asyncio.gather(*futures), 30)
        assert answers == [b"\x0d" + i.to_bytes(2, "big") * 50 for i in range(150)]
        await until(lambda: len(bench.answers) == 150, 30)
        assert all(bench.answers[i] == b"\x0e" + i.to_bytes(2, "big") * 30 for i in range(150))
        assert len(bench.requests) == 150
        assert bench.peer.counts["requests"] == 150
        assert bench.count("requests_resent") > 0 and bench.count("requests_duplicate") > 0
        await until(lambda: bench.link.open_requests == (0, 0), 10)


async def test_a_duplicate_is_absorbed_then_answered_with_the_same_octets():
    async with Bench() as bench:
        waiting = []
        bench.receiver.on_prepare = lambda link, token, packet: waiting.append(token)
        await bench.met()
        bench.peer.finish = False
        request = Frame(REQ, id=1, packet=PREPARE)
        future = bench.peer.request(PREPARE)
        await until(lambda: waiting)
        bench.peer.send(request, request)
        bench.peer.send(request)
        await until(lambda: bench.count("requests_duplicate") >= 3)
        assert len(waiting) == 1
        assert not bench.log(ANS)
        bench.receiver.reply(bench.link, waiting[0], FULFILL)
        assert await future == FULFILL
        before = len(bench.log(ANS))
        bench.peer.send(request)
        await until(lambda: len(bench.log(ANS)) > before)
        assert {frame.packet for frame in bench.log(ANS)} == {FULFILL}
        assert len(waiting) == 1


async def test_the_same_id_with_other_octets_is_never_forwarded():
    async with Bench() as bench:
        waiting = []
        bench.receiver.on_prepare = lambda link, token, packet: waiting.append((token, packet))
        await bench.met()
        future = bench.peer.request(PREPARE)
        await until(lambda: waiting)
        bench.peer.send(Frame(REQ, id=1, packet=PREPARE[:-1] + b"\1"))
        bench.peer.send(Frame(REQ, id=1, packet=PREPARE + b"\0"))
        await until(lambda: bench.count("requests_mutated") == 2)
        bench.receiver.reply(bench.link, waiting[0][0], FULFILL)
        assert await future == FULFILL
        assert [packet for _, packet in waiting] == [PREPARE]


async def test_an_acknowledged_request_is_forgotten_but_not_forwarded_again():
    async with Bench() as bench:
        await bench.met()
        bench.peer.finish = False
        await bench.peer.request(PREPARE)
        bench.peer.send(Frame(ACK, ranges=((1, 1),)))
        await until(lambda: bench.link.open_requests[1] == 0)
        bench.peer.send(Frame(REQ, id=1, packet=PREPARE))
        await until(lambda: bench.count("requests_below_low") >= 1)
        assert len(bench.requests) == 1


async def test_ids_outside_the_window_are_refused():
    async with Bench() as bench:
        await bench.met()
        bench.peer.send(Frame(LOW, id=100), Frame(REQ, id=99, packet=PREPARE))
        bench.peer.send(Frame(REQ, id=100 + 2**22, packet=PREPARE))
        bench.peer.send(Frame(REQ, id=100 + 2**22 - 1, packet=PREPARE))
        bench.peer.send(Frame(LOW, id=50), Frame(REQ, id=60, packet=PREPARE))
        await until(lambda: len(bench.requests) == 1)
        await bench.quiet()
        assert bench.count("requests_below_low") == 2
        assert bench.count("requests_over_window") == 1
        assert len(bench.requests) == 1
        bench.peer.send(Frame(LOW, id=2**48 - 1))


async def test_low_drops_what_is_below_it():
    async with Bench() as bench:
        waiting = []
        bench.receiver.on_prepare = lambda link, token, packet: waiting.append(token)
        await bench.met()
        bench.peer.send(Frame(REQ, id=1, packet=PREPARE), Frame(REQ, id=2, packet=PREPARE))
        await until(lambda: len(waiting) == 2)
        bench.receiver.reply(bench.link, waiting[0], FULFILL)
        bench.peer.send(Frame(LOW, id=3))
        await until(lambda: bench.link.open_requests[1] == 0)
        bench.receiver.reply(bench.link, waiting[1], FULFILL)
        await bench.quiet()
        assert bench.count("answers_orphaned") == 1
        assert 2 not in [frame.id for frame in bench.log(ANS)]


async def test_open_requests_of_the_peer_are_bounded():
    async with Bench() as bench:
        bench.endpoint.remove_link("peer")
        bench.link = bench.endpoint.add_link("peer", bench.peer.address, open_max=10)
        bench.receiver.add(bench.link)
        waiting = []
        bench.receiver.on_prepare = lambda link, token, packet: waiting.append(token)
        await until(lambda: bench.peer.counts["sessions"] >= 1 and bench.link.peer_session_id)
        bench.peer.send(*[Frame(REQ, id=i, packet=PREPARE) for i in range(1, 31)])
        await until(lambda: bench.count("requests_over_window") == 20)
        assert len(waiting) == 10
        bench.peer.send(Frame(LOW, id=11), Frame(REQ, id=25, packet=PREPARE))
        await until(lambda: len(waiting) == 11)


async def test_an_answer_is_repeated_until_acknowledged():
    async with Bench() as bench:
        await bench.met()
        bench.peer.finish = False
        await bench.peer.request(PREPARE)
        await until(lambda: len(bench.log(ANS)) >= 4)
        bench.peer.finished(1)
        await until(lambda: bench.link.open_requests[1] == 0)
        await bench.quiet()
        before = len(bench.log(ANS))
        await bench.quiet(0.5)
        assert len(bench.log(ANS)) == before


async def test_a_request_is_repeated_with_growing_pauses_until_its_deadline():
    times = []
    async with Bench() as bench:
        await bench.met()
        bench.peer.handler = lambda packet: None
        use = bench.peer._use

        def note(frame):
            if frame.type == REQ:
                times.append(time.monotonic())
            use(frame)

        bench.peer._use = note
        token = bench.receiver.send(bench.link, PREPARE, 1, 1_000_000_000)
        await bench.quiet(1.5)
        # 100 ms before the first sample, doubling: at 0, 0.1, 0.3, 0.7 s and not after 1 s.
        assert len(times) == 4
        pauses = [late - early for early, late in itertools.pairwise(times)]
        assert pauses[0] >= 0.09 and pauses[1] >= 1.5 * pauses[0] and pauses[2] >= 1.5 * pauses[1]
        assert {frame.packet for frame in bench.log(REQ)} == {PREPARE}
        assert {frame.id for frame in bench.log(REQ)} == {token}
        bench.receiver.finish(bench.link, token, EXPIRED)
        await until(lambda: bench.peer.peer_low == token + 1)
        assert not bench.log(ACK)


async def test_low_comes_before_the_requests_of_each_datagram():
    async with Bench(lambda packet: FULFILL) as bench:
        seen = []
        take = bench.peer._take

        def note(data):
            seen.append([frame.type for frame in decode(data)[2]])
            take(data)

        bench.peer._take = note
        await bench.met()
        for i in range(100):
            bench.receiver.send(bench.link, PREPARE, i)
        await until(lambda: len(bench.answers) == 100)
        order = [PONG, PING, ACK, LOW, ANS, REQ]
        for kinds in seen:
            assert kinds == sorted(kinds, key=order.index)
            assert REQ not in kinds or LOW in kinds


async def test_answers_nobody_asked_for_are_dropped():
    async with Bench(lambda packet: FULFILL) as bench:
        await bench.met()
        bench.receiver.send(bench.link, PREPARE, 5)
        await until(lambda: 5 in bench.answers)
        for number in (1, 2, 77):
            bench.peer.send(Frame(ANS, id=number, packet=b"\x0d" + bytes(40)))
        await until(lambda: bench.count("answers_unknown") == 2)
        assert bench.answers == {5: FULFILL}
        assert bench.count("answers_duplicate") == 1
        bench.peer.send(Frame(ACK, ranges=((1, 4096),)))
        await until(lambda: bench.count("acks_unknown") == 4096)


async def test_a_lost_ack_is_said_again():
    async with Bench(lambda packet: FULFILL) as bench:
        await bench.met()
        bench.peer.incoming.loss = 0
        use = bench.peer._use
        bench.peer._use = lambda frame: None if frame.type in (ACK, LOW) else use(frame)
        bench.receiver.send(bench.link, PREPARE, 1)
        await until(lambda: bench.peer.counts["answers_resent"] >= 2)
        bench.peer._use = use
        await until(lambda: not bench.peer.unacked)
        assert bench.count("answers_in") == 1


async def test_a_restarted_peer_gets_nothing_that_was_sent_before():
    async with Bench() as bench:
        await bench.met()
        bench.peer.handler = lambda packet: None
        token = bench.receiver.send(bench.link, PREPARE, 1)
        await until(lambda: bench.peer.counts["requests"] == 1)
        bench.peer.restart()
        bench.peer.handler = lambda packet: FULFILL
        await until(lambda: bench.count("sessions") == 2)
        bench.receiver.send(bench.link, b"\x0c" + b"new" * 30, 2)
        await until(lambda: 2 in bench.answers)
        await bench.quiet(0.4)
        assert bench.answers == {2: FULFILL}
        assert bench.peer.counts["requests"] == 2
        # The new session cannot answer what it never got.
        bench.peer.send(Frame(ANS, id=token, packet=FULFILL))
        await until(lambda: bench.count("answers_unknown") == 1)
        bench.receiver.finish(bench.link, token, EXPIRED)


async def test_an_answer_for_a_session_that_is_gone_is_thrown_away():
    async with Bench() as bench:
        waiting = []
        bench.receiver.on_prepare = lambda link, token, packet: waiting.append(token)
        await bench.met()
        bench.peer.request(PREPARE).cancel()
        await until(lambda: waiting)
        bench.peer.restart()
        await until(lambda: bench.count("sessions") == 2)
        future = bench.peer.request(PREPARE)  # id 1 again, of another session
        await until(lambda: len(waiting) == 2)
        bench.receiver.reply(bench.link, waiting[0], b"\x0e" + b"old" * 10)
        bench.receiver.reply(bench.link, waiting[1], FULFILL)
        assert await future == FULFILL
        assert bench.count("answers_orphaned") == 1


async def test_datagrams_of_an_old_session_do_nothing_even_when_replayed():
    async with Bench() as bench:
        await bench.met()
        old = bench.peer.session
        request = Frame(REQ, id=1, packet=PREPARE)
        bench.peer.finish = False
        await bench.peer.request(PREPARE)
        bench.peer.restart()
        await until(lambda: bench.count("sessions") == 2)
        before = bench.endpoint.counters()["not_yet"]
        for receiver in (bench.link.session_id, 0):
            bench.peer.send_raw(datagram(old, receiver, Frame(LOW, id=1), request))
        bench.peer.send_raw(datagram(old, bench.link.session_id, Frame(PONG, time=12345), request))
        await until(lambda: bench.endpoint.counters()["not_yet"] == before + 3)
        await bench.quiet()
        assert len(bench.requests) == 1
        assert bench.count("sessions") == 2


async def test_a_datagram_for_an_earlier_session_of_ours_is_dropped():
    async with Bench() as bench:
        await bench.met()
        stale = datagram(
            bench.peer.session, bench.link.session_id ^ 2, Frame(REQ, id=1, packet=PREPARE)
        )
        bench.peer.send_raw(stale)
        await until(lambda: bench.endpoint.counters()["stale"] == 1)
        assert not bench.requests


async def test_close_takes_the_link_down_until_another_session_speaks():
    async with Bench(lambda packet: FULFILL) as bench:
        await bench.met()
        bench.peer.send(Frame(CLOSE, reason=0))
        await until(lambda: not bench.link.up)
        with pytest.raises(LinkDownError):
            bench.receiver.send(bench.link, PREPARE)
        bench.peer.send(Frame(REQ, id=1, packet=PREPARE))
        await until(lambda: bench.endpoint.counters()["stale"] >= 1)
        assert not bench.link.up and not bench.requests
        bench.peer.restart()
        await until(lambda: bench.link.up)
        bench.receiver.send(bench.link, PREPARE, 3)
        await until(lambda: 3 in bench.answers)


async def test_our_close_reaches_the_peer():
    async with Bench() as bench:
        await bench.met()
        ours = bench.link.session_id
        await bench.endpoint.close()
        await until(lambda: bench.peer.closed == ours)


GARBAGE = [
    b"",
    b"\0",
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(1200),
    b"\1" + bytes(19),
    b"\xff" * 1200,
    bytes(range(256)) * 40,
]


async def test_an_unknown_sender_gets_no_octet_back():
    async with Bench() as bench:
        await bench.met()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            ours, theirs = bench.link.session_id, bench.peer.session
            real = datagram(theirs, ours, Frame(PING, time=1), Frame(REQ, id=1, packet=PREPARE))
            for octets in (*GARBAGE, real):
                stranger.sendto(octets, bench.peer.remote)
            await until(lambda: bench.endpoint.counters()["unknown_sender"] == len(GARBAGE) + 1)
            await bench.quiet()
            with pytest.raises(BlockingIOError):
                stranger.recv(2000)
        assert not bench.requests


async def test_garbage_from_the_peer_changes_nothing():
    async with Bench() as bench:
        await bench.met()
        received = bench.peer.counts["datagrams"]
        ours, theirs = bench.link.session_id, bench.peer.session
        request = Frame(REQ, id=1, packet=PREPARE)
        for octets in GARBAGE[1:]:
            bench.peer.send_raw(octets)
        for tail in (b"\x08\x00", b"\x0c\x00", b"\x7f\x00"):
            bench.peer.send_raw(datagram(theirs, ours, request, tail))
        bench.peer.send_raw(datagram(theirs, ours, request, b"\4\x07" + bytes(7)))
        bench.peer.send_raw(datagram(theirs, ours, b"\x80\0", b"\xff\x03abc"))
        await until(lambda: bench.endpoint.counters()["unknown_frame"] == 3)
        await bench.quiet()
        assert bench.endpoint.counters()["malformed"] == len(GARBAGE)
        assert not bench.requests
        assert bench.peer.counts["datagrams"] == received


async def test_a_silent_link_is_pinged():
    async with Bench() as bench:
        await bench.met()
        await bench.quiet()
        bench.peer.network.loss = 1.0  # the peer hears, and is not heard
        before = len(bench.log(PING))
        await until(lambda: len(bench.log(PING)) >= before + 2, 10)
        assert len({frame.time for frame in bench.log(PING)[before:]}) == 1


async def test_several_requests_share_a_datagram_and_runs_share_a_size():
    """Requests of 200 octets go five to a datagram; with GSO many datagrams to one system call."""
    async with Bench() as bench:
        await bench.endpoint.close()
        for gso in (True, False):
            endpoint = UdpEndpoint(bench.round, bench.pool, gso=gso)
            link = endpoint.add_link("peer", bench.peer.address)
            bench.receiver.add(link)
            await endpoint.open()
            bench.peer.remote = ("127.0.0.1", int(endpoint.address.split(":")[1]))
            bench.peer.restart()
            at_first = []  # the counters when the first request arrives: nothing was repeated yet

            def handler(packet, endpoint=endpoint, at_first=at_first):
                if not at_first:
                    at_first.append(endpoint.counters())
                return FULFILL

            bench.peer.handler = handler
            bench.answers.clear()
            for i in range(500):  # one round each, but all wait for the peer's first words
                bench.receiver.send(link, PREPARE, i)
            await until(lambda: len(bench.answers) == 500, 30)
            counters = at_first[0]
            assert counters["gso"] == gso and counters["gso_fallbacks"] == 0
            assert 100 <= counters["datagrams_out"] < 140
            assert (counters["messages_out"] < 40) == gso
            await endpoint.close()
