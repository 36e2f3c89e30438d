"""Two ends of a link for each endpoint: `asker` sends requests over `link`, `answerer` receives
them on the other side.

One class per transport, all with the same face, so that one suite can be run over every endpoint.
"""

import asyncio
import ssl
import time

import trustme

from ilprouter.core.bridge import PythonReceiver
from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.http import HttpEndpoint
from ilprouter.endpoints.loopback import LoopbackEndpoint
from ilprouter.endpoints.udp import UdpEndpoint

TOKEN = "a-token-of-more-than-thirty-two-octets"


async def until(condition, seconds=5.0):
    """Wait for a condition; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.002)


class Pair:
    """What every transport offers the suite.

    link       the asking side's link
    requests   (key, packet) as they arrived; answer each with reply(key, packet)
    answers    handle -> packet
    failures   handle -> status
    """

    IN_FLIGHT = 64

    def __init__(self):
        self.round, self.pool = Round(), Pool(4096, 64)
        self.requests = []
        self.answers = {}
        self.failures = {}
        self.respond = None
        self.asker = PythonReceiver(
            self.round, self.pool, on_answer=self.on_answer, on_failure=self.on_failure
        )

    async def __aenter__(self):
        await self.open()
        await until(lambda: self.link.up and self.link.room)
        return self

    async def __aexit__(self, *error):
        await self.close()
        if error[0] is None:
            assert self.pool.in_use == 0, "every buffer came back"

    def on_answer(self, link, handle, packet):
        assert handle not in self.answers, "one answer per request"
        self.answers[handle] = packet

    def on_failure(self, link, handle, status):
        assert handle not in self.answers
        self.failures[handle] = status

    def arrived(self, key, packet):
        self.requests.append((key, packet))
        if self.respond is not None:
            self.reply(key, self.respond(packet))

    def send(self, packet, handle):
        return self.asker.send(self.link, packet, handle)

    async def answered(self, *handles):
        await until(lambda: all(handle in self.answers for handle in handles))
        return [self.answers[handle] for handle in handles]


class LoopbackPair(Pair):
    """The peer is a Python callable; its answers are futures, so they may come in any order."""

    async def open(self):
        self.link = LoopbackEndpoint(self.round, self.pool).add_link(
            "peer", self.handle, self.IN_FLIGHT
        )
        self.asker.add(self.link)

    def handle(self, packet):
        future = asyncio.get_running_loop().create_future()
        self.arrived(future, packet)
        return future

    def reply(self, key, packet):
        key.set_result(packet)

    async def close(self):
        await asyncio.sleep(0)


class NetworkPair(Pair):
    """Two endpoints, each with its own receiver."""

    def __init__(self):
        super().__init__()
        self.answerer = PythonReceiver(
            self.round,
            self.pool,
            on_prepare=lambda link, token, packet: self.arrived((link, token), packet),
        )

    def reply(self, key, packet):
        self.answerer.reply(*key, packet)

    async def close(self):
        for end in self.ends:
            await end.close()


class UdpPair(NetworkPair):
    async def open(self):
        self.ends = [UdpEndpoint(self.round, self.pool) for _ in range(2)]
        for end in self.ends:
            await end.open()
        self.link = self.ends[0].add_link("b", self.ends[1].address, in_flight=self.IN_FLIGHT)
        self.asker.add(self.link)
        self.answerer.add(self.ends[1].add_link("a", self.ends[0].address))


class HttpPair(NetworkPair):
    tls = False

    async def open(self):
        server = client = None
        scheme = "http"
        if self.tls:
            authority = trustme.CA()
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(server)
            server.set_alpn_protocols(["h2", "http/1.1"])
            client = ssl.create_default_context()
            authority.configure_trust(client)
            client.set_alpn_protocols(["h2"])
            scheme = "https"
        self.ends = [HttpEndpoint(self.round, self.pool) for _ in range(2)]
        self.answerer.add(self.ends[1].add_link("a", incoming_tokens=[TOKEN]))
        host, port = await self.ends[1].listen("127.0.0.1:0", ssl_context=server)
        self.link = self.ends[0].add_link(
            "b",
            url=f"{scheme}://{host}:{port}/ilp",
            outgoing_token=TOKEN,
            in_flight=self.IN_FLIGHT,
            ssl_context=client,
        )
        self.asker.add(self.link)
        await self.ends[0].open()


class HttpsPair(HttpPair):
    tls = True


PAIRS = {"loopback": LoopbackPair, "udp": UdpPair, "http": HttpPair, "https": HttpsPair}
