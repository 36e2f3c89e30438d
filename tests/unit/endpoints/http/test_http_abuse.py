"""Hostile HTTP/2 clients (threats H1 to H7): each is cut, and an honest peer is still served."""

import asyncio
import random
import resource

import pytest
from h2.settings import SettingCodes

from tests.helpers.http_peer import FULFILL, PREPARE, until

CALM = 0xB  # ENHANCE_YOUR_CALM


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


PING = frame(6, payload=bytes(8))
SETTINGS = frame(4)
WINDOW_UPDATE = frame(8, payload=(1).to_bytes(4))
UNKNOWN = frame(0xBE, payload=b"x")


async def flood(peer, chunk, chunks=2_000):
    """Write until the server has had enough; returns (GOAWAY code, seconds it took)."""
    began = asyncio.get_running_loop().time()

    async def write():
        for _ in range(chunks):
            peer.raw(chunk)
            await peer.writer.drain()
            await asyncio.sleep(0)

    writing = asyncio.ensure_future(write())
    code = await peer.until_closed(10)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    return code, asyncio.get_running_loop().time() - began


@pytest.fixture
async def honest(alice, connect):
    """A peer that must not notice anything."""
    peer = await connect(alice.port)
    assert (await peer.ask())[0] == 200
    yield peer
    assert (await peer.ask())[0] == 200


@pytest.mark.parametrize(
    "chunk",
    [PING * 500, SETTINGS * 500, WINDOW_UPDATE * 500, UNKNOWN * 500, PING * 20],
    ids=["ping", "settings", "window-update", "unknown", "ping-in-small-writes"],
)
async def test_h3_frames_without_work(alice, honest, connect, chunk):
    code, seconds = await flood(await connect(alice.port), chunk)
    assert seconds < 1 and alice.counters["floods"] == 1
    assert code in (CALM, None)


async def test_h3_priority_flood(alice, honest, connect):
    chunk = b"".join(frame(2, stream=1, payload=bytes(4) + b"\x10") for _ in range(500))
    code, seconds = await flood(await connect(alice.port), chunk)
    assert (code, alice.counters["floods"]) == (CALM, 1) and seconds < 1


@pytest.mark.parametrize(
    "data",
    [frame(0, stream=1), frame(0, 8, 1, b"\x05" + bytes(5)), frame(0, stream=1, payload=b"x")],
)
async def test_h3_data_in_crumbs(alice, honest, connect, data):
    """Empty, padding-only and one-byte DATA frames."""
    peer = await connect(alice.port)
    peer.request(end=False)
    code, seconds = await flood(peer, data * 100)
    assert (code, alice.counters["floods"]) == (CALM, 1) and seconds < 1
    assert len(alice.asked) == 1


async def test_h3_continuation_flood(alice, honest, connect):
    peer = await connect(alice.port)
    peer.raw(frame(1, 0, 1, b"\x83\x86\x84"))
    _, seconds = await flood(peer, frame(9, 0, 1, b"\x0f\x2b\x01a") * 50)
    assert seconds < 1 and peer.closed and alice.counters["refused_431"] == 0


async def test_h3_hpack_bomb(alice, honest, connect):
    """One 3 900-byte value in the dynamic table, then a thousand one-byte references to it."""
    peer = await connect(alice.port)
    literal = b"\x40\x01x\x7f\xbd\x1d" + b"v" * 3900
    peer.raw(frame(1, 0, 1, b"\x83\x86\x84" + literal + b"\xbe" * 1000))
    began = asyncio.get_running_loop().time()
    assert await peer.until_closed() == CALM
    assert asyncio.get_running_loop().time() - began < 1
    assert alice.counters["floods"] == 1


