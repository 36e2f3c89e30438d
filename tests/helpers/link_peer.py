"""A second implementation of the link protocol in plain Python, from docs/link-protocol.md alone.

Owns one socket, one session, and knobs for a bad network. It must not import the router: tests set
it against the compiled endpoint, and its mistakes must be its own.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

PAD, REQ, ANS, ACK, LOW, PING, PONG, CLOSE = range(8)
HEADER = 20
ID_MAX = 2**48 - 1
SPAN = 2**22


class MalformedError(ValueError):
    """Octets that are not a datagram of this protocol."""


class UnknownFrameError(ValueError):
    """A mandatory frame of a type that is reserved or new."""


@dataclass(frozen=True)
class Frame:
    """One frame: the fields of its type, the others None."""

    type: int
    id: int | None = None
    packet: bytes | None = None
    ranges: tuple[tuple[int, int], ...] | None = None
    time: int | None = None
    reason: int | None = None


def _length(size: int) -> bytes:
    if size < 2**6:
        return size.to_bytes(1, "big")
    if size < 2**14:
        return (size | 0x4000).to_bytes(2, "big")
    return (size | 0x8000_0000).to_bytes(4, "big")


def encode(frame: Frame) -> bytes:
    """The octets of a frame."""
    if frame.type == PAD:
        return b"\0"
    if frame.type in (REQ, ANS):
        assert frame.id is not None and frame.packet is not None
        body = frame.id.to_bytes(8, "big") + frame.packet
    elif frame.type == ACK:
        assert frame.ranges is not None
        body = b"".join(a.to_bytes(8, "big") + n.to_bytes(2, "big") for a, n in frame.ranges)
    elif frame.type == LOW:
        assert frame.id is not None
        body = frame.id.to_bytes(8, "big")
    elif frame.type in (PING, PONG):
        assert frame.time is not None
        body = frame.time.to_bytes(8, "big")
    else:
        assert frame.reason is not None
        body = bytes([frame.reason])
    return bytes([frame.type]) + _length(len(body)) + body


def datagram(sender: int, receiver: int, *frames: Frame | bytes) -> bytes:
    """A plain datagram of these frames; bytes are put in as they are."""
    body = b"".join(frame if isinstance(frame, bytes) else encode(frame) for frame in frames)
    return b"\1\0\0\0" + sender.to_bytes(8, "big") + receiver.to_bytes(8, "big") + body


def _id(octets: bytes) -> int:
    value = int.from_bytes(octets, "big")
    if len(octets) != 8 or not 1 <= value <= ID_MAX:
        raise MalformedError(f"not an id: {octets.hex()}")
    return value


def _body(kind: int, body: bytes) -> Frame:
    if kind in (REQ, ANS):
        if len(body) < 9:
            raise MalformedError("a packet frame without a packet")
        return Frame(kind, id=_id(body[:8]), packet=body[8:])
    if kind == ACK:
        if not body or len(body) % 10:
            raise MalformedError("an ACK of no whole number of ranges")
        ranges = [
            (_id(body[i : i + 8]), int.from_bytes(body[i + 8 : i + 10], "big"))
            for i in range(0, len(body), 10)
        ]
        if any(count == 0 for _, count in ranges):
            raise MalformedError("an ACK range of nothing")
        return Frame(kind, ranges=tuple(ranges))
    if kind == LOW:
        return Frame(kind, id=_id(body))
    if kind in (PING, PONG):
        if len(body) < 8:
            raise MalformedError("no time")
        return Frame(kind, time=int.from_bytes(body[:8], "big"))
    if kind == CLOSE:
        if not body:
            raise MalformedError("no reason")
        return Frame(kind, reason=body[0])
    raise UnknownFrameError(f"frame type {kind:#04x}")


def decode(octets: bytes) -> tuple[int, int, list[Frame]]:
    """(sender, receiver, frames) of a plain datagram, PAD and optional frames left out."""
    if len(octets) < HEADER or octets[0] != 1 or octets[1] != 0:
        raise MalformedError("no header")
    sender, receiver = (int.from_bytes(octets[i : i + 8], "big") for i in (4, 12))
    if sender == 0:
        raise MalformedError("session 0")
    return sender, receiver, decode_frames(octets[HEADER:])


def decode_frames(octets: bytes) -> list[Frame]:
    """The frames after the header."""
    frames: list[Frame] = []
    at = 0
    while at < len(octets):
        kind = octets[at]
        at += 1
        if kind == PAD:
            continue
        if at == len(octets) or octets[at] >> 6 == 3:
            raise MalformedError("no length")
        size = (1, 2, 4)[octets[at] >> 6]
        if at + size > len(octets):
            raise MalformedError("half a length")
        length = int.from_bytes(octets[at : at + size], "big") & ((1 << (8 * size - 2)) - 1)
        at += size
        if at + length > len(octets):
            raise MalformedError("a frame past the end")
        body = octets[at : at + length]
        at += length
        if kind < 0x80:
            frames.append(_body(kind, body))
    if sum(n for frame in frames if frame.ranges for _, n in frame.ranges) > 4096:
        raise MalformedError("too many ids acknowledged")
    return frames


@dataclass
class Network:
    """What happens to datagrams on their way out, by chance; each is a probability."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(1))


