"""What operators see of the router: RouterView over the running parts.

Owns the mapping from the parts' counters to the admin API's answers. Decides nothing, changes
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from msgspec import to_builtins

from ilprouter import __version__, clock
from ilprouter.admin.views import (
    AccountView,
    CommitTimes,
    DoubtView,
    LogLevelName,
    Metrics,
    PeerDetail,
    PeerPipeline,
    PeerView,
    PingRequest,
    PingView,
    RateView,
    RejectCount,
    Status,
)
from ilprouter.config import HttpLink, Peer, Stage, stages
from ilprouter.config.documents import owner
from ilprouter.config.text import hidden, without_none
from ilprouter.controllers.local import PING_CONDITION
from ilprouter.core.address import valid_address
from ilprouter.core.packet import Fulfill, Prepare, Reject, parse
from ilprouter.core.reject import STATUSES, reject_entry
from ilprouter.errors import AdminError, UnknownAccountError
from ilprouter.ledger.groups import BUCKETS_MS, CommitStats
from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import Trace, trace

if TYPE_CHECKING:
    from ilprouter.router import Router

__all__ = ["View"]

LINK_COUNTERS = (
    "prepares_in",
    "prepares_out",
    "fulfills_in",
    "fulfills_out",
    "rejects_in",
    "rejects_out",
    "bytes_in",
    "bytes_out",
)
REJECT_CODES = {entry.name: entry.code for entry in map(reject_entry, STATUSES)}


def stage_text(stage: Stage) -> str:
    """A stage as the pipeline view shows it: "name" or "name(option=number)"."""
    options = ", ".join(f"{key}={value}" for key, value in stage.options.items())
    return f"{stage.name}({options})" if options else stage.name


def commit_times(stats: CommitStats) -> CommitTimes:
    """The committer's histogram as cumulative buckets in seconds."""
    total = 0
    buckets = []
    for bound_ms, count in zip(BUCKETS_MS, stats.histogram, strict=False):
        total += count
        buckets.append((bound_ms / 1000, total))
    return CommitTimes(buckets=tuple(buckets), count=stats.commits, sum_seconds=stats.seconds)


