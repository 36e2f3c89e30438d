"""UdpEndpoint: opens and tunes one UDP socket, and lends it to the compiled loop in udp_socket.

Owns the address rules, the socket's options and the two timers. It must not read a datagram, and
knows no ILP.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

from ilprouter.core.endpoint import Pool, Round
from ilprouter.endpoints.udp_socket import UdpLink, UdpSocket
from ilprouter.errors import EndpointError

__all__ = ["UdpEndpoint", "UdpLink", "open_max_of"]

# Linux's numbers, for names that Python's socket module does not have.
_UDP_SEGMENT = 103
_UDP_GRO = 104
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_SO_RXQ_OVFL = 40

_TICK_S = 0.005  # a quarter of the shortest time-out, while a request or an answer waits
_HEARTBEAT_S = 0.5  # half of the time after which a silent link is pinged


class UdpEndpoint(UdpSocket):
    """Links over plain UDP datagrams, several ILP packets in each.

    address              "host:port", numeric, "[host]:port" for IPv6; port 0 lets the kernel choose
    payload_size         octets of a usual datagram, 600 to 65 507
    external_protection  the socket's network protects itself (WireGuard, IPsec): allow addresses
                         that are not loopback
    gso, gro             let the kernel cut and join datagrams; left off where it cannot
    receive_buffer, send_buffer   octets asked of the kernel; what it grants is in counters()
    heartbeat_s          how often silent links are looked at
    """

    def __init__(
        self,
        round: Round,
        pool: Pool,
        address: str = "127.0.0.1:0",
        *,
        payload_size: int = 1200,
        external_protection: bool = False,
        gso: bool = True,
        gro: bool = True,
        receive_buffer: int = 16 << 20,
        send_buffer: int = 8 << 20,
        heartbeat_s: float = _HEARTBEAT_S,
    ) -> None:
        self._address = address
        self._external_protection = external_protection
        self._gso = gso
        self._gro = gro
        self._heartbeat_s = heartbeat_s
        self._buffers = (receive_buffer, send_buffer)
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fast: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where the socket is bound, "host:port"; what was asked for while it is closed."""
        if self._socket is None:
            return self._address
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def open(self) -> None:
        """Bind, and greet the peers. Raises EndpointError with the address and the reason."""
        if self._socket is not None:
            raise EndpointError(f"UDP {self.address} is open already")
        host, port = _split(self._address)
        self._check_protected(host, self._address)
        family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            opened.bind((str(host), port))
        except OSError as error:
            opened.close()
            raise EndpointError(f"cannot bind UDP {self._address}: {error.strerror}") from error
        gso = self._tune(opened)
        self._socket = opened
        self._loop = asyncio.get_running_loop()
        self.start(opened.fileno(), gso)
        self._loop.add_reader(opened, self.readable)
        self._slow = self._loop.call_later(self._heartbeat_s, self._on_slow)

    async def close(self) -> None:
        """Say CLOSE to every peer and release the socket; requests of peers stay unanswered."""
        if self._socket is None or self._loop is None:
            return
        self.stop()
        for timer in (self._fast, self._slow):
            if timer is not None:
                timer.cancel()
        self._fast = self._slow = None
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None

    def add_link(
        self, name: str, remote: str, *, in_flight: int = 4096, open_max: int | None = None
    ) -> UdpLink:
        """A link to the peer at `remote` ("host:port"); attach it to a receiver before use.

        in_flight   requests of ours that may be open, 1 to 65 536; more get T02
        open_max    requests of the peer whose state is kept, at most 65 536; default: four times
                    in_flight
        raises      EndpointError for an address that cannot be used, ValueError for a number
                    out of range
        """
        host, port = _split(remote)
        own, _ = _split(self._address)
        if host.version != own.version:
            raise EndpointError(f"{remote} is not of the same IP version as {self._address}")
        if port == 0:
            raise EndpointError(f"{remote} has no port")
        self._check_protected(host, remote)
        if open_max is None:
            open_max = open_max_of(in_flight)
        link = UdpLink(self, name, remote, str(host).encode(), port, in_flight, open_max)
        self.admit(link)
        return link

    def counters(self) -> dict[str, int]:
        """What the socket saw since start; each link has its own counters."""
        counters = super().counters()
        if self._socket is not None:
            for name, option in (
                ("receive_buffer", socket.SO_RCVBUF),
                ("send_buffer", socket.SO_SNDBUF),
            ):
                counters[name] = self._socket.getsockopt(socket.SOL_SOCKET, option)
        return counters

    def _check_protected(
        self, host: ipaddress.IPv4Address | ipaddress.IPv6Address, shown: str
    ) -> None:
        if host.is_loopback or self._external_protection:
            return
        raise EndpointError(
            f"plain UDP at {shown}: anyone on the way could forge or replay packets there; use "
            "a loopback address, or set external_protection = true where WireGuard or IPsec "
            "carries it"
        )

    def _tune(self, opened: socket.socket) -> bool:
        """Large buffers, joined datagrams, the kernel's drop counter; tell if it can cut."""
        receive, send = self._buffers
        for forced, plain, size in (
            (_SO_RCVBUFFORCE, socket.SO_RCVBUF, receive),
            (_SO_SNDBUFFORCE, socket.SO_SNDBUF, send),
        ):
            try:
                opened.setsockopt(socket.SOL_SOCKET, forced, size)
            except PermissionError:  # without CAP_NET_ADMIN the kernel grants up to its own limit
                opened.setsockopt(socket.SOL_SOCKET, plain, size)
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        if self._gro:
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        if not self._gso:
            return False
        try:
            opened.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
        except OSError:
            return False
        return True

    def on_active(self) -> None:
        """Called by the compiled loop: some link waits for an answer or an acknowledgement."""
        if self._fast is None and self._loop is not None:
            self._fast = self._loop.call_later(_TICK_S, self._on_fast)

    def on_blocked(self) -> None:
        """Called by the compiled loop: the socket is full."""
        if self._loop is not None and self._socket is not None:
            self._loop.add_writer(self._socket, self._on_writable)

    def _on_writable(self) -> None:
        if self.writable() and self._loop is not None and self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _on_fast(self) -> None:
        self._fast = None
        if self.tick(False):
            self.on_active()

    def _on_slow(self) -> None:
        if self._loop is not None:
            self._slow = self._loop.call_later(self._heartbeat_s, self._on_slow)
        if self.tick(True):
            self.on_active()


def open_max_of(in_flight: int) -> int:
    """Requests of a peer whose state is kept by default, for a link with that `in_flight`."""
    return min(4 * in_flight, 65536)


def _split(address: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """The parts of "host:port" or "[host]:port". Raises EndpointError when it is neither."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise EndpointError(
            f'"{address}" is not a UDP address; accepted: "127.0.0.1:7768", "[::1]:7768"'
        )
    try:
        return ipaddress.ip_address(host), int(port)
    except ValueError as error:
        raise EndpointError(f'"{address}": the host must be a numeric address') from error