@dataclass
class Open:
    """A request of ours without a final outcome."""

    packet: bytes
    future: asyncio.Future[bytes]
    sent_to: int = 0
    sent_at: float = 0.0
    timeout: float = 0.1


class LinkPeer(asyncio.DatagramProtocol):
    """One side of a link: `await start()`, then `request(packet)`.

    handler    gets the other side's requests: packet -> answer, or None (later: `answer`)
    network    applied to what we send; `incoming` to what we receive
    finish     when False, answers are not acknowledged and LOW does not move
    """

    def __init__(
        self,
        remote: tuple[str, int],
        handler: Callable[[bytes], bytes | None] | None = None,
        *,
        network: Network | None = None,
        incoming: Network | None = None,
        payload_size: int = 1200,
    ) -> None:
        self.remote = remote
        self.handler = handler
        self.network = network or Network()
        self.incoming = incoming or Network()
        self.payload_size = payload_size
        self.port = 0  # what to bind; 0: the kernel chooses
        self.finish = True
        self.counts: Counter[str] = Counter()
        self.log: list[Frame] = []  # every frame that was used, in order
        self._late: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.restart()

    # --- life

    async def start(self) -> None:
        """Bind to loopback and greet."""
        loop = asyncio.get_running_loop()
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", self.port))
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=bound)
        self._on_timer()

    @property
    def address(self) -> str:
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def restart(self) -> None:
        """Forget everything, as a crash does, and come back as a new session."""
        self.session = secrets.randbits(64) | 1
        self.peer = 0
        self.closed = 0
        self.ping = 0
        self.next_id = 1
        self.low = 1
        self.open: dict[int, Open] = {}
        self.acked: set[int] = set()
        self._forget_peer()

    def _forget_peer(self) -> None:
        self.peer_low = 1
        self.seen: dict[int, bytes] = {}
        self.answers: dict[int, bytes] = {}
        self.unacked: dict[int, tuple[float, float]] = {}  # id -> (sent at, time-out)
        self.forgotten: set[int] = set()

    async def stop(self, *, close: bool = True) -> None:
        """Say CLOSE (or just vanish) and release the socket."""
        if close and self.peer:
            self.send(Frame(CLOSE, reason=0))
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None:
            self.transport.close()
        for request in self.open.values():
            request.future.cancel()
        await asyncio.sleep(0)

    # --- sending

    def send_raw(self, octets: bytes) -> None:
        """Hand octets to the network, which may treat them badly."""
        assert self.transport is not None
        net = self.network
        copies = 2 if net.random.random() < net.duplicate else 1
        for _ in range(copies):
            if net.random.random() < net.loss:
                continue
            if net.random.random() < net.reorder:
                self._late.append(octets)
                continue
            self.transport.sendto(octets, self.remote)
        if self._late and net.random.random() < 0.5:
            self.transport.sendto(self._late.pop(0), self.remote)

    def send(self, *frames: Frame, receiver: int | None = None) -> None:
        """Frames to the peer's session, in as few datagrams as they fit."""
        to = self.peer if receiver is None else receiver
        batch: list[bytes] = []
        for octets in map(encode, frames):
            if batch and HEADER + sum(map(len, batch)) + len(octets) > self.payload_size:
                self.send_raw(datagram(self.session, to, *batch))
                batch = []
            batch.append(octets)
        if batch:
            self.send_raw(datagram(self.session, to, *batch))

    def request(self, packet: bytes) -> asyncio.Future[bytes]:
        """Send a Prepare; the future gets the answer."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.open[self.next_id] = Open(packet, future)
        self._send_requests(self.next_id)
        self.next_id += 1
        return future

    def _send_requests(self, *numbers: int) -> None:
        """Send what is due of these requests, or of all that are open."""
        if not self.peer:
            return
        now = time.monotonic()
        for number in numbers or self.open:
            request = self.open[number]
            if request.sent_to not in (0, self.peer) or request.future.done():
                continue
            if request.sent_to and now - request.sent_at < request.timeout:
                continue
            if request.sent_to:
                self.counts["requests_resent"] += 1
                request.timeout *= 2
            request.sent_to = self.peer
            request.sent_at = now
            self.send(Frame(LOW, id=self.low), Frame(REQ, id=number, packet=request.packet))

    def answer(self, number: int, packet: bytes) -> None:
        """Answer a request of the peer's present session."""
        if number < self.peer_low or number in self.answers:
            return
        self.answers[number] = packet
        self._send_answer(number, 0.1)

    def _send_answer(self, number: int, timeout: float) -> None:
        self.unacked[number] = (time.monotonic(), timeout)
        self.send(Frame(ANS, id=number, packet=self.answers[number]))

    def _greet(self, receiver: int, *first: Frame) -> None:
        if not self.ping:
            self.ping = secrets.randbits(64) | 1
        self.send(*first, Frame(PING, time=self.ping), receiver=receiver)

    def _on_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(0.01, self._on_timer)
        self.counts["ticks"] += 1
        if not self.peer:
            if self.counts["ticks"] % 5 == 1:
                self._greet(0)
            return
        if self.counts["ticks"] % 100 == 0:
            self._greet(self.peer)
        self._send_requests()
        now = time.monotonic()
        for number, (sent, timeout) in list(self.unacked.items()):
            if now - sent >= timeout:
                self.counts["answers_resent"] += 1
                self._send_answer(number, timeout * 2)

    # --- receiving

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        net = self.incoming
        if address != self.remote:
            self.counts["unknown_sender"] += 1
            return
        if net.random.random() < net.loss:
            return
        for _ in range(2 if net.random.random() < net.duplicate else 1):
            self._take(data)

    def _take(self, data: bytes) -> None:
        self.counts["datagrams"] += 1
        try:
            sender, receiver, frames = decode(data)
        except MalformedError:
            self.counts["malformed"] += 1
            return
        except UnknownFrameError:
            self.counts["unknown_frame"] += 1
            return
        if sender == self.closed or receiver not in (0, self.session):
            self.counts["stale"] += 1
            return
        if sender != self.peer or receiver == 0:
            pings = [Frame(PONG, time=f.time) for f in frames if f.type == PING]
            fresh = any(f.type == PONG and self.ping and f.time == self.ping for f in frames)
            if not (fresh and receiver == self.session):
                self.counts["not_yet"] += 1
                self._greet(sender, *pings[-1:])
                return
            self._forget_peer()
            self.peer = sender
            self.counts["sessions"] += 1
            self._send_requests()
        for frame in frames:
            self.log.append(frame)
            self._use(frame)

    def _use(self, frame: Frame) -> None:
        if frame.type == REQ:
            self._on_request(frame)
        elif frame.type == ANS:
            self._on_answer(frame)
        elif frame.type == ACK:
            for first, count in frame.ranges or ():
                for number in range(first, first + count):
                    if self.unacked.pop(number, None) is not None:
                        self.forgotten.add(number)
                        self.seen.pop(number)
        elif frame.type == LOW:
            self._on_low(frame.id or 0)
        elif frame.type == PING:
            self.send(Frame(PONG, time=frame.time))
        elif frame.type == PONG:
            if frame.time == self.ping:
                self.ping = 0
        elif frame.type == CLOSE:
            self.closed, self.peer = self.peer, 0
            self._forget_peer()

    def _on_low(self, low: int) -> None:
        if low <= self.peer_low:
            return
        self.peer_low = low
        for table in (self.seen, self.answers, self.unacked):
            for number in [n for n in table if n < low]:
                del table[number]  # type: ignore[attr-defined]
        self.forgotten = {n for n in self.forgotten if n >= low}

    def _on_request(self, frame: Frame) -> None:
        number, packet = frame.id or 0, frame.packet or b""
        if number < self.peer_low or number >= self.peer_low + SPAN or number in self.forgotten:
            self.counts["requests_refused"] += 1
        elif number not in self.seen:
            self.seen[number] = packet
            self.counts["requests"] += 1
            reply = self.handler(packet) if self.handler else None
            if reply is not None:
                self.answer(number, reply)
        elif self.seen[number] != packet:
            self.counts["requests_mutated"] += 1
        else:
            self.counts["requests_duplicate"] += 1
            if number in self.answers:
                self._send_answer(number, 0.1)

    def _on_answer(self, frame: Frame) -> None:
        number, packet = frame.id or 0, frame.packet or b""
        request = self.open.get(number)
        if request is None:
            self.counts["answers_again"] += 1
            if number in self.acked:
                self.send(Frame(ACK, ranges=((number, 1),)), Frame(LOW, id=self.low))
            return
        if request.sent_to != self.peer or request.future.done():
            self.counts["answers_refused"] += 1
            return
        self.counts["answers"] += 1
        request.future.set_result(packet)
        if self.finish:
            self.finished(number)

    def finished(self, number: int) -> None:
        """The outcome of a request is final: acknowledge its answer."""
        del self.open[number]
        self.acked.add(number)
        self.low = min(self.open, default=self.next_id)
        self.send(Frame(ACK, ranges=((number, 1),)), Frame(LOW, id=self.low))
