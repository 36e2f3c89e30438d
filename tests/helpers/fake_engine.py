"""A settlement engine that pays on a ledger of its own making and remembers every key it saw.

It can be told to answer 500 after it settled, to hang after or before, to be down, to refuse. Runs
in the test's process over aiohttp, on a loopback port that survives its restarts.
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import web


class FakeEngine:
    """An engine and its ledger.

    mode      "pay"; "pay, then 500"; "pay, then hang"; "hang"; or an HTTP status as text: refuse
    settled   key -> (account, amount, scale): what was paid, once for each key
    seen      (account, key) of every request for a settlement, in order
    accounts  ids it was told of
    port      kept over stop() and start()
    """

    def __init__(self, port: int = 0) -> None:
        self.mode = "pay"
        self.port = port
        self.settled: dict[str, tuple[str, int, int]] = {}
        self.seen: list[tuple[str, str]] = []
        self.created: list[str] = []
        self.accounts: set[str] = set()
        self.messages: list[tuple[str, bytes]] = []
        self.tokens: set[str | None] = set()
        self.message_answer = (201, b"pong")
        self.arrived = asyncio.Event()
        self.runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> FakeEngine:
        app = web.Application()
        app.router.add_post("/accounts", self.create)
        app.router.add_post("/accounts/{id}/settlements", self.settle)
        app.router.add_post("/accounts/{id}/messages", self.message)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Down: connections are refused from now on."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def __aenter__(self) -> FakeEngine:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def create(self, request: web.Request) -> web.Response:
        name = (await request.json())["id"]
        self.created.append(name)
        self.accounts.add(name)
        return web.json_response({"id": name}, status=201)

    async def settle(self, request: web.Request) -> web.Response:
        account, key = request.match_info["id"], request.headers["Idempotency-Key"]
        body = json.loads(await request.read())
        self.tokens.add(request.headers.get("Authorization"))
        self.seen.append((account, key))
        self.arrived.set()
        if self.mode.isdigit():
            return web.Response(status=int(self.mode))
        if account not in self.accounts:
            return web.Response(status=404)
        if self.mode == "hang":
            await asyncio.sleep(3600)
        value = (account, int(body["amount"]), body["scale"])
        if self.settled.setdefault(key, value) != value:
            return web.Response(status=409)
        if self.mode == "pay, then hang":
            await asyncio.sleep(3600)
        if self.mode == "pay, then 500":
            return web.Response(status=500)
        return web.json_response(body, status=201)

    async def message(self, request: web.Request) -> web.Response:
        self.messages.append((request.match_info["id"], await request.read()))
        status, body = self.message_answer
        return web.Response(status=status, body=body)

    def paid(self, account: str = "alice") -> int:
        """What the account's peer got in all, in the scale of the orders."""
        return sum(amount for name, amount, _ in self.settled.values() if name == account)
