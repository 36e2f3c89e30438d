"""Two routers that settle with each other through two real engines: processes, files and ports.

A payer sends pings with value through alice's router to bob's, which keeps them: alice owes bob,
and her engine pays his on a ledger in Redis. Everything listens on loopback; killing and starting
again is the test's.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path

import aiohttp

from ilprouter.bench.process import Child, RouterProcess, admin_get
from ilprouter.bench.topology import free_ports
from ilprouter.controllers.local import PING_CONDITION
from ilprouter.core.packet import Fulfill, Reject, parse
from tests.helpers.packets import prepare

NODE = Path(__file__).parents[1] / "interop" / "node"
OCTETS = {"Content-Type": "application/octet-stream"}

ROUTER = """
[node]
address = "g.{name}"
data_dir = "{directory}/data"
[base]
code = "USD"
scale = 9
[admin]
socket = "{directory}/admin.sock"
listen = "127.0.0.1:{admin_port}"
[[listen]]
endpoint = "http"
address = "127.0.0.1:{port}"
[ledger]
map_size_mib = 16
"""
PEER = """
[[peer]]
name = "{name}"
relation = "peer"
asset = {{ code = "USD", scale = 9 }}

[peer.link]
endpoint = "http"
url = "http://127.0.0.1:{port}/ilp"
incoming_tokens = ["{token_in}"]
outgoing_token = "{token_out}"

[peer.balance]
credit_limit = {credit}
{settle}
{settlement}
"""
ROUTE = '[[route]]\nprefix = "{prefix}"\npeer = "{peer}"\n'


def peer(name, port, token_in, token_out, credit=0, settle="", engine=None):
    return PEER.format(
        name=name,
        port=port,
        token_in=token_in,
        token_out=token_out,
        credit=credit,
        settle=settle,
        settlement=f'[peer.settlement]\nengine = "http://127.0.0.1:{engine}"' if engine else "",
    )


class Site:
    """One router's files, as RouterProcess takes them."""

    def __init__(self, directory, toml):
        self.directory = directory
        self.toml = toml
        self.admin_socket = directory / "admin.sock"
        self.config_path = directory / "ilprouter.toml"

    def write(self):
        self.directory.mkdir(exist_ok=True)
        self.config_path.write_text(self.toml)
        self.config_path.chmod(0o600)
        return self.config_path

    def account(self, name):
        """One account of the running router's books."""
        status, body = admin_get(self.admin_socket, "/v1/accounts")
        assert status == 200
        return next(account for account in body["accounts"] if account["name"] == name)

    def up(self, name):
        """Is the link to this peer up?"""
        peers = admin_get(self.admin_socket, "/v1/peers")[1]["peers"]
        return all(entry["up"] for entry in peers if entry["name"] == name)


class Pair:
    """Two routers, two engines, a Redis, and a payer in this process.

    threshold   what alice's router lets bob's wait for
    """

    def __init__(self, directory, threshold=1000):
        self.directory = directory
        ports = free_ports(7)
        self.a, self.b, self.a_admin, self.b_admin = ports[:4]
        self.a_engine, self.b_engine, self.redis_port = ports[4:]
        self.sites = {"alice": self.site_of_alice(threshold), "bob": self.site_of_bob()}
        self.running = {}
        self.session = None

    def site_of_alice(self, threshold):
        directory = self.directory / "alice"
        settle = f"settle_threshold = {threshold}\nsettle_to = 0"
        toml = ROUTER.format(
            name="alice", directory=directory, admin_port=self.a_admin, port=self.a
        )
        toml += peer("payer", 1, "payer-in", "payer-out", credit=10**15)
        toml += peer("bob", self.b, "bob-to-alice", "alice-to-bob", 0, settle, self.a_engine)
        return Site(directory, toml + ROUTE.format(prefix="g.bob", peer="bob"))

    def site_of_bob(self):
        directory = self.directory / "bob"
        toml = ROUTER.format(name="bob", directory=directory, admin_port=self.b_admin, port=self.b)
        toml += peer("alice", self.a, "alice-to-bob", "bob-to-alice", 10**12, "", self.b_engine)
        return Site(directory, toml)

    async def __aenter__(self):
        self.session = aiohttp.ClientSession()
        try:
            self.start("redis")
            for name in ("engine of alice", "engine of bob", "alice", "bob"):
                self.start(name)
            await self.ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc):
        for child in reversed(list(self.running.values())):
            child.kill()
        await self.session.close()

    def start(self, name):
        """Start a part: redis, alice, bob, or the engine of one of them."""
        if name in self.sites:
            self.running[name] = RouterProcess(self.sites[name])
        elif name == "redis":
            command = [shutil.which("redis-server"), "--port", str(self.redis_port)]
            command += ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            command += ["--dir", str(self.directory)]
            self.running[name] = Child(command, self.directory, "redis")
        else:
            self.running[name] = Engine(self, name.removeprefix("engine of "))

    def kill(self, name):
        """kill -9."""
        self.running[name].kill()

    async def ready(self, timeout=30):
        """Wait until every part serves and the routers see each other."""
        await until(lambda: all(self.running[name].ready() for name in self.sites), timeout)
        await until(
            lambda: self.sites["alice"].up("bob") and self.sites["bob"].up("alice"), timeout
        )

    async def pay(self, count, amount):
        """Send so many packets of the payer; returns how many were fulfilled."""
        answers = await asyncio.gather(*(self.packet(amount) for _ in range(count)))
        return sum(isinstance(answer, Fulfill) for answer in answers)

    async def packet(self, amount):
        headers = {**OCTETS, "Authorization": "Bearer payer-in"}
        url = f"http://127.0.0.1:{self.a}/ilp"
        async with self.session.post(
            url, data=prepare("g.bob", amount, condition=PING_CONDITION), headers=headers
        ) as answer:
            packet = parse(await answer.read())
            assert isinstance(packet, (Fulfill, Reject))
            return packet

    def settled(self):
        """(ordered by alice, received by bob, alice owes, bob is owed), units."""
        ours, theirs = self.sites["alice"].account("bob"), self.sites["bob"].account("alice")
        return (
            int(ours["settled_out"]),
            int(theirs["settled_in"]),
            int(ours["we_owe"]),
            int(theirs["peer_owes"]),
        )

    def orders(self):
        """What alice's router ordered."""
        path = self.sites["alice"].admin_socket
        return admin_get(path, "/v1/settlements")[1]["settlements"]

    def ledger(self):
        """Every payment on the engines' ledger, whole units of the asset as text."""
        command = ["redis-cli", "-p", str(self.redis_port), "lrange", "to:bob:log", "0", "-1"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line.split()[1] for line in lines.splitlines() if line]


class Engine(Child):
    """engine.js as a process."""

    def __init__(self, pair, owner):
        other = {"alice": "bob", "bob": "alice"}[owner]
        admin_port = pair.a_admin if owner == "alice" else pair.b_admin
        options = {
            "port": pair.a_engine if owner == "alice" else pair.b_engine,
            "connectorUrl": f"http://127.0.0.1:{admin_port}",
            "redis": f"redis://127.0.0.1:{pair.redis_port}/0",
            "account": other,
            "pays": f"to:{other}",
            "receives": f"to:{owner}",
        }
        command = ["node", str(NODE / "engine.js"), json.dumps(options)]
        super().__init__(command, pair.directory, f"engine of {owner}")


async def until(condition, timeout=30.0):
    """Poll from outside; a part that is just starting is not there yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if await asyncio.to_thread(condition):
                return
        except (OSError, ValueError, KeyError):
            pass
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)
