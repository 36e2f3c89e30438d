"""Settlement over a real ledger and a real admin socket, without packets: a node whose store, clock
and engine are the test's.
"""

from __future__ import annotations

import asyncio
import json

import aiohttp

from ilprouter.admin.server import AdminServer
from ilprouter.admin.settlement import SettlementRoutes
from ilprouter.config.load import parse
from ilprouter.ledger import GroupCommitter, Ledger
from ilprouter.settlement.service import Settlements
from tests.helpers.ledgers import CountingBarrier
from tests.unit.admin.fake import FakeRouter

PEER = """
[[peer]]
name = "{name}"
relation = "peer"
asset = {{ code = "USD", scale = {scale} }}
link = {{ endpoint = "http", url = "http://127.0.0.1:1/ilp", outgoing_token = "t" }}
balance = {{ model = "local", credit_limit = 1000000{balance} }}
{settlement}
"""


def peer(name="alice", *, scale=9, balance="", engine="http://127.0.0.1:1", settlement=""):
    """TOML of one peer; `engine` None leaves the settlement table out."""
    table = ""
    if engine is not None:
        table = f'settlement = {{ engine = "{engine}"{settlement} }}'
    return PEER.format(name=name, scale=scale, balance=balance, settlement=table)


class Node:
    """A ledger with settlement on an admin socket.

    store   open; kept over restarts
    toml    further configuration: peers
    """

    def __init__(self, directory, store, toml, *, listen=False, admin=""):
        tcp = 'listen = "127.0.0.1:0"' if listen else ""
        self.path = directory / "admin.sock"
        self.config = parse(
            f'[node]\naddress = "g.us"\n[admin]\nsocket = "{self.path}"\n{tcp}\n{admin}\n{toml}'
        )
        self.store = store
        self.now_ms = 1_800_000_000_000
        self.fenced = None
        self.sent = []

    async def __aenter__(self):
        self.ledger = Ledger(self.store, accounts_max=1024)
        for entry in self.config.peers:
            self.ledger.open_account(entry.name, entry.asset.code, entry.asset.scale)
            self.ledger.set_limits(entry.name, credit_limit=entry.balance.credit_limit)
        self.ledger.boot()
        self.committer = GroupCommitter(
            self.ledger.journal,
            CountingBarrier(),
            asyncio.get_running_loop(),
            on_fence=lambda error: setattr(self, "fenced", error),
        )
        self.committer.start()
        self.settlements = Settlements(
            self.config, self.ledger, self.committer, self.send, lambda: self.now_ms
        )
        self.server = AdminServer(FakeRouter(), self.config.admin)
        self.server.add(SettlementRoutes(self.settlements))
        await self.server.start()
        self.settlements.start()
        self.session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.path)))
        return self

    async def __aexit__(self, *exc):
        await self.session.close()
        await self.server.stop()
        await self.settlements.close()
        await self.committer.close()

    async def send(self, account, data, timeout_s):
        """What the router does with a message for the peer's engine: here it comes back."""
        self.sent.append((account, data))
        return b"answer to " + data

    async def post(self, path, body, headers=None, kind="application/json", method="POST"):
        """(status, body) of one request on the socket."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(
            method,
            f"http://localhost{path}",
            data=data,
            headers={"Content-Type": kind, **(headers or {})},
        ) as answer:
            return answer.status, await answer.read()

    async def notify(self, amount="1000", scale=9, key="k1", account="alice"):
        """Report a settlement as an engine does."""
        return await self.post(
            f"/accounts/{account}/settlements",
            {"amount": amount, "scale": scale},
            {"Idempotency-Key": key},
        )

    def settled_in(self, account="alice"):
        """Durable credit, units of the account."""
        return self.ledger.describe(account)["settled_in"]

    def leftover(self, account="alice"):
        """What waits for the next settlement."""
        number = self.ledger.account(account).number
        row = self.settlements.notifications.incoming.get(number)
        return None if row is None else row.leftover

    def owe(self, amount, account="alice"):
        """The peer fulfilled packets of ours worth so much: with the next commit we owe it."""
        book, number = self.ledger.book, self.ledger.account(account).number
        house = self.ledger.account(account).number
        assert book.hold_out(number, amount) in (0, 1)
        book.credit(number, amount)
        assert house == number
        self.committer.maybe_commit()
