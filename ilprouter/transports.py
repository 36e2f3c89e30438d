"""Endpoints and links as the configuration names them: one HTTP endpoint for all its ports, one UDP
endpoint for each port.

Owns the translation of [[listen]] and `link` tables into endpoints' own words. Knows no packet, no
pipeline and no account.
"""

from __future__ import annotations

import ssl
from typing import Any

from msgspec import structs

from ilprouter.config import Config, HttpLink, HttpListen, Peer
from ilprouter.config.addresses import split_socket_address
from ilprouter.core.endpoint import Link, Pool, Round
from ilprouter.endpoints import tls
from ilprouter.endpoints.http import HttpEndpoint, HttpLimits
from ilprouter.endpoints.udp import UdpEndpoint
from ilprouter.errors import ConfigError, EndpointError

__all__ = ["Transports"]


class Transports:
    """Every endpoint of one router.

    endpoints   name -> endpoint, for counters: "http", and "udp:<address>" for each UDP port
    """

    def __init__(self, config: Config, round: Round, pool: Pool) -> None:
        self.config = config
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
        await self.http.close()
        for endpoint in self.udp.values():
            await endpoint.close()

    def add_link(self, peer: Peer) -> Link:
        """The link to one peer. Raises EndpointError or ConfigError."""
        if not isinstance(peer.link, HttpLink):
            endpoint = self.udp_endpoint(peer.name, peer.link.remote)
            return endpoint.add_link(peer.name, peer.link.remote, in_flight=peer.limits.in_flight)
        link = peer.link
        return self.http.add_link(
            peer.name,
            url=link.url,
            incoming_tokens=[token.reveal() for token in link.incoming_tokens],
            outgoing_token=link.outgoing_token.reveal() if link.outgoing_token else "",
            in_flight=peer.limits.in_flight,
            connections_max=link.connections_max,
            http1=link.http1,
            bare_token=link.bare_token,
            ssl_context=client_tls(link),
        )

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
