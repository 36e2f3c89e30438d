"""HttpEndpoint: ILP over HTTP (IL-RFC 35, synchronous mode), listening and asking.

Owns sockets, TLS and the dialers of links; must not know a header, a frame or an ILP packet.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from ilprouter.core.endpoint import Endpoint, Pool, Round
from ilprouter.endpoints import tls
from ilprouter.endpoints.http_core import HttpCore
from ilprouter.endpoints.http_dialer import Dialer
from ilprouter.endpoints.http_limits import HttpLimits
from ilprouter.endpoints.http_link import HttpLink
from ilprouter.endpoints.http_server import ServerConnection
from ilprouter.errors import EndpointError

__all__ = ["HttpEndpoint", "HttpLimits", "HttpLink", "split_url"]

log = logging.getLogger(__name__)

CHECK_S = 0.25  # how often deadlines are looked at: a peer may be late by this much more
NOTICE_S = (
    0.1  # between "take new requests elsewhere" and "I take none": one round trip of most peers
)
BACKLOG = 1024


class HttpEndpoint(Endpoint):
    """All HTTP of one event loop.

    round, pool   shared with the other endpoints of the loop
    limits        bounds on what peers can make it hold or do
    """

    def __init__(self, round: Round, pool: Pool, *, limits: HttpLimits | None = None) -> None:
        self.limits = limits if limits is not None else HttpLimits()
        self.core = HttpCore(round, pool, self.limits)
        self.links: dict[str, HttpLink] = {}
        self._dialers: dict[str, Dialer] = {}
        self._servers: list[asyncio.Server] = []
        self._listening: set[ServerConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._open = False

    async def open(self) -> None:
        """Start the deadlines and the dialers of all links; links added later start at once."""
        if self._open:
            return
        self._open = True
        self._tick()
        for dialer in self._dialers.values():
            dialer.start()

    async def listen(
        self, address: str, ssl_context: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Accept peers on "host:port" ("[::1]:0" for IPv6; port 0 lets the kernel choose).

        ssl_context   TLS with it (see endpoints.tls.server_context); None: clear text
        returns       (host, port) that was bound
        raises        EndpointError with the address and the reason
        """
        await self.open()
        host, port = split_address(address)
        handshake_s = self.limits.receive_timeout_ms / 1000 if ssl_context else None
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: ServerConnection(self.core),
                host,
                port,
                ssl=ssl_context,
                backlog=BACKLOG,
                ssl_handshake_timeout=handshake_s,
            )
        except OSError as error:
            raise EndpointError(f"cannot listen on {address}: {error.strerror or error}") from error
        self._servers.append(server)
        bound = server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Every (host, port) that is listened on."""
        return [
            (str(name[0]), int(name[1]))
            for server in self._servers
            for name in (sock.getsockname() for sock in server.sockets)
        ]

    def add_link(
        self,
        name: str,
        *,
        url: str | None = None,
        incoming_tokens: Iterable[str | bytes] = (),
        outgoing_token: str | bytes = "",
        in_flight: int = 4096,
        connections_max: int | None = None,
        http1: bool = False,
        bare_token: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HttpLink:
        """A link to one peer. Without `url` the peer can ask us but not be asked.

        name              the account name in /accounts/{name}/ilp
        url               http:// (HTTP/2 with prior knowledge) or https:// (HTTP/2 by ALPN)
        incoming_tokens   bearer tokens that speak for this peer
        outgoing_token    bearer token that we show; needed with `url`
        in_flight         most unanswered requests to the peer
        connections_max   most connections to the peer: 1 to 64; default 4, or 16 with http1
        http1             the peer speaks HTTP/1.1 (Koa): one request at a time on a connection
        bare_token        accept the peer's token without "Bearer" (old ilp-plugin-http options)
        ssl_context       for https; default: the system's authorities
        raises            EndpointError for a name in use, a bad url, or a token another link has
        """
        if name in self.links:
            raise EndpointError(f"there is already a link named {name}")
        if connections_max is None:
            connections_max = 16 if http1 else 4
        target = None
        if url is not None:
            if not outgoing_token:
                raise EndpointError(f"link {name}: a url needs an outgoing token")
            target = split_url(url)
        link = HttpLink(
            self.core,
            name,
            url=url,
            target=target,
            outgoing_token=outgoing_token,
            in_flight=in_flight,
            connections_max=connections_max,
            http1=http1,
            bare_token=bare_token,
        )
        self.core.register(link, incoming_tokens)
        self.links[name] = link
        if url is not None:
            if url.startswith("https:") and ssl_context is None:
                ssl_context = tls.client_context(http1=http1)
            dialer = Dialer(
                self.core,
                link,
                url,
                ssl_context,
                connections_max,
                self.limits.receive_timeout_ms / 1000,
            )
            self._dialers[name] = dialer
            if self._open:
                dialer.start()
        return link

    def set_tokens(self, link: HttpLink, incoming_tokens: Iterable[str | bytes]) -> None:
        """Replace a link's incoming tokens, for open connections too.

        raises   EndpointError, and changes nothing, when another link has one of them
        """
        self.core.register(link, incoming_tokens)

    def detach_link(self, link: HttpLink) -> Dialer | None:
        """Forget a peer's name and tokens at once, so that another link can have them.

        returns   what still connects to the peer, to be stopped; requests in flight finish
        """
        self.core.forget(link)
        self.links.pop(link.name, None)
        return self._dialers.pop(link.name, None)

    async def remove_link(self, link: HttpLink) -> None:
        """Forget a peer: its tokens at once; connections to it close when they are idle."""
        dialer = self.detach_link(link)
        if dialer is not None:
            await dialer.stop()

    def counters(self) -> dict[str, int]:
        """Totals since start, plus the connections that are open now."""
        return {**self.core.counters(), "connections_open": len(self.core.connections)}

    async def drain(self, timeout_s: float = 30.0) -> bool:
        """Stop accepting, send GOAWAY, and wait for open requests.

        returns   True when all of them were answered within timeout_s
        """
        for server in self._servers:
            server.close()
        for connection in self._accepted():
            connection.announce_close()
        await asyncio.sleep(NOTICE_S)
        for connection in self._accepted():
            connection.finish_close()
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._accepted() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        return not self._accepted()

    async def close(self) -> None:
        """Release every socket. What peers have in flight is still decided, but not answered."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self._servers:
            server.close()
        for dialer in self._dialers.values():
            await dialer.stop()
        for connection in tuple(self.core.connections):
            connection.cut()
        while self.core.connections:
            await asyncio.sleep(0)
        self._servers.clear()

    def _accepted(self) -> list[ServerConnection]:
        return [item for item in self.core.connections if isinstance(item, ServerConnection)]

    def _tick(self) -> None:
        self.core.check()
        self._timer = asyncio.get_running_loop().call_later(CHECK_S, self._tick)


def split_address(address: str) -> tuple[str, int]:
    """ "127.0.0.1:7770" or "[::1]:7770" -> (host, port). Raises EndpointError."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise EndpointError(f"{address!r} is no address; accepted: host:port, [ipv6]:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def split_url(url: str) -> tuple[bytes, bytes, bytes]:
    """A peer's URL -> (scheme, authority, path and query) for HTTP/2. Raises EndpointError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"{url!r} is no URL: {error}") from error
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username
        or parts.fragment
    ):
        raise EndpointError(
            f"{url!r} is no URL of a peer; accepted: http[s]://host[:port][/path][?query]"
        )
    if not url.isascii() or any(character <= " " for character in url):
        raise EndpointError(f"{url!r} has characters that a URL cannot carry")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port is None else f"{host}:{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme.encode(), authority.encode(), path.encode()
