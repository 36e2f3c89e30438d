"""What a figure of the router is compared with: the same bytes, answered without any routing.

Owns the drivers of the echo servers. The UDP echo is plain C and shares no code with the router;
the HTTP echo is the router's own endpoint, answering by itself.
"""

from __future__ import annotations

import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

from ilprouter.bench import limits
from ilprouter.bench.echo_server import echo_topology
from ilprouter.bench.peers import Peers
from ilprouter.bench.process import Child
from ilprouter.bench.topology import HOST, Transport, free_ports, make_certificate
from ilprouter.bench.traffic import Traffic

UDP_BUFFER_BYTES = 4 * 2**20
SERVER_PATIENCE_S = 10  # an echo server whose driver has died ends by itself
LOST_AFTER_US = 50_000  # loopback answers within this, or never
START_TIMEOUT_S = 10.0


def udp_socket(patience_s: int, patience_us: int = 0) -> socket.socket:
    """A blocking UDP socket on loopback with large buffers and a receive timeout."""
    result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    result.bind((HOST, 0))
    result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UDP_BUFFER_BYTES)
    timeout = struct.pack("ll", patience_s, patience_us)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    return result


def udp_echoes_per_second(
    size: int, seconds: float, server_cpu: int, *, offload: bool = False
) -> float:
    """Echoes per second of a C server on one core, driven by this process.

    size      bytes of each datagram
    seconds   how long to measure, after a warm-up of a quarter of it
    offload   with UDP_GRO and UDP_SEGMENT; otherwise 64 datagrams per system call, one by one
    returns   0.0 when the kernel lacks the offload
    """
    module = [sys.executable, "-m", "ilprouter.bench.echo_server"]
    with (
        tempfile.TemporaryDirectory(prefix="ilprouter-echo-") as name,
        udp_socket(SERVER_PATIENCE_S) as server,
        udp_socket(0, LOST_AFTER_US) as client,
    ):
        client.connect(server.getsockname())
        command = [*module, "udp", str(server.fileno()), str(int(offload))]
        child = Child(command, Path(name), "echo", server_cpu, pass_fds=(server.fileno(),))
        try:
            wait_for_echo(client, child)
            limits.udp_drive(client.fileno(), size, offload=offload, seconds=seconds / 4)
            return limits.udp_drive(client.fileno(), size, offload=offload, seconds=seconds)
        except OSError:
            return 0.0
        finally:
            child.kill()


def wait_for_echo(client: socket.socket, child: Child) -> None:
    """Block until the server answers. Raises BenchError when it does not start."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and child.running:
        client.send(b"hello")
        try:
            client.recv(64)
        except OSError:  # the receive timeout passed
            continue
        return
    raise child.fail("did not answer")


def wait_for_port(port: int, child: Child) -> None:
    """Block until a TCP port accepts. Raises BenchError when the child does not get there."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and child.running:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
            continue
        return
    raise child.fail(f"does not listen on port {port}")


async def http_requests_per_second(
    transport: Transport, seconds: float, server_cpu: int, *, packet_size: int, window: int
) -> float:
    """ILP requests per second that the router's own HTTP endpoint answers by itself on one core.

    packet_size   bytes of each Prepare
    window        requests kept in flight
    """
    with tempfile.TemporaryDirectory(prefix="ilprouter-echo-") as name:
        directory = Path(name)
        if transport == "https":
            make_certificate(directory)
        server_port, own_port = free_ports(2)
        command = [sys.executable, "-m", "ilprouter.bench.echo_server"]
        arguments = [transport, str(server_port), name]
        child = Child([*command, *arguments], directory, "echo", server_cpu)
        peers = Peers(echo_topology(directory, transport, server_port, own_port))
        try:
            wait_for_port(server_port, child)
            await peers.open()
            return await peers.fulfilled_per_second(
                "driver", Traffic(["g.echo.x"], packet_size=packet_size), window, seconds
            )
        finally:
            await peers.close()
            child.kill()