class View:
    """RouterView of one router; every call reads counters and returns."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def status(self) -> Status:
        """The router in one page."""
        router = self.router
        config = router.config
        return Status(
            state=router.state,
            reasons=router.reasons,
            address=router.switch.address,
            profile=config.node.profile,
            version=__version__,
            pid=os.getpid(),
            started_at_ms=router.started_at_ms,
            uptime_ms=clock.now_ms() - router.started_at_ms,
            base_code=config.base.code,
            base_scale=config.base.scale,
            peers=len(config.peers),
            peers_up=sum(link.up for link in router.links.values()),
            routes=len(router.routes),
            in_flight=router.switch.in_flight,
            in_flight_max=router.switch.slots,
            waiting=router.switch.waiting,
            buffers_in_use=router.pool.in_use,
            epoch=router.ledger.epoch if router.ledger else None,
            config_ok=router.config_ok,
        )

    def peers(self) -> tuple[PeerView, ...]:
        """Every peer, in the order of the configuration."""
        return tuple(self.peer(peer) for peer in self.router.config.peers)

    def peer(self, peer: Peer) -> PeerView:
        """One peer's link; what its transport counts besides packets and bytes goes to
        endpoint_counters.
        """
        link = self.router.links[peer.name]
        counters = link.counters()
        return PeerView(
            name=peer.name,
            relation=peer.relation,
            endpoint="http" if isinstance(peer.link, HttpLink) else "udp",
            asset_code=peer.asset.code,
            asset_scale=peer.asset.scale,
            up=link.up,
            room=link.room,
            draining=peer.name in self.router.drained,
            open_in=self.router.open_on(link),
            open_out=self.router.transports.in_flight(link),
            packets={name: counters.pop(name) for name in LINK_COUNTERS},
            endpoint_counters=counters,
        )

    def accounts(self) -> tuple[AccountView, ...]:
        """The books, in the order of the configuration, then those of removed peers; empty without
        balances.
        """
        ledger = self.router.ledger
        if ledger is None:
            return ()
        kept = [peer for peer in self.router.config.peers if peer.balance.model != "none"]
        names = {peer.name for peer in kept}
        left = [account for account in ledger.accounts() if account.name not in names]
        return (
            *(self.account(peer.name, peer.balance.model) for peer in kept),
            *(self.account(account.name, "none") for account in left),
        )

    def account(self, name: str, model: str) -> AccountView:
        """The books of one account. Raises UnknownAccountError."""
        ledger = self.router.ledger
        if ledger is None:
            raise UnknownAccountError(name)
        account, books = ledger.account(name), ledger.describe(name)
        return AccountView(
            name=name,
            asset_code=account.asset_code,
            asset_scale=account.asset_scale,
            model=model,
            credit_limit=str(books["credit_limit"]),
            peer_owes=str(max(0, books["peer_owes"])),
            # What the peer prepaid is ours to give back: it belongs to what we owe.
            we_owe=str(max(0, books["we_owe"]) + max(0, -books["peer_owes"])),
            hold_in=str(books["hold_in"]),
            hold_out=str(books["hold_out"]),
            fulfilled_in=str(books["fulfilled_in"]),
            fulfilled_out=str(books["fulfilled_out"]),
            settled_in=str(books["settled_in"]),
            settled_out=str(books["settled_out"]),
            voided_in=str(books["voided_in"]),
            frozen=bool(books["frozen"]),
            configured=model != "none",
        )

    def etag(self) -> str:
        """Names the configuration in force."""
        return f'"{self.router.started_at_ms}-{self.router.revision}"'

    def peer_detail(self, name: str) -> PeerDetail | None:
        """One peer with its terms, tokens hidden."""
        router = self.router
        peer = router.config.peer_named(name)
        if peer is None:
            return None
        file = owner(router.documents, "peer", name)
        return PeerDetail(
            peer=self.peer(peer),
            file=str(file) if file is not None and file.is_file() else None,
            definition=without_none(to_builtins(peer, enc_hook=hidden, str_keys=True)),
        )

    def rates(self) -> tuple[RateView, ...]:
        """The prices in force."""
        return tuple(
            RateView(code=rate.code, price=rate.price) for rate in self.router.config.rates
        )

    def doubts(self, resolved: bool) -> tuple[DoubtView, ...]:
        """What crashes left open, oldest first."""
        ledger = self.router.ledger
        if ledger is None:
            return ()
        names = {account.number: account.name for account in ledger.accounts()}
        return tuple(
            DoubtView(
                id=doubt["id"],
                kind=doubt["kind"],
                account=names[doubt["account"]],
                amount=doubt["amount"],
                epoch=doubt["epoch"],
                group=doubt.get("group"),
                note=doubt.get("note"),
                resolved_at_ms=doubt.get("resolved_at_ms"),
            )
            for doubt in ledger.doubts()
            if resolved or "note" not in doubt
        )

    def log_level(self) -> LogLevelName:
        """The least severe level that is written."""
        level = logging.getLogger().getEffectiveLevel()
        if level <= logging.DEBUG:
            return "debug"
        if level <= logging.INFO:
            return "info"
        return "warning" if level <= logging.WARNING else "error"

    def routes(self) -> tuple[StaticRoute, ...]:
        """Every route in force, sorted by prefix."""
        return self.router.routes

    def trace(self, address: str) -> Trace:
        """Where a packet to `address` would go now."""
        links = self.router.links
        return trace(
            address,
            self.router.switch.address,
            self.router.routes,
            lambda peer: peer in links and links[peer].up and peer not in self.router.drained,
        )

    async def ping(self, request: PingRequest) -> PingView:
        """Send one Prepare to an address and wait for its answer. Raises AdminError for what is no
        address.
        """
        if not valid_address(request.address):
            raise AdminError(
                f"{request.address!r} is not an ILP address", "Give a scheme and a segment: g.alice"
            )
        prepare = Prepare(
            request.amount,
            clock.now_ms() + request.timeout_ms,
            PING_CONDITION,
            request.address,
        )
        began_ns = clock.boottime_ns()
        try:
            # The switch's own timer answers first; this one only guards against a router that is
            # shutting down.
            answer = parse(
                await asyncio.wait_for(
                    self.router.pinger.request(prepare.to_bytes()), request.timeout_ms / 1000 + 1
                )
            )
        except TimeoutError:
            answer = Reject("R00", "")
        round_trip_us = (clock.boottime_ns() - began_ns) // 1000
        if isinstance(answer, Fulfill):
            return PingView(address=request.address, outcome="fulfill", round_trip_us=round_trip_us)
        if not isinstance(answer, Reject):
            raise AdminError("the answer is neither a Fulfill nor a Reject", "See the log")
        return PingView(
            address=request.address,
            outcome="timeout" if answer.code == "R00" else "reject",
            round_trip_us=round_trip_us,
            code=answer.code,
            triggered_by=answer.triggered_by,
            message=answer.message,
        )

    def pipelines(self) -> tuple[PeerPipeline, ...]:
        """The stages of every peer, in order."""
        config = self.router.config
        return tuple(
            PeerPipeline(
                peer=peer.name,
                incoming=tuple(map(stage_text, stages(config, peer, "incoming"))),
                outgoing=tuple(map(stage_text, stages(config, peer, "outgoing"))),
            )
            for peer in config.peers
        )

    def metrics(self) -> Metrics:
        """Everything a scrape needs, read at one moment."""
        router = self.router
        endpoints = {
            name: endpoint.counters() for name, endpoint in router.transports.endpoints.items()
        }
        settlements = router.settlements
        return Metrics(
            status=self.status(),
            peers=self.peers(),
            accounts=self.accounts(),
            rejects=tuple(
                RejectCount(code=REJECT_CODES[name], reason=name, count=count)
                for name, count in router.switch.rejects().items()
            ),
            switch=router.switch.counters(),
            endpoints=endpoints,
            buffers_max=router.config.limits.buffers_small + router.config.limits.buffers_large,
            commits=commit_times(router.committer.stats) if router.committer else None,
            last_reload_ms=router.last_reload_ms,
            store_errors=1 if router.state == "fenced" else 0,
            udp_rx_drops=sum(counts.get("kernel_drops", 0) for counts in endpoints.values()),
            settlements_open=settlements.open_states() if settlements else (),
            capacity_ages_seconds=settlements.capacities.ages() if settlements else {},
        )
