"""The asking side: what a request looks like, what ends it, how connections come and go."""

import asyncio

import pytest

from ilprouter.core.reject import Status
from ilprouter.endpoints.http import split_address, split_url
from ilprouter.endpoints.http_dialer import backoff_s
from ilprouter.errors import EndpointError, LinkDownError
from tests.helpers.http_peer import FULFILL, PREPARE, until
from tests.helpers.http_servers import Http2Server


@pytest.fixture
async def serve():
    """A factory of python-h2 servers; all of them are closed at the end."""
    made = []

    async def make(handle=None, **options):
        made.append(await Http2Server(handle, **options).listen())
        return made[-1]

    yield make
    for item in made:
        await item.close()


@pytest.fixture
async def ask(node):
    """A factory of (node, link to a port); the link is up when it returns."""

    async def make(port, *, up=True, path="/accounts/us/ilp", limits=None, **options):
        asker = node(**(limits or {}))
        await asker.endpoint.open()
        link = asker.link(
            "bob", url=f"http://127.0.0.1:{port}{path}", outgoing_token="t0k", **options
        )
        if up:
            await until(lambda: link.connections_usable > 0)
        return asker, link

    return make


def finish_all(asker, link, tokens):
    for token in tokens:
        asker.receiver.finish(link, token)


async def test_what_a_request_looks_like(serve, ask):
    server = await serve()
    asker, link = await ask(server.port)
    asker.receiver.send(link, PREPARE, handle=7)
    await until(lambda: asker.answers)
    assert asker.answers == [(7, FULFILL)]
    assert server.requests == [
        (
            {
                ":method": "POST",
                ":scheme": "http",
                ":authority": f"127.0.0.1:{server.port}",
                ":path": "/accounts/us/ilp",
                "authorization": "Bearer t0k",
                "content-type": "application/octet-stream",
                "accept": "application/octet-stream",
                "content-length": "200",
            },
            PREPARE,
        )
    ]
    assert link.counters()["bytes_out"] == 200 and link.counters()["bytes_in"] == 50


@pytest.mark.parametrize("size", [64, 16_384, 16_385, 39_999])
async def test_prepares_of_any_size(serve, ask, size):
    server = await serve()
    asker, link = await ask(server.port)
    for _ in range(5):
        asker.receiver.send(link, b"z" * size)
    await until(lambda: len(asker.answers) == 5)
    assert [len(body) for _, body in server.requests] == [size] * 5


@pytest.mark.parametrize(
    ("status", "body", "reject"),
    [
        (200, b"", Status.INVALID_ANSWER),
        (202, b"", Status.INVALID_ANSWER),
        (302, b"x", Status.INVALID_ANSWER),
        (400, b"x", Status.BAD_REQUEST),
        (401, b"", Status.BAD_REQUEST),
        (404, b"x", Status.BAD_REQUEST),
        (429, b"", Status.PEER_BUSY),
        (500, b"x", Status.INTERNAL_ERROR),
        (503, b"", Status.INTERNAL_ERROR),
    ],
)
async def test_an_http_status_is_a_reject_of_its_class(serve, ask, status, body, reject):
    server = await serve(lambda connection, stream, *_: connection.answer(stream, body, status))
    asker, link = await ask(server.port)
    asker.receiver.send(link, PREPARE, handle=3)
    await until(lambda: asker.failures)
    assert asker.failures == [(3, reject)]
    assert link.in_flight == 0


async def test_an_answer_larger_than_any_packet_is_unreadable(serve, ask):
    answers = iter([b"a" * 42_240, b"b" * 42_241])
    server = await serve()
    server.handle = lambda connection, stream, *_: asyncio.ensure_future(
        trickle(connection, stream, next(answers))
    )
    asker, link = await ask(server.port)
    asker.receiver.send(link, PREPARE, handle=1)
    await until(lambda: asker.answers)
    assert len(asker.answers[0][1]) == 42_240
    asker.receiver.send(link, PREPARE, handle=2)
    await until(lambda: asker.failures)
    assert asker.failures == [(2, Status.INVALID_ANSWER)]


async def trickle(connection, stream, body):
    connection.h2.send_headers(stream, [(":status", "200")])
    for at in range(0, len(body), 8_000):
        connection.h2.send_data(stream, body[at : at + 8_000], end_stream=at + 8_000 >= len(body))
        connection.flush()
        await asyncio.sleep(0)


async def test_a_refused_stream_is_a_failure_and_a_reset_one_is_in_doubt(serve, ask):
    codes = iter([7, 8, 2])  # REFUSED_STREAM, CANCEL, INTERNAL_ERROR
    server = await serve(lambda connection, stream, *_: connection.refuse(stream, next(codes)))
    asker, link = await ask(server.port)
    tokens = [asker.receiver.send(link, PREPARE, handle=handle) for handle in range(3)]
    await until(lambda: asker.counters["in_doubt"] == 2)
    assert asker.failures == [(0, Status.PEER_UNREACHABLE)]
    assert link.in_flight == 2
    finish_all(asker, link, tokens)
    assert link.in_flight == 0


