"""Real routers in this process, with peers on real sockets: what the tests of threats are made of.

Owns configuration files, ports and tear-down. Must not decide what is correct: it shows the
router from outside only, through its sockets and its admin API.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ilprouter.bench.topology import free_ports, free_udp_ports
from ilprouter.config import load
from ilprouter.core.packet import Fulfill, Reject, parse
from ilprouter.router import Router
from tests.helpers.http_peer import Http2Peer, until
from tests.helpers.http_servers import Http2Server
from tests.helpers.link_peer import LinkPeer
from tests.helpers.packets import fulfill

HOST = "127.0.0.1"
CREDIT = 10**15


def toml(value: Any) -> str:
    """A value as TOML; JSON agrees for text, numbers and lists."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


class World:
    """One router and its peers. Add peers, then `async with world:`.

    directory   for the configuration, the books and the admin socket
    sections    further TOML
    """

    def __init__(
        self,
        directory: Path,
        *,
        address: str = "g.router",
        profile: str = "connector",
        rates: dict[str, str] | None = None,
        sections: str = "",
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.profile = profile
        self.rates = rates or {}
        self.sections = sections
        (self.http_port,) = free_ports(1)
        (self.udp_port,) = free_udp_ports(1)
        self.tables: list[str] = []
        self.routes: list[tuple[str, str]] = []
        self.links: dict[str, LinkPeer] = {}
        self.servers: dict[str, Http2Server] = {}
        self.clients: list[Http2Peer] = []
        self.fenced: list[Exception] = []
        self.router: Router

    # --- before it runs

    def udp(
        self,
        name: str,
        answers: Callable[[bytes], bytes | None] | None = None,
        *,
        prefix: str | None = None,
        remote: str | None = None,
        **terms: Any,
    ) -> World:
        """A peer over UDP. Without `remote` it is a LinkPeer of ours, in `links[name]`."""
        if remote is None:
            (port,) = free_udp_ports(1)
            remote = f"{HOST}:{port}"
            self.links[name] = LinkPeer((HOST, self.udp_port), answers or (lambda packet: None))
            self.links[name].port = port
        self._table(name, {"endpoint": "udp", "remote": remote}, prefix, terms)
        return self

    def http(self, name: str, *, prefix: str | None = None, **terms: Any) -> World:
        """A peer over HTTP/2. With `prefix` it also serves, by `servers[name]`."""
        link: dict[str, Any] = {"endpoint": "http", "incoming_tokens": [f"{name}-token"]}
        if prefix is not None:
            (port,) = free_ports(1)
            self.servers[name] = Http2Server(
                lambda connection, stream, headers, body: connection.answer(stream, fulfill())
            )
            self.servers[name].port = port
            link |= {"url": f"http://{HOST}:{port}/ilp", "outgoing_token": "to-the-peer"}
        self._table(name, link, prefix, terms)
        return self

    def _table(
        self, name: str, link: dict[str, Any], prefix: str | None, terms: dict[str, Any]
    ) -> None:
        code, scale = terms.get("asset", ("USD", 9))
        lines = [
            "[[peer]]",
            f"name = {toml(name)}",
            f"relation = {toml(terms.get('relation', 'peer'))}",
            f"asset = {toml({'code': code, 'scale': scale})}",
            f"link = {toml(link)}",
        ]
        if limits := terms.get("limits"):
            lines.append(f"limits = {toml(limits)}")
        if self.profile == "connector":
            balance = {"model": "local", "credit_limit": CREDIT} | terms.get("balance", {})
            lines.append(f"balance = {toml(balance)}")
        self.tables.append("\n".join(lines))
        if prefix is not None:
            self.routes.append((prefix, name))

    def route(self, prefix: str, name: str) -> World:
        """A further route."""
        self.routes.append((prefix, name))
        return self

    def config(self) -> str:
        """The router's configuration."""
        parts = [
            f"[node]\naddress = {toml(self.address)}\nprofile = {toml(self.profile)}\n"
            f"data_dir = {toml(str(self.directory / 'data'))}",
            '[base]\ncode = "USD"\nscale = 9',
            f"[admin]\nsocket = {toml(str(self.socket))}",
            "[ledger]\nmap_size_mib = 16" if "[ledger]" not in self.sections else "",
            f'[[listen]]\nendpoint = "http"\naddress = "{HOST}:{self.http_port}"',
            f'[[listen]]\nendpoint = "udp"\naddress = "{HOST}:{self.udp_port}"',
            *(
                f"[[rate]]\ncode = {toml(code)}\nprice = {toml(price)}"
                for code, price in self.rates.items()
            ),
            *self.tables,
            *(
                f"[[route]]\nprefix = {toml(prefix)}\npeer = {toml(name)}"
                for prefix, name in self.routes
            ),
            self.sections,
        ]
        return "\n".join(parts) + "\n"

    @property
    def socket(self) -> Path:
        """The admin socket."""
        return self.directory / "admin.sock"

    def write(self) -> Path:
        """Write the configuration; returns its path."""
        path = self.directory / "ilprouter.toml"
        path.write_text(self.config())
        path.chmod(0o600)
        return path

    # --- while it runs

    async def __aenter__(self) -> World:
        for server in self.servers.values():
            await server.listen(server.port)
        self.router = Router(load(self.write()), self.fenced.append)
        await self.router.open()
        for link in self.links.values():
            await link.start()
        await until(
            lambda: (
                all(link.peer for link in self.links.values())
                and all(self.router.links[name].up for name in (*self.links, *self.servers))
            )
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        for client in self.clients:
            await client.close()
        for link in self.links.values():
            await link.stop()
        await self.router.close()
        for server in self.servers.values():
            await server.close()

    async def connect(self, **options: Any) -> Http2Peer:
        """A new HTTP/2 connection to the router; it ends with the world."""
        self.clients.append(await Http2Peer.connect(self.http_port, **options))
        return self.clients[-1]

    async def ask(self, name: str, packet: bytes, timeout_s: float = 10.0) -> Fulfill | Reject:
        """Send a Prepare as a UDP peer and wait for its answer."""
        answer = parse(await asyncio.wait_for(self.links[name].request(packet), timeout_s))
        assert isinstance(answer, Fulfill | Reject)
        return answer

    async def get(self, target: str) -> bytes:
        """The body of a GET on the admin socket."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        writer.write(f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 200"), head
        return body

    async def books(self) -> bytes:
        """The account dump at rest: two equal dumps mean unchanged books."""
        await until(lambda: self.router.switch.in_flight == 0, 40)
        return await self.get("/v1/accounts")

    async def account(self, name: str) -> dict[str, Any]:
        """One account, amounts as integers; not waiting for rest."""
        for account in json.loads(await self.get("/v1/accounts"))["accounts"]:
            if account["name"] == name:
                return {
                    key: int(value) if isinstance(value, str) and value.isdecimal() else value
                    for key, value in account.items()
                }
        raise AssertionError(f"no account {name}")

    def counter(self, name: str) -> int:
        """One of the switch's counters, or of its Rejects by reason."""
        switch = self.router.switch
        counters = switch.counters()
        return counters[name] if name in counters else switch.rejects().get(name, 0)

    def assert_at_rest(self) -> None:
        """Nothing is left of any packet."""
        assert self.router.switch.in_flight == 0
        for link in self.router.links.values():
            assert getattr(link, "in_flight", 0) == 0
