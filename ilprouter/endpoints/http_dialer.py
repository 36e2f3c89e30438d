"""Dialer: keeps one link supplied with connections, with exponential back-off and full jitter.

Owns when to connect; must not know what the connections carry.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from urllib.parse import urlsplit

from ilprouter.endpoints.http1_client import Http1Connection
from ilprouter.endpoints.http_client import ClientConnection
from ilprouter.endpoints.http_core import HttpCore
from ilprouter.endpoints.http_link import HttpLink

__all__ = ["Dialer"]

log = logging.getLogger(__name__)

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 10.0
STEADY_S = 1.0  # a connection that lived this long was a good one: no pause after it
STREAMS_EXPECTED = 100  # what RFC 9113 section 6.5.2 asks every server to allow


class Dialer:
    """Opens connections for one link, one at a time, while the link says that more would help.

    connections_max   open connections at once
    connect_s         for name look-up, connect, TLS and the peer's SETTINGS
    """

    def __init__(
        self,
        core: HttpCore,
        link: HttpLink,
        url: str,
        ssl_context: ssl.SSLContext | None,
        connections_max: int,
        connect_s: float,
    ) -> None:
        parts = urlsplit(url)
        self._core = core
        self._link = link
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl_context if parts.scheme == "https" else None
        self._connections_max = connections_max
        self._connect_s = connect_s
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._open: set[ClientConnection | Http1Connection] = set()

    def start(self) -> None:
        """Connect in the background; the link is up, tentatively, from now on."""
        if self._task is not None:
            return
        self._link.on_wanted(self._wanted.set)
        self._wanted.set()
        self._promise()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop dialing; open connections close when their requests are answered."""
        self._link.on_wanted(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._link.give_up()
        for connection in tuple(self._open):
            connection.leave()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._link.crowded and self._link.connections < self._connections_max:
                await self._attempt()
            self._link.rest()

    async def _attempt(self) -> None:
        """One attempt, after a pause when the last one failed or did not live long."""
        loop = asyncio.get_running_loop()
        if self._failures:
            await asyncio.sleep(backoff_s(self._failures))
        kind = Http1Connection if self._link.http1 else ClientConnection
        connection = kind(self._core, self._link)
        usable = False
        try:
            async with asyncio.timeout(self._connect_s):
                await loop.create_connection(
                    lambda: connection, self._host, self._port, ssl=self._ssl
                )
                usable = await connection.ready
        except (OSError, TimeoutError) as error:
            log.debug("link %s: %s:%s: %s", self._link.name, self._host, self._port, error)
        finally:
            if not usable:
                connection.cut()
        if usable:
            began = loop.time()
            self._open.add(connection)
            connection.closed.add_done_callback(
                lambda _: self._lost(connection, loop.time() - began)
            )
            if self._failures:
                log.info(
                    "link %s: %s:%s is reachable again", self._link.name, self._host, self._port
                )
            loop.call_later(STEADY_S, self._steady, connection)
            self._promise()
            return
        self._failures += 1
        if self._failures == 1:
            log.warning("link %s: %s:%s cannot be reached", self._link.name, self._host, self._port)
        if not self._link.connections_usable:
            self._link.give_up()

    def _steady(self, connection: ClientConnection | Http1Connection) -> None:
        if connection in self._open:
            self._failures = 0
            self._promise()

    def _lost(self, connection: ClientConnection | Http1Connection, lived_s: float) -> None:
        self._open.discard(connection)
        self._failures = self._failures + 1 if lived_s < STEADY_S else 0
        self._promise()
        self._wanted.set()

    def _promise(self) -> None:
        """Let requests wait for a connection only while nothing speaks against getting one soon."""
        streams = 0
        if self._failures == 0:
            if self._link.http1:
                streams = self._connections_max - self._link.connections
            elif not self._link.connections_usable:
                streams = STREAMS_EXPECTED
        self._link.promise(streams)


def backoff_s(failures: int) -> float:
    """Seconds to wait after that many failures: anything up to 0.1, 0.2, 0.4 ... 10."""
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 10))
    return random.uniform(0.0, ceiling)  # noqa: S311 - spreads load, keeps no secret
