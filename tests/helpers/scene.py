"""A router process between a payer, a payee and a shop, under load, taking orders as an operator's.

Owns the processes and the sockets; what must hold is the tests' to say.
"""

import asyncio
import time

import uvloop

from ilprouter.admin.client import AdminClient
from ilprouter.bench.peers import Peers
from ilprouter.bench.process import RouterProcess
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, free_udp_ports
from ilprouter.bench.traffic import Traffic

WINDOW = 128


class Scene:
    """A payer, a payee and a shop over HTTP, around a router process."""

    def __init__(self, directory):
        (http,), (udp, payer, payee, self.spare) = free_ports(1), free_udp_ports(4)
        (shop,) = free_ports(1)
        limits = {"packets_per_second": 1_000_000}
        self.topology = Topology(
            directory=directory,
            peers=(
                PeerSpec("payer", "udp", payer, limits=limits),
                PeerSpec("payee", "udp", payee, prefix="g.payee", limits=limits),
                PeerSpec("shop", "http", shop, prefix="g.shop", limits=limits),
            ),
            ports={"udp": udp, "http": http},
        )
        self.router = RouterProcess(self.topology)
        self.client = AdminClient(str(self.topology.admin_socket), 20.0)
        self.peers = Peers(self.topology, 8192)

    async def __aenter__(self):
        await asyncio.to_thread(self.router.wait_ready)
        await self.peers.open()
        await self.router.wait_up(self.peers.numbers)
        self.load = self.peers.load
        return self

    async def __aexit__(self, *_):
        await self.peers.close()
        assert await asyncio.to_thread(self.router.stop) == 0

    async def order(self, method, path, body=None):
        return await asyncio.to_thread(self.client.send, method, path, body)

    def send(self, name, *prefixes, window=WINDOW):
        self.load.send(self.peers.numbers[name], Traffic(prefixes), window=window)

    def lane(self, name):
        return self.load.lane(self.peers.numbers[name])

    async def until(self, condition, timeout=10.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "timed out"
            await asyncio.sleep(0.005)

    async def more(self, name, count=500):
        """Wait until traffic has visibly gone on."""
        start = self.lane(name)["fulfilled"]
        await self.until(lambda: self.lane(name)["fulfilled"] >= start + count)


def play(directory, scene):
    async def run():
        async with Scene(directory) as found:
            return await scene(found)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())
