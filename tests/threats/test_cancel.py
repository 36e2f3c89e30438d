"""Threats M3, M6, M7, M8 and H5 over HTTP: a request lives on without its stream, and can be asked
for again by its Request-Id.
"""

import asyncio
import uuid

import pytest
from h2.settings import SettingCodes

from ilprouter.core.packet import Fulfill, parse
from tests.helpers.http_peer import until
from tests.helpers.packets import fulfill, prepare

TOKEN = "alice-token"


def named(name=None):
    return {"request-id": name or str(uuid.uuid4())}


@pytest.fixture
async def held(start):
    """alice over HTTP, bob over UDP; bob answers when told, by `pay`."""
    world = start.new().http("alice").udp("bob", prefix="g.bob")
    await start(world)
    bob = world.links["bob"]

    def pay(data=b""):
        for number in list(bob.seen):
            bob.answer(number, fulfill(data))

    world.pay = pay
    return world


async def forwarded(world, count):
    await until(lambda: world.links["bob"].counts["requests"] == count, 20)


async def charged(world, amount):
    """Both books say so, exactly, at rest."""
    await world.books()
    assert (await world.account("alice"))["fulfilled_in"] == amount
    assert (await world.account("alice"))["hold_in"] == 0
    assert (await world.account("bob"))["fulfilled_out"] == amount
    assert world.router.transports.http.core.streams_in_use == 0


