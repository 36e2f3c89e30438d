"""Endpoints and links as the configuration names them: one HTTP endpoint for all its ports, one UDP
endpoint for each port.

Owns the translation of [[listen]] and `link` tables into endpoints' own words. Knows no packet, no
pipeline and no account.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from msgspec import structs

from ilprouter.config import Config, HttpLink, HttpListen, Peer, Secret
from ilprouter.config.addresses import split_socket_address
from ilprouter.core.endpoint import Link, Pool, Round
from ilprouter.endpoints import tls
from ilprouter.endpoints.http import HttpEndpoint, HttpLimits, split_url
from ilprouter.endpoints.http import HttpLink as HttpEndpointLink
from ilprouter.endpoints.udp import UdpEndpoint, open_max_of
from ilprouter.endpoints.udp import UdpLink as UdpEndpointLink
from ilprouter.errors import ConfigError, EndpointError

__all__ = ["Transports"]


class Transports:
    """Every endpoint of one router.

    endpoints   name -> endpoint, for counters: "http", and "udp:<address>" for each UDP port
    leaving     links of peers that were removed or replaced, with requests still in flight
    """

    def __init__(self, config: Config, round: Round, pool: Pool) -> None:
        self.config = config
        self.leaving: set[Link] = set()
        self.stopping: set[asyncio.Future[None]] = set()
        # The tables [http] and [udp] use the endpoints' own names, so they are handed on as they
        # are.
        self.http = HttpEndpoint(round, pool, limits=HttpLimits(**structs.asdict(config.http)))
        self.udp = {
            listen.address: UdpEndpoint(
                round,
                pool,
                listen.address,
                payload_size=listen.payload_size,
                external_protection=listen.external_protection,
                **structs.asdict(config.udp),
            )
            for listen in config.listeners
            if not isinstance(listen, HttpListen)
        }

    @property
    def endpoints(self) -> dict[str, Any]:
        """Name -> endpoint."""
        return {"http": self.http, **{f"udp:{name}": part for name, part in self.udp.items()}}

    async def open(self) -> None:
        """Bind every UDP port and start the dialers. Raises EndpointError."""
        for endpoint in self.udp.values():
            await endpoint.open()
        await self.http.open()

    async def listen(self) -> None:
        """Bind the HTTP ports: last, when the links are there that their tokens speak for. Raises
        EndpointError.
        """
        for listen in self.config.listeners:
            if isinstance(listen, HttpListen):
                await self.http.listen(listen.address, server_tls(listen))

    async def close(self) -> None:
        """Release every socket. Safe when some or all were never opened."""
        await asyncio.gather(*self.stopping, return_exceptions=True)
        await self.http.close()
        for endpoint in self.udp.values():
            await endpoint.close()

    def prepare(self, peer: Peer) -> ssl.SSLContext | None:
        """Everything of a new link that may be refused or reads a file; add_link needs no more.

        returns   TLS towards the peer
        raises    EndpointError or ConfigError
        """
        if isinstance(peer.link, HttpLink):
            if peer.link.url is not None:
                split_url(peer.link.url)
            return client_tls(peer.link)
        self.udp_endpoint(peer.name, peer.link.remote)
        return None

    def add_link(self, peer: Peer, context: ssl.SSLContext | None = None) -> Link:
        """The link to one peer, with what `prepare` returned. Raises EndpointError or ConfigError.

        A link that is being seen off gives its address up at once.
        """
        if not isinstance(peer.link, HttpLink):
            remote = peer.link.remote
            endpoint = self.udp_endpoint(peer.name, remote)
            for known in endpoint.links.values():
                if known in self.leaving and known.remote == remote:
                    self.drop(known)
            name = f"{peer.name} at {remote}" if peer.name in endpoint.links else peer.name
            return endpoint.add_link(name, remote, in_flight=peer.limits.in_flight)
        http = peer.link
        return self.http.add_link(
            peer.name,
            url=http.url,
            incoming_tokens=tokens(http),
            outgoing_token=http.outgoing_token.reveal() if http.outgoing_token else "",
            in_flight=peer.limits.in_flight,
            connections_max=http.connections_max,
            http1=http.http1,
            bare_token=http.bare_token,
            ssl_context=context,
        )

    def change_link(self, link: Link, peer: Peer) -> None:
        """Give a link that stays the peer's tokens and bound of requests."""
        if isinstance(link, HttpEndpointLink) and isinstance(peer.link, HttpLink):
            self.http.set_tokens(link, tokens(peer.link))
            link.set_in_flight(peer.limits.in_flight)
        elif isinstance(link, UdpEndpointLink):
            link.set_in_flight(peer.limits.in_flight, open_max_of(peer.limits.in_flight))

    def revoke(self, link: Link, kept: frozenset[Secret] = frozenset()) -> None:
        """Take from a link every incoming token but these, so that another link can have them."""
        if isinstance(link, HttpEndpointLink):
            self.http.set_tokens(link, [token.reveal() for token in kept])

    def leave(self, link: Link) -> None:
        """Begin to part from a peer: its name and tokens are free at once, what is in flight goes
        on. `drop` ends it.
        """
        if isinstance(link, HttpEndpointLink):
            dialer = self.http.detach_link(link)
            if dialer is not None:
                stopping = asyncio.ensure_future(dialer.stop())
                self.stopping.add(stopping)
                stopping.add_done_callback(self.stopping.discard)
        self.leaving.add(link)

    def drop(self, link: Link) -> None:
        """Forget a link that is leaving; what is still in flight is decided by its timer."""
        self.leaving.discard(link)
        if isinstance(link, UdpEndpointLink):
            for endpoint in self.udp.values():
                if endpoint.links.get(link.name) is link:
                    endpoint.remove_link(link.name)

    def in_flight(self, link: Link) -> int:
        """Requests to a peer without their answer."""
        if isinstance(link, HttpEndpointLink):
            return link.in_flight
        return link.open_requests[0] if isinstance(link, UdpEndpointLink) else 0

    def open_requests(self, link: Link) -> int:
        """Requests to the peer, and answers to it, that a link still has to do with."""
        if isinstance(link, HttpEndpointLink):
            return link.in_flight
        return sum(link.open_requests) if isinstance(link, UdpEndpointLink) else 0

    def udp_endpoint(self, name: str, remote: str) -> UdpEndpoint:
        """The UDP port that a peer is reached from: the first one of its address family."""
        wanted = ":" in (split_socket_address(remote) or ("",))[0]
        for address, endpoint in self.udp.items():
            if (":" in (split_socket_address(address) or ("",))[0]) == wanted:
                return endpoint
        raise ConfigError(
            "",
            f"peer {name}: link.remote",
            remote,
            'a [[listen]] with endpoint = "udp" and an address of the same IP version',
        )


def tokens(link: HttpLink) -> list[str]:
    """The bearer tokens a peer may present."""
    return [token.reveal() for token in link.incoming_tokens]


def server_tls(listen: HttpListen) -> ssl.SSLContext | None:
    """TLS of a port, None for clear text. Raises EndpointError with the file that is at fault."""
    if listen.cert is None or listen.key is None:
        return None
    try:
        return tls.server_context(
            listen.cert, listen.key, client_ca=listen.client_ca, allow_tls12=listen.tls12
        )
    except (OSError, ssl.SSLError) as error:
        raise EndpointError(f"TLS of {listen.address} ({listen.cert}): {error}") from error


def client_tls(link: HttpLink) -> ssl.SSLContext | None:
    """TLS towards a peer, None for http://. Raises EndpointError with the file that is at fault."""
    if link.url is None or not link.url.startswith("https:"):
        return None
    try:
        return tls.client_context(ca=link.ca, cert=link.cert, key=link.key, http1=link.http1)
    except (OSError, ssl.SSLError) as error:
        raise EndpointError(f"TLS towards {link.url}: {error}") from error