async def test_a_lost_connection_leaves_sent_requests_in_doubt(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port)
    tokens = [asker.receiver.send(link, PREPARE) for _ in range(5)]
    await until(lambda: len(server.requests) == 5)
    server.connections[0].writer.transport.abort()
    await until(lambda: asker.counters["in_doubt"] == 5)
    assert asker.failures == [] and asker.answers == []
    finish_all(asker, link, tokens)
    await until(lambda: link.connections_usable == 1)
    server.handle = lambda connection, stream, *_: connection.answer(stream)
    asker.receiver.send(link, PREPARE)
    await until(lambda: asker.answers)


async def test_goaway_fails_what_it_excludes_and_moves_on(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port)
    tokens = [asker.receiver.send(link, PREPARE, handle=handle) for handle in range(4)]
    await until(lambda: len(server.requests) == 4)
    server.connections[0].goaway(last_stream=3)
    await until(lambda: asker.failures)
    assert sorted(asker.failures) == [(2, Status.PEER_UNREACHABLE), (3, Status.PEER_UNREACHABLE)]
    await until(lambda: link.connections_usable == 1)
    assert link.connections == 2
    server.connections[0].answer(1)
    server.connections[0].answer(3)
    await until(lambda: len(asker.answers) == 2)
    await until(lambda: link.connections == 1)
    server.handle = lambda connection, stream, *_: connection.answer(stream)
    asker.receiver.send(link, PREPARE, handle=9)
    await until(lambda: len(asker.answers) == 3)
    assert len(tokens) == 4 and len(server.connections) == 2


async def test_a_request_given_up_cancels_its_stream(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port)
    token = asker.receiver.send(link, PREPARE)
    await until(lambda: server.requests)
    asker.receiver.finish(link, token)
    assert link.in_flight == 0
    await until(lambda: server.cancelled)
    assert server.cancelled == [(1, 8)]
    asker.receiver.finish(link, token)
    assert link.in_flight == 0


async def test_an_answer_after_the_request_was_given_up_is_dropped(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port)
    token = asker.receiver.send(link, PREPARE)
    await until(lambda: server.requests)
    server.connections[0].answer(1)
    asker.receiver.finish(link, token)
    await until(lambda: asker.endpoint.core.streams_in_use == 0)
    assert asker.answers == []


async def test_cancels_stay_below_what_servers_forgive(serve, ask):
    """Six hundred requests expire at once: servers count resets, so most streams just wait."""
    server = await serve(lambda *_: None, streams=1000)
    asker, link = await ask(server.port)
    await until(lambda: link.room == 1000)
    tokens = [asker.receiver.send(link, PREPARE) for _ in range(600)]
    await until(lambda: len(server.requests) == 600)
    finish_all(asker, link, tokens)
    await asyncio.sleep(0.3)
    assert 100 <= len(server.cancelled) <= 110
    assert link.in_flight == 0 and link.room < 600
    connection = server.connections[0]
    gone = {stream for stream, _ in server.cancelled}
    for stream in range(1, 1200, 2):
        if stream not in gone:
            connection.answer(stream)
    await until(lambda: link.room == 1000)
    assert asker.endpoint.core.streams_in_use == 0


async def test_the_stream_limit_opens_further_connections(serve, ask):
    server = await serve(lambda *_: None, streams=10)
    asker, link = await ask(server.port, connections_max=3)
    tokens = []
    while len(tokens) < 30:
        await until(lambda: link.room > 0)
        tokens.append(asker.receiver.send(link, PREPARE))
    await until(lambda: len(server.requests) == 30)
    assert len(server.connections) == 3 and link.room == 0
    with pytest.raises(LinkDownError, match=str(int(Status.PEER_BUSY))):
        asker.receiver.send(link, PREPARE)
    for connection in server.connections:
        for stream in range(1, 21, 2):
            connection.answer(stream)
    await until(lambda: len(asker.answers) == 30)
    assert link.room == 30


async def test_room_never_exceeds_in_flight(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port, in_flight=2)
    tokens = [asker.receiver.send(link, PREPARE) for _ in range(2)]
    assert link.room == 0
    asker.receiver.finish(link, tokens[0])
    assert link.room == 1
    asker.receiver.finish(link, tokens[1])


async def test_a_lower_stream_limit_is_obeyed_at_once(serve, ask):
    server = await serve(lambda *_: None)
    asker, link = await ask(server.port, connections_max=1)
    connection = server.connections[0]
    connection.h2.update_settings({3: 1})
    connection.flush()
    await until(lambda: link.room == 1)
    token = asker.receiver.send(link, PREPARE)
    assert link.room == 0
    asker.receiver.finish(link, token)