@pytest.mark.parametrize("how", ["reset", "close", "stop reading"])
async def test_m03_cancelling_after_forwarding_saves_nothing(held, how):
    """Cancel theft: U resets, closes or stops reading; a timely Fulfill credits D and charges U."""
    count = 1_000
    client = await held.connect()
    await client.ask(prepare("g.nowhere.x", 1), token=TOKEN)
    while client.h2.remote_settings.max_concurrent_streams < count:
        await client.read()
    for amount in range(1, count + 1):
        client.request(prepare(amount=amount), token=TOKEN)
    await forwarded(held, count)
    if how == "reset":
        for stream in range(3, 2 * count + 3, 2):
            client.h2.reset_stream(stream, 8)
        client.flush()
    elif how == "close":
        client.writer.transport.abort()
    else:
        client.writer.transport.pause_reading()
    await asyncio.sleep(0.1)
    held.pay()
    await held.books()
    client.writer.transport.abort()
    await until(lambda: held.router.transports.http.core.streams_in_use == 0)
    await charged(held, count * (count + 1) // 2)


async def test_m03_the_answer_to_a_reset_stream_can_be_fetched(held):
    """Cancel theft: the response stays retrievable by Request-Id, on any connection of the peer."""
    packet, headers = prepare(amount=1000), named()
    client = await held.connect()
    stream = client.request(packet, token=TOKEN, headers=headers)
    await forwarded(held, 1)
    client.h2.reset_stream(stream, 8)
    client.flush()
    held.pay(b"the proof")
    await held.books()
    await client.close()
    other = await held.connect()
    for _ in range(3):
        status, _, body = await other.ask(packet, token=TOKEN, headers=headers)
        assert (status, body) == (200, fulfill(b"the proof"))
    await forwarded(held, 1)
    await charged(held, 1000)


async def test_m03_a_repeated_request_attaches_to_the_running_packet(held):
    """Cancel theft: a POST with the same Request-Id waits for the packet that is on its way."""
    packet, headers = prepare(amount=1000), named()
    first = await held.connect()
    first.request(packet, token=TOKEN, headers=headers)
    await forwarded(held, 1)
    first.writer.transport.abort()
    second, third = await held.connect(), await held.connect()
    waiting = second.request(packet, token=TOKEN, headers=headers)
    gone = third.request(packet, token=TOKEN, headers=headers)
    await until(lambda: held.router.transports.http.counters()["repeated"] == 2)
    third.h2.reset_stream(gone, 8)
    third.flush()
    await until(lambda: held.router.transports.http.counters()["abandoned"] == 2)
    held.pay()
    assert (await second.response(waiting))[2] == fulfill()
    await forwarded(held, 1)
    await charged(held, 1000)


async def test_m06_a_hundred_duplicates_in_flight_are_forwarded_once(held):
    """Duplicate request id, same bytes, in flight: absorbed; one forward, one charge."""
    packet, headers = prepare(amount=1000), named()
    client = await held.connect()
    streams = [client.request(packet, token=TOKEN, headers=headers) for _ in range(100)]
    await until(lambda: held.router.transports.http.counters()["repeated"] == 99)
    await forwarded(held, 1)
    held.pay(b"once")
    for stream in streams:
        assert (await client.response(stream))[2] == fulfill(b"once")
    await charged(held, 1000)


async def test_m07_a_known_request_id_with_other_bytes_is_400(held):
    """Same id, different bytes: HTTP 400, never forwarded, the first one unaffected."""
    headers = named()
    client = await held.connect()
    stream = client.request(prepare(amount=1000), token=TOKEN, headers=headers)
    await forwarded(held, 1)
    for amount in (1, 999, 1001, 10**9):
        answer = await client.ask(prepare(amount=amount), token=TOKEN, headers=headers)
        assert (answer[0], answer[2]) == (400, b"")
    held.pay()
    assert (await client.response(stream))[2] == fulfill()
    assert (await client.ask(prepare(amount=7), token=TOKEN, headers=headers))[0] == 400
    assert held.router.transports.http.counters()["mutated"] == 5
    await forwarded(held, 1)
    await charged(held, 1000)


async def test_m08_a_duplicate_after_the_answer_gets_the_same_bytes(held):
    """Duplicate after the answer: byte-identical cached answer, no forward, books unchanged."""
    client = await held.connect()
    kept = []
    for destination in ("g.bob.x", "g.nowhere.x"):
        packet, headers = prepare(destination, 1000), named()
        stream = client.request(packet, token=TOKEN, headers=headers)
        if destination == "g.bob.x":
            await forwarded(held, 1)
            held.pay(b"x" * 30_000)
        kept.append((packet, headers, (await client.response(stream))[2]))
    before = await held.books()
    await asyncio.sleep(1)
    for packet, headers, body in kept:
        status, _, again = await client.ask(packet, token=TOKEN, headers=headers)
        assert (status, again) == (200, body)
    assert await held.books() == before
    await forwarded(held, 1)


async def test_m08_a_request_id_belongs_to_the_peer_who_chose_it(start):
    """Duplicate after the answer: another peer's Request-Id is not ours to read."""
    world = start.new().http("alice").http("carol")
    world.udp("bob", lambda packet: fulfill(), prefix="g.bob")
    await start(world)
    client = await world.connect()
    packet, headers = prepare(amount=1000), named()
    for token in ("alice-token", "carol-token"):
        assert (await client.ask(packet, token=token, headers=headers))[2] == fulfill()
    assert world.links["bob"].counts["requests"] == 2
    await world.books()
    assert (await world.account("carol"))["fulfilled_in"] == 1000


@pytest.mark.parametrize("value", ["", "x" * 129], ids=["empty", "endless"])
async def test_m07_a_request_id_that_names_nothing_is_400(held, value):
    """Same id, different bytes: a name that cannot be remembered is refused, not ignored."""
    client = await held.connect()
    answer = await client.ask(prepare(), token=TOKEN, headers={"request-id": value})
    assert answer[0] == 400
    await held.books()
    assert held.links["bob"].counts["requests"] == 0


async def test_m06_over_http1(held):
    """Duplicate request id, same bytes: HTTP/1.1 absorbs and answers like HTTP/2."""
    packet = prepare(amount=1000)
    head = (
        f"POST /ilp HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        f"content-type: application/octet-stream\r\nrequest-id: one\r\n"
        f"content-length: {len(packet)}\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", held.http_port)
    writer.write((head + packet) * 3)
    await until(lambda: held.router.transports.http.counters()["repeated"] == 2)
    await forwarded(held, 1)
    held.pay()
    for _ in range(3):
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert isinstance(parse(await reader.readexactly(len(fulfill()))), Fulfill)
    writer.write(head + packet[:-1] + b"!")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
    writer.close()
    await forwarded(held, 1)
    await charged(held, 1000)


async def test_h05_a_peer_that_takes_no_answer_is_cut_and_charged(start):
    """Zero window: cut after the drain time; the charge stands and the answer can be fetched."""
    world = start.new(sections="[http]\ndrain_timeout_ms = 300").http("alice")
    await start(world.udp("bob", lambda packet: fulfill(b"paid"), prefix="g.bob"))
    packet, headers = prepare(amount=1000), named()
    client = await world.connect(settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.request(packet, token=TOKEN, headers=headers)
    await client.until_closed()
    await charged(world, 1000)
    other = await world.connect()
    answer = await other.ask(packet, token=TOKEN, headers=headers)
    assert (answer[0], answer[2]) == (200, fulfill(b"paid"))
    await charged(world, 1000)


async def test_kept_answers_are_bounded_and_the_oldest_go_first(start):
    """Memory for Request-Ids: no more than configured, whatever a peer names."""
    sections = "[http]\nanswers_kept_max = 10\nanswers_kept_bytes_max = 40000"
    world = start.new(sections=sections).http("alice")
    await start(world.udp("bob", lambda packet: fulfill(), prefix="g.bob"))
    core = world.router.transports.http.core
    client = await world.connect()
    requests = [(prepare(amount=amount), named()) for amount in range(1, 41)]
    for packet, headers in requests:
        assert (await client.ask(packet, token=TOKEN, headers=headers))[0] == 200
        assert core.answers_kept <= 10
    packet, headers = requests[-1]
    assert (await client.ask(packet, token=TOKEN, headers=headers))[2] == fulfill()
    assert world.links["bob"].counts["requests"] == 40


async def test_requests_that_cannot_be_remembered_are_refused_before_they_are_sent(start):
    """Memory for Request-Ids: when all of them still run, 503, and nothing was forwarded."""
    world = start.new(sections="[http]\nanswers_kept_max = 3").http("alice")
    await start(world.udp("bob", prefix="g.bob"))
    bob = world.links["bob"]
    client = await world.connect()
    streams = [client.request(prepare(amount=n), token=TOKEN, headers=named()) for n in (1, 2, 4)]
    await forwarded(world, 3)
    assert (await client.ask(prepare(amount=8), token=TOKEN, headers=named()))[0] == 503
    for number in list(bob.seen):
        bob.answer(number, fulfill())
    for stream in streams:
        assert (await client.response(stream))[2] == fulfill()
    bob.handler = lambda packet: fulfill()
    assert (await client.ask(prepare(amount=8), token=TOKEN, headers=named()))[0] == 200
    await charged(world, 15)


async def test_kept_answers_are_forgotten_in_time(start):
    """Memory for Request-Ids: after answers_kept_ms the name means nothing any more."""
    world = start.new(sections="[http]\nanswers_kept_ms = 200").http("alice")
    await start(world.udp("bob", lambda packet: fulfill(), prefix="g.bob"))
    client = await world.connect()
    packet, headers = prepare(amount=1), named()
    await client.ask(packet, token=TOKEN, headers=headers)
    await asyncio.sleep(0.4)
    await client.ask(packet, token=TOKEN, headers=headers)
    assert world.links["bob"].counts["requests"] == 2


@pytest.mark.parametrize(
    ("tokens", "status"), [(["another-token"], b"401"), (["another-token", TOKEN], b"200")]
)
async def test_h08_tokens_that_change_while_a_head_is_half_read(held, tokens, status):
    """Revoked token on open sessions: the head is judged by the tokens in force when it ends."""
    http = held.router.transports.http
    packet = prepare(amount=1000)
    head = (
        f"POST /ilp HTTP/1.1\r\nhost: x\r\ncontent-length: {len(packet)}\r\n"
        f"content-type: application/octet-stream\r\nx-padding: {'x' * 200}\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", held.http_port)
    writer.write(head)
    await until(lambda: len(http.core.connections) == 1)
    await asyncio.sleep(0.05)
    http.set_tokens(http.links["alice"], tokens)
    held.links["bob"].handler = lambda packet: fulfill()
    writer.write(f"authorization: Bearer {TOKEN}\r\n\r\n".encode() + packet)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status)
    writer.close()
    assert held.links["bob"].counts["requests"] == (status == b"200")
