"""What can be measured: names, topologies and traffic of every scenario.

Owns the table. Starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ilprouter.bench.topology import (
    PeerSpec,
    Topology,
    Transport,
    free_ports,
    free_udp_ports,
    make_certificate,
)

PACKET_SIZE = 200  # bytes of a whole Prepare, as in the published limits
ROUTE_SAMPLE = 4096  # destinations used when there are more routes than that
TURN_PACKETS = 64  # of one peer, when peers take turns
UNLIMITED = {"packets_per_second": 10**9, "max_packet_amount": 10**12, "in_flight": 65_536}


@dataclass(frozen=True)
class Scenario:
    """One measurement.

    incoming, outgoing   transports of the sending and the receiving peer
    window               requests in flight over all senders together (closed loop)
    accounts             configured peers; 2 = one sender, one receiver
    active               of those, peers with traffic: each sends to the next
    routes               prefixes that lead to the receiver
    turns                of the active peers, how many send at a time, in bursts; 0: all of them
    baseline             scenario whose CPU per packet this one is divided by
    """

    name: str
    incoming: Transport
    outgoing: Transport
    profile: str
    window: int
    accounts: int = 2
    active: int = 2
    routes: int = 1
    turns: int = 0
    baseline: str | None = None

    @property
    def tls(self) -> bool:
        """Is any leg over TLS?"""
        return "https" in (self.incoming, self.outgoing)

    def topology(self, directory: Path) -> Topology:
        """The router and the peers of one run; ports are chosen now."""
        transports: dict[Transport, int] = {}
        for transport in (self.incoming, self.outgoing):
            if transport not in transports:
                ports = free_udp_ports(1) if transport == "udp" else free_ports(1)
                transports[transport] = ports[0]
        peers = self._many_peers() if self.accounts > 2 else self._two_peers()
        routes = [(f"g.wide.r{number:06d}", "bob") for number in range(self.routes - 1)]
        return Topology(
            directory=directory,
            peers=peers,
            ports=transports,
            profile=self.profile,
            routes=tuple(routes),
            certificate=make_certificate(directory) if self.tls else None,
        )

    def _two_peers(self) -> tuple[PeerSpec, ...]:
        ports = free_udp_ports(2) if self.outgoing == "udp" else free_ports(2)
        alice, bob = ports
        if self.incoming != self.outgoing:
            (alice,) = free_udp_ports(1) if self.incoming == "udp" else free_ports(1)
        return (
            PeerSpec("alice", self.incoming, alice, limits=UNLIMITED),
            PeerSpec("bob", self.outgoing, bob, prefix="g.bob", limits=UNLIMITED),
        )

    def _many_peers(self) -> tuple[PeerSpec, ...]:
        """Active peers have a port of their own; the others an address where nobody listens."""
        (port,) = free_udp_ports(1)
        made = []
        for number in range(self.accounts):
            # 127.0.0.0/8 is all loopback: one port, one address a peer.
            host = f"127.{10 + number // 65_536}.{number // 256 % 256}.{number % 256}"
            name = f"p{number:05d}"
            made.append(PeerSpec(name, "udp", port, f"g.{name}", host, limits=UNLIMITED))
        return tuple(made)

    def active_names(self) -> set[str]:
        """Names of the peers that send or receive."""
        if self.accounts == 2:
            return {"alice", "bob"}
        return {name for name, _, _ in self.plan()}

    def plan(self) -> list[tuple[str, list[str], int]]:
        """Who sends what: (peer name, destinations, window) for every sender."""
        if self.accounts == 2:
            destinations = ["g.bob.x"]
            if self.routes > 1:
                count = min(self.routes - 1, ROUTE_SAMPLE)
                step = (self.routes - 1) // count
                destinations = [f"g.wide.r{number * step:06d}.x" for number in range(count)]
            return [("alice", destinations, self.window)]
        step = self.accounts // self.active
        names = [f"p{number * step:05d}" for number in range(self.active)]
        window = max(1, self.window // (self.turns or self.active))
        following = [*names[1:], names[0]]
        return [(name, [f"g.{to}.x"], window) for name, to in zip(names, following, strict=True)]


def _pairs() -> list[Scenario]:
    kinds: list[tuple[str, Transport, Transport, int]] = [
        ("udp-udp", "udp", "udp", 2048),
        ("http2-http2", "http", "http", 1000),
        ("http2tls-http2tls", "https", "https", 1000),
        ("http2-udp", "http", "udp", 1000),
    ]
    return [
        # A durable answer waits for its commit: the same rate needs more on its way.
        Scenario(f"{name}/{profile}", incoming, outgoing, profile, window * depth)
        for name, incoming, outgoing, window in kinds
        for profile, depth in (
            ("core", 1),
            ("connector", 4 if outgoing == incoming == "udp" else 2),
        )
    ]


def _wide() -> list[Scenario]:
    def udp(name: str, **more: int | str) -> Scenario:
        return Scenario(name, "udp", "udp", "connector", 2048, **more)  # type: ignore[arg-type]

    return [
        udp("routes-10", routes=10),
        udp("routes-100000", routes=100_000, baseline="routes-10"),
        udp("accounts-10", accounts=10, active=10),
        udp("accounts-100", accounts=100, active=100),
        udp("accounts-10000", accounts=10_000, active=100, baseline="accounts-100"),
        # As many peers send at a time as in the baseline, so that datagrams are as full.
        udp(
            "accounts-10000-spread",
            accounts=10_000,
            active=10_000,
            turns=100,
            baseline="accounts-100",
        ),
    ]


SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (*_pairs(), *_wide())}


def select(names: tuple[str, ...]) -> list[Scenario]:
    """The scenarios that `names` match: exact, or by prefix ("udp-udp"); baselines are added.

    names    empty for all
    raises   KeyError with the first name that matches nothing
    """
    chosen: list[str] = []
    for name in names or tuple(SCENARIOS):
        found = [key for key in SCENARIOS if key == name] or [
            key for key in SCENARIOS if key.startswith(name)
        ]
        if not found:
            raise KeyError(name)
        for key in found:
            baseline = SCENARIOS[key].baseline
            chosen += [part for part in (baseline, key) if part and part not in chosen]
    return [SCENARIOS[key] for key in chosen]