async def test_nobody_listens(serve, ask):
    server = await serve()
    server.stop_listening()
    await server.close()
    asker, link = await ask(server.port, up=False)
    assert link.up and link.room == 100
    asker.receiver.send(link, PREPARE, handle=5)
    await until(lambda: asker.failures)
    assert asker.failures == [(5, Status.PEER_UNREACHABLE)]
    assert not link.up and link.room == 0
    with pytest.raises(LinkDownError, match=str(int(Status.PEER_UNREACHABLE))):
        asker.receiver.send(link, PREPARE)
    await server.listen(server.port)
    await until(lambda: link.up)
    asker.receiver.send(link, PREPARE, handle=6)
    await until(lambda: asker.answers)


async def test_requests_wait_for_a_first_connection(serve, ask):
    server = await serve()
    asker, link = await ask(server.port, up=False)
    for handle in range(100):
        asker.receiver.send(link, PREPARE, handle=handle)
    assert link.room == 0
    await until(lambda: len(asker.answers) == 100)
    assert [handle for handle, _ in asker.answers] == list(range(100))


async def test_a_request_can_be_given_up_while_it_waits(serve, ask):
    server = await serve()
    asker, link = await ask(server.port, up=False)
    token = asker.receiver.send(link, PREPARE)
    asker.receiver.finish(link, token)
    assert asker.pool.in_use == 0 and link.in_flight == 0
    await until(lambda: link.connections_usable == 1)
    assert server.requests == []


async def test_a_peer_that_never_speaks_http2_is_left(ask):
    async def hang(reader, writer):
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    asker, link = await ask(port, up=False, limits={"receive_timeout_ms": 300})
    asker.receiver.send(link, PREPARE, handle=4)
    await until(lambda: asker.failures)
    assert asker.failures == [(4, Status.PEER_UNREACHABLE)] and not link.up
    silent.close()


async def test_a_link_without_url_receives_only(node):
    server = node()
    link = server.link("alice", incoming_tokens=["alice-token"])
    assert not link.up and link.room == 0


async def test_our_two_sides_talk_through_a_drain(node):
    """The server announces its end twice; no request is lost or failed meanwhile."""
    server, asker = node(), node()
    server.link("us", incoming_tokens=["t0k"])
    await server.listen()
    await asker.endpoint.open()
    link = asker.link("bob", url=f"http://127.0.0.1:{server.port}/ilp", outgoing_token="t0k")
    server.answer = lambda packet: None
    for handle in range(50):
        asker.receiver.send(link, PREPARE, handle=handle)
    await until(lambda: len(server.owed) == 50)
    draining = asyncio.ensure_future(server.endpoint.drain(5))
    await asyncio.sleep(0.2)
    assert not draining.done() and asker.failures == []
    server.reply_owed()
    assert await draining is True
    await until(lambda: len(asker.answers) == 50)
    await until(lambda: not link.up)


async def test_a_removed_link_closes_its_connections(serve, ask):
    server = await serve()
    asker, link = await ask(server.port)
    await asker.endpoint.remove_link(link)
    await until(lambda: asker.counters["connections_open"] == 0)
    assert asker.endpoint.links == {} and not link.up and len(server.connections) == 1


def test_back_off_grows_to_ten_seconds_with_full_jitter():
    for failures, ceiling in ((1, 0.1), (2, 0.2), (5, 1.6), (8, 10.0), (1000, 10.0)):
        waits = [backoff_s(failures) for _ in range(300)]
        assert 0.5 * ceiling < max(waits) <= ceiling
        assert min(waits) < 0.2 * ceiling


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://h:1/ilp", (b"http", b"h:1", b"/ilp")),
        ("https://h", (b"https", b"h", b"/")),
        ("http://[::1]:80/a?b=c", (b"http", b"[::1]:80", b"/a?b=c")),
    ],
)
def test_urls(url, parts):
    assert split_url(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "http:///x",
        "http://u:p@h/",
        "http://h/#f",
        "http://h:x/",
        "http://h/ä",
        "h:1/ilp",
    ],
)
def test_urls_that_are_refused(url):
    with pytest.raises(EndpointError):
        split_url(url)


def test_addresses():
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert split_address("[::1]:0") == ("::1", 0)
    for address in ("80", ":80", "h:", "h:http", "h:65536"):
        with pytest.raises(EndpointError):
            split_address(address)


async def test_links_that_cannot_be_added(node):
    endpoint = node().endpoint
    endpoint.add_link("bob", incoming_tokens=["x"])
    with pytest.raises(EndpointError, match="already"):
        endpoint.add_link("bob")
    with pytest.raises(EndpointError, match="outgoing token"):
        endpoint.add_link("carol", url="http://h/ilp")
    with pytest.raises(ValueError, match="1 to 64"):
        endpoint.add_link("carol", url="http://h/ilp", outgoing_token="t", connections_max=65)
    with pytest.raises(EndpointError, match=r"cannot listen on 192\.0\.2\.1:1"):
        await endpoint.listen("192.0.2.1:1")
