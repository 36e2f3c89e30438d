"""HAProxy between the same two peers, as a yardstick: what a good general proxy costs per request.

Owns HAProxy's configuration and child. The peers, bodies and tokens are those of the router's run.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from ilprouter.bench.echo import wait_for_port
from ilprouter.bench.echo_server import echo_topology
from ilprouter.bench.peers import Peers
from ilprouter.bench.process import Child
from ilprouter.bench.topology import HOST, free_ports
from ilprouter.bench.traffic import Traffic

# HAProxy does best with one connection full of streams; with more it opens connections and slows.
WINDOW = 100
CONFIG = """\
global
    nbthread 1
    maxconn 1000
    tune.h2.max-concurrent-streams 2048
    tune.h2.initial-window-size 1048576
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend in
    bind {host}:{front} proto h2
    default_backend out
backend out
    server receiver {host}:{back} proto h2
"""


async def measure(seconds: float, cpu: int, *, packet_size: int) -> dict[str, float]:
    """Proxy h2c to h2c: this process sends to HAProxy on one core, which passes on to this process.

    seconds       how long to measure, after a warm-up
    packet_size   bytes of each Prepare
    returns       haproxy_tx_per_s and haproxy_cpu_us_per_tx; empty where HAProxy is not installed,
                  or where it stalled
    """
    program = shutil.which("haproxy")
    if program is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="ilprouter-haproxy-") as name:
        directory = Path(name)
        front, back = free_ports(2)
        config = directory / "haproxy.cfg"
        config.write_text(CONFIG.format(host=HOST, front=front, back=back), encoding="ascii")
        child = Child([program, "-db", "-f", str(config)], directory, "haproxy", cpu)
        # The driver is its own far side: what it sends to the proxy comes back to its own listener.
        topology = echo_topology(directory, "http", front, back)
        peers = Peers(topology, mirror=True)
        try:
            wait_for_port(front, child)
            await peers.open()
            return await _count(peers, child, seconds, packet_size)
        finally:
            await peers.close()
            child.kill()


async def _count(peers: Peers, child: Child, seconds: float, packet_size: int) -> dict[str, float]:
    load, number = peers.load, peers.numbers["driver"]
    load.send(number, Traffic(["g.echo.x"], packet_size=packet_size), window=WINDOW)
    load.start()
    await asyncio.sleep(max(0.5, seconds / 4))
    before, used, start = load.lane(number)["fulfilled"], child.usage(), time.monotonic()
    await asyncio.sleep(seconds)
    count = load.lane(number)["fulfilled"] - before
    elapsed, cpu = time.monotonic() - start, child.usage().cpu_seconds - used.cpu_seconds
    await load.quiesce(5.0)
    if count == 0:
        return {}
    return {
        "haproxy_tx_per_s": count / elapsed,
        "haproxy_cpu_us_per_tx": cpu / count * 1e6,
    }
