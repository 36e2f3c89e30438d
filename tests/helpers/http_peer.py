"""Our HTTP endpoint with a recording receiver, and an independent HTTP/2 peer on python-h2.

Owns sockets on the loopback interface only; must not decide what is correct.
"""

import asyncio

import h2.config
import h2.connection
import h2.events
import h2.settings

from ilprouter.core.bridge import PythonReceiver
from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.http import HttpEndpoint, HttpLimits

PREPARE = b"\x0c" + b"p" * 199
TOKEN = "alice-token"
FULFILL = b"\x0d" + b"f" * 49


async def until(condition, timeout_s=5.0):
    """Wait until `condition()` is true; fail after `timeout_s`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


class Node:
    """Our endpoint, answering each Prepare with `answer(packet)`; None: not now (see `owed`)."""

    def __init__(self, **limits):
        self.round, self.pool = Round(), Pool(8192, 512)
        self.endpoint = HttpEndpoint(self.round, self.pool, limits=HttpLimits(**limits))
        self.receiver = PythonReceiver(
            self.round,
            self.pool,
            on_prepare=self._on_prepare,
            on_answer=lambda link, handle, packet: self.answers.append((handle, packet)),
            on_failure=lambda link, handle, status: self.failures.append((handle, status)),
        )
        self.asked, self.owed, self.answers, self.failures = [], [], [], []
        self.answer = lambda packet: FULFILL
        self.port = None

    def _on_prepare(self, link, token, packet):
        self.asked.append((link.name, packet))
        answer = self.answer(packet)
        if answer is None:
            self.owed.append((link, token))
        else:
            self.receiver.reply(link, token, answer)

    def link(self, name, **options):
        link = self.endpoint.add_link(name, **options)
        self.receiver.add(link)
        return link

    async def listen(self, ssl_context=None):
        _, self.port = await self.endpoint.listen("127.0.0.1:0", ssl_context)
        return self

    def reply_owed(self, packet=FULFILL):
        owed, self.owed = self.owed, []
        for link, token in owed:
            self.receiver.reply(link, token, packet)

    @property
    def counters(self):
        return self.endpoint.counters()

    async def close(self):
        await self.endpoint.close()
        self.reply_owed()

    def assert_empty(self):
        assert self.pool.in_use == 0
        for link in self.endpoint.links.values():
            assert link.in_flight == 0
        assert self.endpoint.core.streams_in_use == 0
        assert self.endpoint.core.connections == set()


class Http2Peer:
    """A client on python-h2, which shares no code with ours. `raw` writes frames made by hand."""

    def __init__(self, reader, writer, config=None):
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(
            config or h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self.status, self.headers, self.bodies = {}, {}, {}
        self.ended, self.resets = set(), {}
        self.goaway = None
        self.closed = False

    @classmethod
    async def connect(cls, port, ssl=None, settings=None):
        options = {"server_hostname": "localhost"} if ssl else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl, **options)
        self = cls(reader, writer)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()
        return self

    def flush(self):
        data = self.h2.data_to_send()
        if data and not self.writer.is_closing():
            self.writer.write(data)

    def raw(self, data):
        self.flush()
        if not self.writer.is_closing():
            self.writer.write(data)

    def request(
        self, body=PREPARE, *, token=TOKEN, path="/ilp", method="POST", headers=(), end=True
    ):
        """Start a request; returns its stream id. `token` None sends no authorization."""
        stream = self.h2.get_next_available_stream_id()
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", "router"),
            (":path", path),
        ]
        given = dict(headers)
        if token is not None and "authorization" not in given:
            fields.append(("authorization", f"Bearer {token}"))
        if body is not None and "content-type" not in given:
            fields.append(("content-type", "application/octet-stream"))
        fields += [(name, value) for name, value in given.items() if value is not None]
        self.h2.send_headers(stream, fields, end_stream=body is None and end)
        if body is not None:
            for at in range(0, max(len(body), 1), 16_384):
                part = body[at : at + 16_384]
                self.h2.send_data(stream, part, end_stream=end and at + 16_384 >= len(body))
        self.flush()
        return stream

    async def read(self, timeout_s=5.0):
        """Read once and sort the events. False at the end of the connection."""
        data = await asyncio.wait_for(self.reader.read(65_536), timeout_s)
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.headers[event.stream_id] = dict(event.headers)
                self.status[event.stream_id] = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event.error_code
        self.flush()
        return True

    async def response(self, stream, timeout_s=5.0):
        """(status, headers, body) of a request."""
        while stream not in self.ended and stream not in self.resets:
            assert await self.read(timeout_s), "the connection ended before the answer"
        return self.status.get(stream), self.headers.get(stream), self.bodies.get(stream, b"")

    async def ask(self, *args, **options):
        return await self.response(self.request(*args, **options))

    async def until_closed(self, timeout_s=5.0):
        """Read to the end of the connection; returns the GOAWAY's error code, or None."""
        try:
            async with asyncio.timeout(timeout_s):
                while await self.read(timeout_s):
                    pass
        except ConnectionError:
            self.closed = True
        return self.goaway

    async def close(self):
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass
