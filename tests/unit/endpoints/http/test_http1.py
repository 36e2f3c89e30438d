"""HTTP/1.1 both ways: bytes by hand and aiohttp ask us, and we ask an aiohttp server."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from ilprouter.core.reject import Status
from tests.helpers.http_peer import FULFILL, PREPARE, until

HEAD = b"POST /ilp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\n"


class Wire:
    """A TCP connection whose bytes are written by hand."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data):
        self.writer.write(data)

    async def answer(self):
        """(status, headers, body) of the next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(first.split()[1]), headers, body

    async def at_end(self):
        return await asyncio.wait_for(self.reader.read(), 5) == b""


@pytest.fixture
async def wire(alice):
    made = []

    async def make():
        made.append(await Wire.connect(alice.port))
        return made[-1]

    yield make
    for item in made:
        item.writer.close()


def post(body=PREPARE, head=HEAD):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_requests_share_a_connection(alice, wire):
    peer = await wire()
    for number in range(3):
        alice.answer = lambda packet: packet[-1:] + FULFILL
        peer.send(post(PREPARE + b"%d" % number))
        status, headers, body = await peer.answer()
        assert (status, body) == (200, b"%d" % number + FULFILL)
        assert headers == {"content-type": "application/octet-stream", "content-length": "51"}
    assert alice.counters["connections"] == 1


async def test_pipelined_answers_leave_in_order(alice, wire):
    alice.answer = lambda packet: None
    peer = await wire()
    peer.send(b"".join(post(b"%d" % number) for number in range(20)))
    await until(lambda: len(alice.owed) == 20)
    for number in reversed(range(20)):
        link, token = alice.owed[number]
        alice.receiver.reply(link, token, b"answer %d" % number)
    alice.owed.clear()
    assert [(await peer.answer())[2] for _ in range(20)] == [b"answer %d" % n for n in range(20)]


async def test_too_many_pipelined_requests_wait_outside(node):
    server = node(pipelined_max=8)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    server.answer = lambda packet: None
    peer = await Wire.connect(server.port)
    for _ in range(200):
        peer.send(post())
        await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    asked = len(server.asked)
    assert asked < 200
    server.answer = lambda packet: FULFILL
    server.reply_owed()
    for _ in range(200):
        assert (await peer.answer())[0] == 200
    peer.writer.close()


async def test_chunked_bodies_split_anywhere(alice, wire):
    peer = await wire()
    data = (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"c" * 100 + b"\r\n1\r\n!\r\n0\r\n\r\n"
    )
    for at in range(len(data)):
        peer.send(data[at : at + 1])
        if at % 16 == 0:
            await asyncio.sleep(0)
    assert (await peer.answer())[0] == 200
    assert alice.asked == [("alice", b"c" * 100 + b"!")]


async def test_expect_continue(alice, wire):
    peer = await wire()
    peer.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert (await peer.answer())[0] == 100
    peer.send(b"abc")
    assert (await peer.answer())[0] == 200
    assert alice.asked == [("alice", b"abc")]


async def test_a_refused_expectation_ends_the_connection(alice, wire):
    peer = await wire()
    peer.send(b"POST /ilp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    status, headers, _ = await peer.answer()
    assert (status, headers["connection"]) == (401, "close")
    assert await peer.at_end()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /ilp HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"PUT /ilp HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"POST /ilp HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 401),
        (post(head=HEAD.replace(b"alice", b"mallory")), 401),
        (post(head=HEAD.replace(b"/ilp", b"/accounts/bob/ilp")), 403),
        (post(head=HEAD + b"Content-Type: text/plain\r\n"), 415),
    ],
)
async def test_a_refused_request_leaves_the_connection_open(alice, wire, request_bytes, status):
    peer = await wire()
    peer.send(request_bytes)
    got, headers, body = await peer.answer()
    assert (got, body) == (status, b"") and "connection" not in headers
    assert headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    peer.send(post())
    assert (await peer.answer())[0] == 200
    assert len(alice.asked) == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400),
        (b"POST /ilp\r\n\r\n", 401),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Content-Length: 40001\r\n\r\n" + b"x" * 40_001, 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n", 413),
        (HEAD + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (HEAD + b"X: y\r\n" * 1000 + b"\r\n", 431),
        (b"GET /" + b"y" * 50_000, 431),
        (HEAD + b"X: " + b"y" * 50_000, 431),
    ],
)
async def test_what_ends_a_connection(alice, wire, request_bytes, status):
    peer = await wire()
    if status == 413 and b"chunked" in request_bytes:
        head, chunk = request_bytes.split(b"\r\n\r\n", 1)
        request_bytes = head + b"\r\n\r\n" + chunk * 10
    peer.send(request_bytes)
    got, headers, _ = await peer.answer()
    assert (got, headers["connection"]) == (status, "close")
    peer.writer.write_eof()
    assert await peer.at_end()
    assert alice.asked == []


async def test_connection_close_is_honoured(alice, wire):
    peer = await wire()
    peer.send(post(head=HEAD + b"Connection: close\r\n"))
    status, headers, _ = await peer.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert await peer.at_end()


async def test_http_1_0(alice, wire):
    peer = await wire()
    peer.send(post(head=HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")))
    assert (await peer.answer())[0] == 200
    assert await peer.at_end()


async def test_an_upgrade_is_ignored(alice, wire):
    peer = await wire()
    peer.send(post(head=HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"))
    assert (await peer.answer())[0] == 200


async def test_a_lost_connection_leaves_its_requests_with_the_receiver(alice, wire):
    alice.answer = lambda packet: None
    peer = await wire()
    peer.send(post() + post() + HEAD + b"Content-Length: 9\r\n\r\nabc")
    await until(lambda: len(alice.owed) == 2)
    peer.writer.transport.abort()
    await until(lambda: alice.counters["abandoned"] == 2)
    assert alice.endpoint.core.streams_in_use == 2
    alice.reply_owed()
    assert alice.endpoint.core.streams_in_use == 0


async def test_an_unfinished_head_or_body_is_cut(node):
    server = node(receive_timeout_ms=200)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    for part in (b"P", b"POST /i", HEAD, HEAD + b"Content-Length: 5\r\n\r\nab"):
        peer = await Wire.connect(server.port)
        peer.send(part)
        assert await peer.at_end()
        peer.writer.close()
    assert server.counters["timeouts"] == 4


async def test_aiohttp_speaks_with_our_server(alice):
    async with aiohttp.ClientSession(headers={"authorization": "bob-token"}) as session:
        for _ in range(10):
            url = f"http://127.0.0.1:{alice.port}/accounts/bob/ilp"
            async with session.post(url, data=PREPARE) as answer:
                assert (answer.status, await answer.read()) == (200, FULFILL)
        async with session.post(url, data=b"x" * 50_000) as answer:
            assert answer.status == 413
        async with session.get(f"http://127.0.0.1:{alice.port}/") as answer:
            assert answer.status == 200
    assert len(alice.asked) == 10


@pytest.fixture
async def koa():
    """An aiohttp server that answers as `plan(request, number)` says."""

    class Koa:
        requests, plan, port = [], None, 0

    async def handler(request):
        body = await request.read()
        Koa.requests.append((dict(request.headers), body))
        if Koa.plan is not None:
            return await Koa.plan(request, len(Koa.requests))
        return web.Response(body=FULFILL)

    Koa.requests = []
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    Koa.port = site._server.sockets[0].getsockname()[1]
    yield Koa
    await runner.cleanup()


async def asking(node, port, **options):
    asker = node()
    await asker.endpoint.open()
    url = f"http://127.0.0.1:{port}/x/ilp"
    link = asker.link("bob", url=url, outgoing_token="t0k", http1=True, **options)
    return asker, link


async def test_our_client_asks_an_http1_server(node, koa):
    asker, link = await asking(node, koa.port, connections_max=2)
    for handle in range(20):
        await until(lambda: link.room)
        asker.receiver.send(link, PREPARE, handle=handle)
    await until(lambda: len(asker.answers) == 20)
    headers, body = koa.requests[0]
    assert body == PREPARE
    assert {name.lower(): value for name, value in headers.items()} == {
        "host": f"127.0.0.1:{koa.port}",
        "authorization": "Bearer t0k",
        "content-type": "application/octet-stream",
        "accept": "application/octet-stream",
        "content-length": "200",
    }
    assert link.connections <= 2 and link.room == 2


async def test_http1_connections_bound_the_room(node, koa):
    async def stall(request, number):
        await asyncio.sleep(0.2)
        return web.Response(body=FULFILL)

    koa.plan = stall
    asker, link = await asking(node, koa.port, connections_max=3)
    for _ in range(3):
        asker.receiver.send(link, PREPARE)
    assert link.room == 0
    await until(lambda: len(asker.answers) == 3)
    assert len(koa.requests) == 3 and link.room == 3


@pytest.mark.parametrize(
    ("status", "body", "reject"),
    [
        (200, b"", Status.INVALID_ANSWER),
        (404, b"x", Status.BAD_REQUEST),
        (500, b"x", Status.INTERNAL_ERROR),
    ],
)
async def test_http1_statuses(node, koa, status, body, reject):
    async def plan(request, number):
        return web.Response(status=status, body=body)

    koa.plan = plan
    asker, link = await asking(node, koa.port)
    asker.receiver.send(link, PREPARE, handle=1)
    await until(lambda: asker.failures)
    assert asker.failures == [(1, reject)]


async def test_http1_chunked_and_closing_answers(node, koa):
    async def plan(request, number):
        answer = web.StreamResponse()
        if number % 2:
            answer.force_close()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for _ in range(4):
            await answer.write(b"\x0d" + b"c" * 999)
        return answer

    koa.plan = plan
    asker, link = await asking(node, koa.port, connections_max=1)
    for handle in range(4):
        await until(lambda: link.room)
        asker.receiver.send(link, PREPARE, handle=handle)
        await until(lambda: len(asker.answers) == handle + 1)  # noqa: B023 - awaited in the loop
    assert {len(packet) for _, packet in asker.answers} == {4000}


async def test_http1_oversize_and_lost_answers(node, koa):
    async def plan(request, number):
        if number == 1:
            return web.Response(body=b"x" * 42_241)
        request.transport.abort()
        return web.Response()

    koa.plan = plan
    asker, link = await asking(node, koa.port, connections_max=1)
    asker.receiver.send(link, PREPARE, handle=1)
    await until(lambda: asker.failures)
    assert asker.failures == [(1, Status.INVALID_ANSWER)]
    await until(lambda: link.room)
    token = asker.receiver.send(link, PREPARE, handle=2)
    await until(lambda: asker.counters["in_doubt"] == 1)
    assert len(asker.failures) == 1 and link.in_flight == 1
    asker.receiver.finish(link, token)


async def test_http1_cancel_closes_the_connection(node, koa):
    async def stall(request, number):
        if number == 1:
            await asyncio.sleep(5)
        return web.Response(body=FULFILL)

    koa.plan = stall
    asker, link = await asking(node, koa.port, connections_max=1)
    token = asker.receiver.send(link, PREPARE)
    await until(lambda: koa.requests)
    asker.receiver.finish(link, token)
    await until(lambda: link.connections_usable == 0)
    await until(lambda: link.room)
    asker.receiver.send(link, PREPARE, handle=2)
    await until(lambda: asker.answers)
    assert asker.answers == [(2, FULFILL)]
