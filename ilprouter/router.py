"""The composition root: every part of one router, built from a Config, opened and closed in order.

Owns who is given what. Knows no signal and no exit code (daemon.py), and does nothing per packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from ilprouter import clock
from ilprouter.admin.server import AdminServer
from ilprouter.admin.settlement import SettlementRoutes
from ilprouter.admin.views import State
from ilprouter.assembly import Assembly, refusing
from ilprouter.config import Config, Peer
from ilprouter.config.documents import Document, of_config
from ilprouter.controllers.local import LocalController
from ilprouter.controllers.settle import SettleController
from ilprouter.core.endpoint import Link, Pool, Round
from ilprouter.core.pipeline import Pipeline
from ilprouter.core.reject import Status
from ilprouter.core.routes import RouteTable
from ilprouter.core.switch import Switch
from ilprouter.endpoints.loopback import LoopbackEndpoint, LoopbackLink
from ilprouter.errors import StoreError
from ilprouter.ledger.accounts import Ledger
from ilprouter.ledger.groups import GroupCommitter
from ilprouter.ledger.upkeep import Upkeep
from ilprouter.orders import Orders
from ilprouter.rates.book import RateBook
from ilprouter.reload import open_account, price_table, set_limits
from ilprouter.routing.table import StaticRoute, build_routes
from ilprouter.settlement.messages import DESTINATION, ask
from ilprouter.settlement.service import Settlements
from ilprouter.stores.base import Store
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore
from ilprouter.transports import Transports

__all__ = ["Router"]

log = logging.getLogger(__name__)

# Overdue packets are looked for this often while any is in flight: R00 leaves within 14 ms.
TICK_S = 0.01
# A clock that is disciplined, not set, may be this much behind the last commit (M15).
CLOCK_BACK_MS = 1000


class Router:
    """One router.

    config      what to build; a reload replaces it
    on_fenced   called once, on the loop, when the store failed: nothing is acknowledged any more
    path        the file the configuration is read from again; None: it came from no file
    documents   the files as they were read

    revision    grows with every change of the configuration in force
    watchers    called with the configuration before and after each change, on the loop
    drained     peers that take no new packets until an operator says otherwise
    """

    def __init__(
        self,
        config: Config,
        on_fenced: Callable[[Exception], None],
        *,
        path: Path | None = None,
        documents: tuple[Document, ...] | None = None,
    ) -> None:
        self.config = config
        self.path = path
        self.documents = of_config(config, Path("<memory>")) if documents is None else documents
        self.revision = 1
        self.watchers: list[Callable[[Config, Config], None]] = []
        self.config_ok = True
        self.last_reload_ms: int | None = None
        self.stopping = False
        self.drained: set[str] = set()
        self.pipelines: dict[str, tuple[Pipeline, Pipeline]] = {}
        self.partings: set[asyncio.Future[None]] = set()
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
        self.peer_names: dict[int, str] = {}
        self.askers: dict[str, LoopbackLink] = {}
        self.settlements: Settlements | None = None
        self.routes: tuple[StaticRoute, ...] = build_routes(config, config.node.address)
        self.ticking: asyncio.TimerHandle | None = None
        self.upkeep: Upkeep | None = None
        self.held_back: set[str] = set()
        self.rates = self.build_rates()
        self.assembly = Assembly(None, self.rates)
        self.orders = Orders(self)
        self.admin = AdminServer(self.orders, config.admin)

    async def open(self) -> None:
        """Recover the books, bind every socket, take packets.

        raises   RouterError; then close() releases what was opened
        """
        self.open_ledger()
        self.open_local()
        self.assembly = Assembly(self.ledger, self.rates)
        for peer in self.config.peers:
            link = self.transports.add_link(peer, self.transports.prepare(peer))
            self.links[peer.name] = link
            self.pipelines[peer.name] = self.assembly.pipelines(self.config, peer)
            self.switch.add_link(link, *self.pipelines[peer.name])
            self.introduce(peer)
        self.open_settlement()
        self.publish_routes()
        self.round.after = self.after_round
        await self.admin.start()
        await self.transports.open()
        await self.transports.listen()
        if self.settlements is not None:
            self.settlements.start()
        self.state = "ready"
        self.hold_back("starting", False)

    def open_ledger(self) -> None:
        """Recover, name the accounts, make the boot commit, start the committer. Blocks on the
        disk: nobody is served yet.
        """
        # Without a peer that has books, too: one may be added while the router runs.
        if self.config.node.profile != "connector":
            return
        store: Store = MemoryStore()
        if self.config.ledger.store == "lmdb":
            store = LmdbStore(self.config.node.data_dir, size=self.config.ledger.map_size_mib << 20)
        store.open()
        self.store = store
        self.ledger = ledger = Ledger(store)
        for peer in self.config.peers:
            open_account(self, peer)
            set_limits(self, peer)
        if (behind_ms := ledger.clock_went_back()) > CLOCK_BACK_MS:
            raise StoreError(
                f"the wall clock is {behind_ms} ms behind the last commit; set it, then start again"
            )
        ledger.boot()
        self.committer = GroupCommitter(
            ledger.journal,
            self.switch,
            asyncio.get_running_loop(),
            interval_ms=self.config.ledger.interval_ms,
            busy_ms=self.config.ledger.busy_ms,
            fence_ms=self.config.ledger.fence_ms,
            on_busy=self.on_store_busy,
            on_fence=self.on_store_failed,
        )
        self.committer.start()
        self.upkeep = Upkeep(self.committer, asyncio.get_running_loop(), self.on_store_full)
        self.upkeep.start()

    def on_store_busy(self, busy: bool) -> None:
        """A commit is slow: T03 to new Prepares until it returns."""
        log.warning("the store is slow" if busy else "the store has recovered")
        self.hold_back("the store is slow", busy)

    def on_store_full(self, full: bool) -> None:
        """The next commit might not fit: T03 to new Prepares until there is space."""
        log.error("the store is full" if full else "the store takes packets again")
        self.hold_back("the store is full", full)

    def hold_back(self, reason: str, on: bool) -> None:
        """Refuse new Prepares while any reason stands; also shown by /readyz."""
        (self.held_back.add if on else self.held_back.discard)(reason)
        if self.state == "ready":
            self.reasons = tuple(sorted(self.held_back))
            self.switch.set_refusal(Status.STORE_BUSY if self.held_back else 0)

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
        rates.publish(price_table(config))
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
        """Settlement for the peers that have an engine. Each has a link of its own for messages:
        what such a link sends to peer.settle goes to that peer and to nobody else.
        """
        ledger, committer = self.ledger, self.committer
        if ledger is None or committer is None:
            return

        async def send(account: str, data: bytes, timeout_s: float) -> bytes:
            return await ask(self.askers[account], data, timeout_s)

        self.settlements = settlements = Settlements(self.config, ledger, committer, send)
        self.local.controllers[DESTINATION] = SettleController(
            self.switch.address, settlements.message_in
        )
        self.admin.add(SettlementRoutes(settlements))
        self.watchers.append(settlements.take_up)

    def introduce(self, peer: Peer) -> None:
        """Tell a peer's link to those who name peers: the local controllers and the messages of
        its settlement engine.
        """
        number = self.links[peer.name].number
        self.peer_names[number] = peer.name
        if peer.settlement is None:
            return
        if peer.name not in self.askers:
            self.askers[peer.name] = asker = self.loopback.add_link(f"messages to {peer.name}")
            self.switch.add_link(asker)
        self.switch.set_neighbour(self.askers[peer.name].number, number)

    def publish_routes(self) -> None:
        """The table the packets see: the configuration's routes, and our own address to the local
        controller.
        """
        self.routes = build_routes(self.config, self.config.node.address)
        table = [(self.switch.address, self.responder.number)]
        table += [(route.prefix, self.links[route.peer].number) for route in self.routes]
        self.switch.set_routes(RouteTable(table))

    def set_pipelines(self, name: str) -> None:
        """Let a peer's packets pass its stages, or none while it is drained."""
        pair = refusing() if name in self.drained else self.pipelines[name]
        self.switch.set_pipelines(self.links[name].number, *pair)

    def open_on(self, link: Link) -> int:
        """Prepares of a peer that have no answer yet."""
        counts = link.counters()
        return counts["prepares_in"] - counts["fulfills_out"] - counts["rejects_out"]

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

    def refuse_new(self) -> None:
        """Take no new Prepares (T03); those in flight go on."""
        if self.state == "ready":
            self.state, self.reasons = "draining", ("draining",)
            self.switch.set_refusal(Status.STORE_BUSY)

    def resume(self) -> None:
        """Take new Prepares again."""
        if self.state == "draining":
            self.state = "ready"
            self.hold_back("draining", False)

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new Prepares (T03) and wait for those in flight; False when some were still open
        at the end.
        """
        self.stopping = True
        self.refuse_new()
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
        for parting in tuple(self.partings):
            parting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await parting
        await self.transports.close()
        if self.ticking is not None:
            self.ticking.cancel()
        if self.upkeep is not None:
            self.upkeep.stop()
        self.round.after = None
        if self.committer is not None:
            await self.committer.close()
        if self.store is not None:
            self.store.close()
