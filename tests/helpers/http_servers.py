"""An HTTP/2 server on python-h2: it answers, refuses, stalls and says goodbye on command.

Owns sockets on the loopback interface only; must not decide what is correct.
"""

import asyncio

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.helpers.http_peer import FULFILL


class Http2Server:
    """Accepts connections; `handle(connection, stream, headers, body)` decides what happens."""

    def __init__(self, handle=None, *, streams=100):
        self.handle = handle or (
            lambda connection, stream, headers, body: connection.answer(stream)
        )
        self.streams = streams
        self.connections = []
        self.requests = []
        self.cancelled = []
        self.port = None
        self._server = None

    async def listen(self, port=0, ssl=None):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        connection = ServerSide(self, reader, writer)
        self.connections.append(connection)
        try:
            await connection.run()
        except (ConnectionError, OSError):
            pass
        finally:
            writer.close()

    def stop_listening(self):
        self._server.close()

    async def close(self):
        self._server.close()
        for connection in self.connections:
            connection.writer.close()
        await asyncio.sleep(0)


class ServerSide:
    """One accepted connection."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: server.streams},
        )
        self.pending = {}

    def flush(self):
        if not self.writer.is_closing():
            self.writer.write(self.h2.data_to_send())

    async def run(self):
        self.h2.initiate_connection()
        self.flush()
        while data := await self.reader.read(65_536):
            for event in self.h2.receive_data(data):
                self._on(event)
            self.flush()

    def _on(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.pending[stream] = (dict(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            self.pending[stream][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded):
            headers, body = self.pending.pop(stream)
            self.server.requests.append((headers, bytes(body)))
            self.server.handle(self, stream, headers, bytes(body))
        elif isinstance(event, h2.events.StreamReset):
            self.server.cancelled.append((stream, event.error_code))

    def answer(self, stream, body=FULFILL, status=200, headers=()):
        fields = [(":status", str(status)), ("content-type", "application/octet-stream"), *headers]
        self.h2.send_headers(stream, fields, end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()

    def refuse(self, stream, code=7):
        self.h2.reset_stream(stream, code)
        self.flush()

    def goaway(self, last_stream, code=0):
        """A GOAWAY made by hand: python-h2 would not read on after its own."""
        self.flush()
        payload = last_stream.to_bytes(4) + code.to_bytes(4)
        self.writer.write(len(payload).to_bytes(3) + b"\x07\x00" + bytes(4) + payload)
