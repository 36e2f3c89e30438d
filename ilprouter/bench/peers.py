"""The peers of a router under load: one endpoint each, all handled by one load engine.

Owns the endpoints on the load's side. Knows no scenario and starts no process.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Collection
from typing import Any

from ilprouter.bench.load import Load
from ilprouter.bench.topology import Certificate, PeerSpec, Topology
from ilprouter.bench.traffic import Traffic
from ilprouter.core.endpoint import Endpoint, Link, Pool, Round


class Peers:
    """All peers of a topology, in this process.

    topology       who they are and where the router listens
    only           names of the peers to play; None: all of them
    mirror         the peers also accept their own tokens: what a proxy passes on arrives unchanged
    in_flight_max  requests in flight over all peers
    trace_max      see `Load`
    """

    def __init__(
        self,
        topology: Topology,
        in_flight_max: int = 65_536,
        trace_max: int = 0,
        *,
        only: Collection[str] | None = None,
        mirror: bool = False,
    ) -> None:
        self.topology = topology
        self.specs = [peer for peer in topology.peers if only is None or peer.name in only]
        self.mirror = mirror
        self.round = Round()
        self.pool = Pool(max(in_flight_max * 4, 131_072), 64)
        self.load = Load(self.round, self.pool, in_flight_max, trace_max)
        self.endpoints: list[Endpoint] = []
        self.links: dict[str, Link] = {}
        self.numbers: dict[str, int] = {}

    async def open(self, reject_every: int = 0) -> None:
        """Bind every peer's endpoint and point its link at the router."""
        for peer in self.specs:
            link = await self._open_peer(peer)
            self.links[peer.name] = link
            self.numbers[peer.name] = self.load.add(link, reject_every)

    async def _open_peer(self, peer: PeerSpec) -> Link:
        options: dict[str, Any] = {"in_flight": 65_536} if len(self.specs) < 10 else {}
        if peer.transport == "udp":
            from ilprouter.endpoints.udp import UdpEndpoint

            # With thousands of sockets in one process their heartbeats alone would fill a core;
            # the router's own pings keep the links up.
            beat = 0.5 if len(self.specs) < 1000 else 3600.0
            udp = UdpEndpoint(self.round, self.pool, peer.address, heartbeat_s=beat)
            self.endpoints.append(udp)
            await udp.open()
            return udp.add_link("router", self.topology.router_address("udp"), **options)
        from ilprouter.endpoints.http import HttpEndpoint

        http = HttpEndpoint(self.round, self.pool)
        self.endpoints.append(http)
        server, client = tls_contexts(
            self.topology.certificate if peer.transport == "https" else None
        )
        await http.listen(peer.address, ssl_context=server)
        await http.open()
        return http.add_link(
            "router",
            url=self.topology.router_url(peer.transport),
            incoming_tokens=[peer.token_to_router if self.mirror else peer.token_from_router],
            outgoing_token=peer.token_to_router,
            ssl_context=client,
            **options,
        )

    async def fulfilled_per_second(
        self, name: str, traffic: Traffic, window: int, seconds: float
    ) -> float:
        """Send from one peer in a closed loop and count Fulfills; the engine is quiet afterwards.

        seconds   how long to measure, after a warm-up of a quarter of it
        """
        number = self.numbers[name]
        self.load.send(number, traffic, window=window)
        self.load.start()
        await asyncio.sleep(max(0.5, seconds / 4))
        before, start = self.load.lane(number)["fulfilled"], time.monotonic()
        await asyncio.sleep(seconds)
        count = self.load.lane(number)["fulfilled"] - before
        elapsed = time.monotonic() - start
        await self.load.quiesce(5.0)
        return count / elapsed

    async def close(self) -> None:
        """Stop the engine and release every socket."""
        self.load.close()
        for endpoint in self.endpoints:
            await endpoint.close()


def tls_contexts(files: Certificate | None) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """Server and client contexts for HTTP/2 over TLS 1.3; (None, None) without a certificate."""
    if files is None:
        return None, None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.cert, files.key)
    client = ssl.create_default_context(cafile=str(files.cert))
    for context in (server, client):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["h2"])
    return server, client