async def test_h1_rapid_reset(alice, honest, connect):
    peer = await connect(alice.port)
    alice.answer = lambda packet: None
    began = asyncio.get_running_loop().time()
    sent = 0
    while not peer.writer.is_closing() and sent < 3_000 and not alice.counters["floods"]:
        stream = peer.request()
        peer.h2.reset_stream(stream, 8)
        peer.flush()
        sent += 1
        await asyncio.sleep(0)
    assert await peer.until_closed() == CALM
    assert asyncio.get_running_loop().time() - began < 2
    assert 200 <= sent < 3_000
    assert alice.counters["abandoned"] >= 200
    alice.answer = lambda packet: FULFILL
    alice.reply_owed()


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        (
            "window-overflow",
            lambda stream: frame(8, stream=stream, payload=(0x7FFF_FFFF).to_bytes(4)),
        ),
        ("zero-increment", lambda stream: frame(8, stream=stream, payload=bytes(4))),
        ("data-after-end", lambda stream: frame(0, stream=stream, payload=b"x")),
        ("wrong-length", lambda stream: frame(3, stream=stream, payload=b"x")),
    ],
)
async def test_h2_made_you_reset(alice, honest, connect, name, bad):
    """Streams we reset because of the peer's errors are paid for by the peer."""
    peer = await connect(alice.port)
    alice.answer = lambda packet: None
    for _ in range(600):
        if peer.writer.is_closing() or alice.counters["connections_open"] == 1:
            break
        peer.raw(bad(peer.request()))
        await asyncio.sleep(0)
    await peer.until_closed()
    assert alice.counters["connections_open"] == 1
    assert len(alice.asked) <= 402
    alice.answer = lambda packet: FULFILL
    alice.reply_owed()


async def test_h7_token_guessing_ends_the_connection(alice, honest, connect):
    peer = await connect(alice.port)
    guesses = 0
    try:
        while guesses < 1_000:
            assert (await peer.ask(token=f"guess-{guesses}"))[0] == 401
            guesses += 1
    except (AssertionError, ConnectionError):
        pass
    assert 190 <= guesses <= 260 and alice.counters["floods"] == 1


