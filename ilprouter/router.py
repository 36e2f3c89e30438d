"""The composition root: every part of one router, built from a Config, opened and closed in order.

Owns who is given what. Knows no signal and no exit code (daemon.py), and does nothing per packet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ilprouter import clock
from ilprouter.admin.server import AdminServer
from ilprouter.admin.settlement import SettlementRoutes
from ilprouter.admin.views import State
from ilprouter.assembly import Assembly
from ilprouter.config import Config
from ilprouter.controllers.local import LocalController
from ilprouter.controllers.settle import SettleController
from ilprouter.core.endpoint import Link, Pool, Round
from ilprouter.core.reject import Status
from ilprouter.core.routes import RouteTable
from ilprouter.core.switch import Switch
from ilprouter.endpoints.loopback import LoopbackEndpoint, LoopbackLink
from ilprouter.errors import StoreError
from ilprouter.ledger.accounts import Ledger
from ilprouter.ledger.groups import GroupCommitter
from ilprouter.rates.base import RateTable, parse_price
from ilprouter.rates.book import RateBook
from ilprouter.routing.table import StaticRoute, build_routes
from ilprouter.settlement.messages import DESTINATION, ask
from ilprouter.settlement.service import Settlements
from ilprouter.stores.base import Store
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore
from ilprouter.transports import Transports
from ilprouter.view import View

__all__ = ["Router"]

log = logging.getLogger(__name__)

# Overdue packets are looked for this often while any is in flight: R00 leaves within 14 ms.
TICK_S = 0.01


class Router:
    """One router.

    config      what to build
    on_fenced   called once, on the loop, when the store failed: nothing is acknowledged any more
    """

    def __init__(self, config: Config, on_fenced: Callable[[Exception], None]) -> None:
        self.config = config
        self.on_fenced = on_fenced
        self.state: State = "starting"
        self.reasons: tuple[str, ...] = ("starting",)
        self.started_at_ms = clock.now_ms()
        self.pool = Pool(config.limits.buffers_small, config.limits.buffers_large)
        self.round = Round()
        address = config.node.address or "self.unknown"
        self.switch = Switch(
            self.pool, self.round, address, config.limits.pending_max, config.limits.max_hold_ms
        )
        self.transports = Transports(config, self.round, self.pool)
        self.links: dict[str, Link] = {}
        self.store: Store | None = None
        self.ledger: Ledger | None = None
        self.committer: GroupCommitter | None = None
        self.rates: RateBook | None = None
        self.peer_names: dict[int, str] = {}
        self.settlements: Settlements | None = None
        self.routes: tuple[StaticRoute, ...] = build_routes(config, config.node.address)
        self.ticking: asyncio.TimerHandle | None = None
        self.admin = AdminServer(View(self), config.admin)

    async def open(self) -> None:
        """Recover the books, bind every socket, take packets.

        raises   RouterError; then close() releases what was opened
        """
        self.open_ledger()
        self.open_local()
        self.rates = self.build_rates()
        assembly = Assembly(self.config, self.ledger, self.rates)
        for peer in self.config.peers:
            link = self.transports.add_link(peer)
            self.links[peer.name] = link
            number = self.switch.add_link(link, *assembly.pipelines(peer))
            self.peer_names[number] = peer.name
        self.open_settlement()
        self.publish_routes()
        self.round.after = self.after_round
        await self.admin.start()
        await self.transports.open()
        await self.transports.listen()
        if self.settlements is not None:
            self.settlements.start()
        self.state, self.reasons = "ready", ()

    def open_ledger(self) -> None:
        """Recover, name the accounts, make the boot commit, start the committer. Blocks on the
        disk: nobody is served yet.
        """
        kept = [peer for peer in self.config.peers if peer.balance.model == "local"]
        if self.config.node.profile != "connector" or not kept:
            return
        store: Store = MemoryStore()
        if self.config.ledger.store == "lmdb":
            store = LmdbStore(self.config.node.data_dir, size=self.config.ledger.map_size_mib << 20)
        store.open()
        self.store = store
        self.ledger = ledger = Ledger(store)
        for peer in kept:
            ledger.open_account(peer.name, peer.asset.code, peer.asset.scale)
            ledger.set_limits(
                peer.name,
                credit_limit=peer.balance.credit_limit,
                own_limit=peer.balance.we_owe_limit,
            )
        if behind_ms := ledger.clock_went_back():
            raise StoreError(
                f"the wall clock is {behind_ms} ms behind the last commit; set it, then start again"
            )
        ledger.boot()
        self.committer = GroupCommitter(
            ledger.journal,
            self.switch,
            asyncio.get_running_loop(),
            busy_ms=self.config.ledger.busy_ms,
            fence_ms=self.config.ledger.fence_ms,
            on_busy=self.on_store_busy,
            on_fence=self.on_store_failed,
        )
        self.committer.start()

    def on_store_busy(self, busy: bool) -> None:
        """A commit is slow: T03 to new Prepares until it returns."""
        log.warning("the store is slow" if busy else "the store has recovered")
        if self.state == "ready":
            self.switch.set_refusal(Status.STORE_BUSY if busy else 0)

    def on_store_failed(self, error: Exception) -> None:
        """A write failed: the switch is fenced already, the process must end."""
        self.state, self.reasons = "fenced", (str(error),)
        self.on_fenced(error)

    def build_rates(self) -> RateBook:
        """The prices of the configuration; an asset without one gets T00, and `check` says so
        before.
        """
        config = self.config
        rates = RateBook(config.base.code, config.base.scale)
        rates.publish(RateTable({rate.code: parse_price(rate.price) for rate in config.rates}))
        return rates

    def open_local(self) -> None:
        """The links to ourselves: one answers for our own address, one asks (ping)."""
        self.loopback = LoopbackEndpoint(self.round, self.pool)
        self.local = LocalController(self.switch.address, self.peer_names.get)
        self.responder = self.loopback.add_link("local", self.local, origin=True)
        self.pinger = self.loopback.add_link("ping")
        self.switch.set_local_link(self.switch.add_link(self.responder))
        self.switch.add_link(self.pinger)

    def open_settlement(self) -> None:
        """Settlement for the peers that have an engine, each with a link of its own for messages:
        what such a link sends to peer.settle goes to that peer and to nobody else.
        """
        ledger, committer = self.ledger, self.committer
        if ledger is None or committer is None:
            return
        askers: dict[str, LoopbackLink] = {}
        for peer in self.config.peers:
            if peer.settlement is not None:
                askers[peer.name] = asker = self.loopback.add_link(f"messages to {peer.name}")
                number = self.switch.add_link(asker)
                self.switch.set_neighbour(number, self.links[peer.name].number)

        async def send(account: str, data: bytes, timeout_s: float) -> bytes:
            return await ask(askers[account], data, timeout_s)

        self.settlements = settlements = Settlements(self.config, ledger, committer, send)
        self.local.controllers[DESTINATION] = SettleController(
            self.switch.address, settlements.message_in
        )
        self.admin.add(SettlementRoutes(settlements))

    def publish_routes(self) -> None:
        """The table the packets see: the configuration's routes, and our own address to the local
        controller.
        """
        table = [(self.switch.address, self.responder.number)]
        table += [(route.prefix, self.links[route.peer].number) for route in self.routes]
        self.switch.set_routes(RouteTable(table))

    # --- per batch and per tick: cheap, on the loop
    # ------------------------------------------------

    def after_round(self) -> None:
        """Called at the end of every batch: start a commit if one is due, watch the deadlines if
        any are set.
        """
        if self.committer is not None:
            self.committer.maybe_commit()
        if self.ticking is None and self.switch.in_flight:
            self.ticking = asyncio.get_running_loop().call_later(TICK_S, self.tick)

    def tick(self) -> None:
        """Reject what is overdue."""
        self.ticking = None
        self.switch.tick()

    # --- the end
    # -------------------------------------------------------------------------------------

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new Prepares (T03) and wait for those in flight; False when some were still open
        at the end.
        """
        self.state, self.reasons = "draining", ("draining",)
        self.switch.set_refusal(Status.STORE_BUSY)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self.switch.in_flight and loop.time() < deadline:
            await asyncio.sleep(0.02)
        return self.switch.in_flight == 0

    async def close(self) -> None:
        """Release every socket and the store. Safe after a failed or a missing open()."""
        self.state, self.reasons = "stopped", ("stopped",)
        await self.admin.stop()
        if self.settlements is not None:
            await self.settlements.close()
        await self.transports.close()
        if self.ticking is not None:
            self.ticking.cancel()
        self.round.after = None
        if self.committer is not None:
            await self.committer.close()
        if self.store is not None:
            self.store.close()
