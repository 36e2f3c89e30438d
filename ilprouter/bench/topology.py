"""A router and its peers as data, and the configuration file that describes them.

Owns names, ports, tokens and certificates, all for loopback. Starts no process, opens no link.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Transport = Literal["udp", "http", "https"]
HOST = "127.0.0.1"


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Ports nobody uses at the moment, all different, chosen by the kernel and released again.

    count    how many
    kind     SOCK_STREAM or SOCK_DGRAM
    raises   OSError when the kernel has none left
    """
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
            probe.bind((HOST, 0))
            found.append(int(probe.getsockname()[1]))
        return found


def free_udp_ports(count: int) -> list[int]:
    """Like `free_ports`, for UDP."""
    return free_ports(count, socket.SOCK_DGRAM)


@dataclass(frozen=True)
class PeerSpec:
    """One peer of the router under load.

    prefix        ILP prefix routed to the peer; None: the peer only sends
    port          where the peer's own endpoint listens
    credit_limit  how much the peer may owe the router, units of its asset
    limits        further keys of the peer's `limits` table
    """

    name: str
    transport: Transport
    port: int
    prefix: str | None = None
    host: str = HOST
    asset: tuple[str, int] = ("USD", 9)
    credit_limit: int = 10**15
    limits: dict[str, int] = field(default_factory=dict)
    relation: str = "peer"

    @property
    def token_to_router(self) -> str:
        """What the peer presents to the router."""
        return f"{self.name}-to-router-0123456789abcdef"

    @property
    def token_from_router(self) -> str:
        """What the router presents to the peer."""
        return f"router-to-{self.name}-0123456789abcdef"

    @property
    def address(self) -> str:
        """Host and port of the peer's endpoint."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Certificate:
    """Files of a self-signed certificate for loopback; the certificate is its own authority."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Topology:
    """A router with its peers, everything on loopback.

    directory   holds the configuration, the ledger and the admin socket; must be on a local disk
    ports       of the router, by transport; only the transports that peers use
    routes      further (prefix, peer name) pairs
    rates       (asset code, price) pairs
    sections    further TOML text, appended as it is
    """

    directory: Path
    peers: tuple[PeerSpec, ...]
    ports: dict[Transport, int]
    profile: str = "connector"
    address: str = "g.router"
    routes: tuple[tuple[str, str], ...] = ()
    rates: tuple[tuple[str, str], ...] = ()
    certificate: Certificate | None = None
    sections: str = ""

    @property
    def admin_socket(self) -> Path:
        """Path of the router's admin socket."""
        return self.directory / "admin.sock"

    @property
    def data_dir(self) -> Path:
        """Where the router keeps its ledger."""
        return self.directory / "data"

    @property
    def config_path(self) -> Path:
        """Where `write` puts the configuration."""
        return self.directory / "ilprouter.toml"

    def router_address(self, transport: Transport) -> str:
        """Host and port where the router listens for a transport."""
        return f"{HOST}:{self.ports[transport]}"

    def router_url(self, transport: Transport) -> str:
        """Where a peer posts its Prepares."""
        return f"{transport}://{HOST}:{self.ports[transport]}/ilp"

    def write(self) -> Path:
        """Write the configuration file and make the ledger's directory; returns the file's path."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(self.to_toml(), encoding="utf-8")
        self.config_path.chmod(0o600)
        return self.config_path

    def to_toml(self) -> str:
        """The router's configuration as TOML text."""
        return "\n".join(self._lines()) + "\n" + self.sections

    def _lines(self) -> Iterable[str]:
        yield from (
            "[node]",
            f"address = {text(self.address)}",
            f"profile = {text(self.profile)}",
            f"data_dir = {text(self.data_dir)}",
            "[base]",
            'code = "USD"',
            "scale = 9",
            "[admin]",
            f"socket = {text(self.admin_socket)}",
        )
        for transport in self.ports:
            yield "[[listen]]"
            yield f"endpoint = {text('udp' if transport == 'udp' else 'http')}"
            yield f"address = {text(self.router_address(transport))}"
            if transport == "https" and self.certificate is not None:
                yield f"cert = {text(self.certificate.cert)}"
                yield f"key = {text(self.certificate.key)}"
        for code, price in self.rates:
            yield from ("[[rate]]", f"code = {text(code)}", f"price = {text(price)}")
        for peer in self.peers:
            yield from self._peer_lines(peer)
        own = ((peer.prefix, peer.name) for peer in self.peers if peer.prefix is not None)
        for prefix, name in (*own, *self.routes):
            yield from ("[[route]]", f"prefix = {text(prefix)}", f"peer = {text(name)}")

    def _peer_lines(self, peer: PeerSpec) -> Iterable[str]:
        code, scale = peer.asset
        yield "[[peer]]"
        yield f"name = {text(peer.name)}"
        yield f"relation = {text(peer.relation)}"
        yield f"asset = {{ code = {text(code)}, scale = {scale} }}"
        if peer.transport == "udp":
            yield f'link = {{ endpoint = "udp", remote = {text(peer.address)} }}'
        else:
            url = f"{peer.transport}://{peer.address}/ilp"
            trust = ""
            if peer.transport == "https" and self.certificate is not None:
                trust = f", ca = {text(self.certificate.cert)}"
            yield (
                f'link = {{ endpoint = "http", url = {text(url)}, '
                f"incoming_tokens = [{text(peer.token_to_router)}], "
                f"outgoing_token = {text(peer.token_from_router)}{trust} }}"
            )
        if peer.limits and self.profile != "core":
            pairs = ", ".join(f"{key} = {value}" for key, value in peer.limits.items())
            yield f"limits = {{ {pairs} }}"
        if self.profile == "connector":
            yield f'balance = {{ model = "local", credit_limit = {peer.credit_limit} }}'


def text(value: str | Path) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's."""
    return json.dumps(str(value))


def make_certificate(directory: Path) -> Certificate:
    """Write a self-signed certificate for 127.0.0.1, valid for a day; returns its files.

    One self-signed leaf serves both as the server's certificate and as the file its clients trust.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ilprouter bench")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(cert=directory / "cert.pem", key=directory / "key.pem")
    files.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    files.key.chmod(0o600)
    return files