async def test_streams_before_a_token_are_few(alice, connect):
    peer = await connect(alice.port)
    for _ in range(100):
        peer.h2.send_headers(
            peer.h2.get_next_available_stream_id(),
            [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/ilp")],
        )
    peer.flush()
    while len(peer.status) < 100:
        await peer.read()
    assert set(peer.status.values()) == {401}


async def test_h5_a_peer_that_takes_no_answer_is_cut(node, connect):
    server = node(drain_timeout_ms=300)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    peer = await connect(server.port, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    peer.request()
    began = asyncio.get_running_loop().time()
    await peer.until_closed()
    assert 0.25 < asyncio.get_running_loop().time() - began < 2
    assert len(server.asked) == 1 and server.counters["timeouts"] == 1


async def test_h5_a_peer_that_reads_nothing_is_cut(node, connect):
    """Twelve megabytes of answers fit no socket buffer: the connection stalls and is cut."""
    server = node(drain_timeout_ms=300)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    server.answer = lambda packet: b"\x0d" * 40_000
    peer = await connect(server.port, settings={SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    peer.h2.increment_flow_control_window(2**31 - 1 - 65_535)
    assert (await peer.ask())[0] == 200
    await peer.ask()
    peer.writer.transport.pause_reading()
    for _ in range(300):
        peer.request(b"x")
        await asyncio.sleep(0)
    await until(lambda: server.counters["connections_open"] == 0)
    assert server.counters["timeouts"] == 1
    peer.writer.transport.abort()


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"PR",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS + frame(1, 0, 1, b"\x83\x86\x84"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS + b"\x00\x00",
    ],
    ids=["nothing", "two-bytes", "half-a-preface", "half-a-head", "half-a-frame"],
)
async def test_h4_slow_openings_are_cut(node, opening):
    server = node(receive_timeout_ms=200, anonymous_timeout_ms=400)
    await server.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(opening)
    began = asyncio.get_running_loop().time()
    await asyncio.wait_for(reader.read(), 3)
    assert server.counters["timeouts"] == 1
    assert asyncio.get_running_loop().time() - began < 1.2
    writer.close()


async def test_h4_a_body_in_drips_is_cut(node, connect):
    server = node(receive_timeout_ms=300)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    peer = await connect(server.port)
    stream = peer.request(b"x", end=False)
    for _ in range(20):
        if peer.writer.is_closing() or server.counters["timeouts"]:
            break
        peer.h2.send_data(stream, b"x")
        peer.flush()
        await asyncio.sleep(0.05)
    await peer.until_closed()
    assert server.counters["timeouts"] == 1 and server.asked == []


async def test_h4_an_authenticated_idle_connection_stays(node, connect):
    server = node(receive_timeout_ms=200, anonymous_timeout_ms=200, drain_timeout_ms=200)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    peer = await connect(server.port)
    await peer.ask()
    await asyncio.sleep(0.8)
    assert (await peer.ask())[0] == 200


async def test_a_waiting_answer_is_not_a_slow_peer(node, connect):
    """The receiver may hold a packet for 30 s; that is no fault of the peer."""
    server = node(receive_timeout_ms=200, anonymous_timeout_ms=200, drain_timeout_ms=200)
    server.link("alice", incoming_tokens=["alice-token"])
    await server.listen()
    server.answer = lambda packet: None
    peer = await connect(server.port)
    stream = peer.request()
    await asyncio.sleep(0.8)
    server.reply_owed()
    assert (await peer.response(stream))[2] == FULFILL


async def test_connections_per_source_and_in_all(node):
    server = node(connections_per_source_max=3, connections_max=5)
    await server.listen()
    opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    assert await asyncio.wait_for(opened[3][0].read(), 2) == b""
    await until(lambda: server.counters["connections_open"] == 3)
    other = [
        await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
        for _ in range(3)
    ]
    assert await asyncio.wait_for(other[2][0].read(), 2) == b""
    assert server.counters["connections_refused"] == 2
    opened[0][1].close()
    await until(lambda: server.counters["connections_open"] == 4)
    again = await asyncio.open_connection("127.0.0.1", server.port)
    await until(lambda: server.counters["connections_open"] == 5)
    for _, writer in [*opened, *other, again]:
        writer.close()


async def test_h4_an_idle_connection_costs_little_memory(node):
    server = node(connections_per_source_max=1000)
    await server.listen()
    opened = []

    async def open_some(count):
        for _ in range(count):
            opened.append(await asyncio.open_connection("127.0.0.1", server.port))
            opened[-1][1].write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS)
        await until(lambda: server.counters["connections_open"] == len(opened))
        await asyncio.sleep(0.1)

    await open_some(100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await open_some(300)
    each = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 300
    for _, writer in opened:
        writer.close()
    # Both ends live in this process: the client's streams cost about as much again as ours.
    assert each < 60, f"{each:.0f} KiB per connection"


async def test_fields_too_many_for_the_list_are_431_and_cost_nothing_else(alice, honest, connect):
    peer = await connect(alice.port)
    for _ in range(5):
        headers = {f"x-{number}": "v" * 100 for number in range(80)}
        assert (await peer.ask(headers=headers))[0] == 431
    assert len(alice.asked) == 1


async def test_random_bytes_after_the_preface(alice, honest, connect):
    chance = random.Random(7)
    for _ in range(100):
        peer = await connect(alice.port)
        peer.raw(chance.randbytes(chance.randrange(1, 400)) + bytes(600))
        await peer.until_closed()
    assert alice.counters["connections_open"] == 1


async def test_damaged_streams_of_frames(alice, honest, connect):
    """A valid conversation with one bit changed: answered, cut, or waiting; never a leak."""
    chance = random.Random(11)
    for _ in range(200):
        peer = await connect(alice.port)
        writer, peer.writer = peer.writer, Recorder()
        for _ in range(3):
            peer.request(PREPARE)
        data = bytearray(peer.writer.data)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        peer.writer = writer
        writer.write(bytes(data))
        await asyncio.sleep(0.002)
        await peer.close()
    await until(lambda: alice.counters["connections_open"] == 1)


class Recorder:
    def __init__(self):
        self.data = b""

    def is_closing(self):
        return False

    def write(self, data):
        self.data += data
