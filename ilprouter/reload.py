"""Taking up another configuration while packets flow: check everything, then swap between two
batches.

Owns the order of the steps. Knows no file (config.documents), no request and no signal.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ilprouter.assembly import refusing
from ilprouter.changes import (
    Change,
    PeerChange,
    changes,
    in_force,
    needs_restart,
    peer_changes,
)
from ilprouter.config import Config, HttpLink, Peer
from ilprouter.config.documents import Document, broken_rules, compose
from ilprouter.core.endpoint import Link
from ilprouter.core.pipeline import Pipeline
from ilprouter.rates.base import RateTable, parse_price

if TYPE_CHECKING:
    from ilprouter.router import Router

__all__ = ["Plan", "apply", "open_account", "plan", "price_table", "set_limits"]

log = logging.getLogger(__name__)

# A link that is left is looked at this often, and dropped this long after the last packet on it
# must have had its answer: the answer may have to be sent again until the peer has it.
LOOK_S = 0.05
LINGER_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that was checked and can be applied.

    config      what is in force afterwards
    documents   what it comes from
    changes     in the words of operators
    restart     keys that differ and stay as they are until a restart
    contexts    TLS towards peers that get a new link
    """

    config: Config
    documents: tuple[Document, ...]
    changes: tuple[Change, ...]
    restart: tuple[str, ...]
    peers: tuple[PeerChange, ...]
    contexts: dict[str, ssl.SSLContext | None] = field(default_factory=dict)


def plan(router: Router, documents: tuple[Document, ...]) -> Plan:
    """Check a configuration against its rules and against what is running. Changes nothing.

    May read certificates: call it on another thread than the packets'.
    raises   ConfigError or EndpointError, the first problem found
    """
    wanted, origins = compose(documents)
    config = in_force(router.config, wanted)
    # The files must be right as they are, and also together with what only a restart changes.
    for candidate in (wanted, config):
        for breach in broken_rules(candidate, origins):
            raise breach
    found = peer_changes(router.config, config)
    contexts: dict[str, ssl.SSLContext | None] = {}
    for change in found:
        peer = change.after
        if peer is None:
            continue
        if router.ledger is not None and peer.balance.model == "local":
            router.ledger.check_account(peer.name, peer.asset.code, peer.asset.scale)
        if not change.link_stays:
            contexts[peer.name] = router.transports.prepare(peer)
    return Plan(
        config,
        documents,
        changes(router.config, config),
        needs_restart(router.config, wanted),
        found,
        contexts,
    )


def apply(router: Router, found: Plan) -> None:
    """Take a plan up at once: between two batches every packet sees all of it or none.

    Call it on the loop, with no other change since `plan`. Packets in flight walk back through the
    pipelines they came by, and links that are left stay until their requests are over.
    """
    before, config = router.config, found.config
    for change in found.peers:
        open_account(router, change.after)
    pipelines = build_pipelines(router, found)
    for change in found.peers:
        set_limits(router, change.after)
    left = free_names(router, found.peers)
    for change in found.peers:
        if change.after is not None:
            take_link(router, change, found.contexts)
    for name, pair in pipelines.items():
        router.pipelines[name] = pair
        router.set_pipelines(name)
    router.config, router.documents = config, found.documents
    router.revision += 1
    router.publish_routes()
    for link, pair in left:
        part(router, link, pair)
    for watcher in router.watchers:
        watcher(before, config)
    router.after_round()


def build_pipelines(router: Router, found: Plan) -> dict[str, tuple[Pipeline, Pipeline]]:
    """Publish the prices, and build the pipelines of every peer that gets others.

    raises   ConfigError or ValueError, with every old price in place
    """
    config, prices = found.config, router.rates.table
    if router.config.rates != config.rates:
        router.rates.publish(price_table(config))
    everybody = router.config.pipeline != config.pipeline
    changed = [change.after for change in found.peers if change.after is not None]
    try:
        return {
            peer.name: router.assembly.pipelines(config, peer)
            for peer in (config.peers if everybody else changed)
        }
    except Exception:
        router.rates.publish(prices)
        raise


def price_table(config: Config) -> RateTable:
    """The prices of a configuration."""
    return RateTable({rate.code: parse_price(rate.price) for rate in config.rates})


def open_account(router: Router, peer: Peer | None) -> None:
    """The books of a peer; a new account moves nothing until it has limits."""
    if router.ledger is not None and peer is not None and peer.balance.model == "local":
        router.ledger.open_account(peer.name, peer.asset.code, peer.asset.scale)


def set_limits(router: Router, peer: Peer | None) -> None:
    """What a peer may owe us, and we it, from now on."""
    if router.ledger is not None and peer is not None and peer.balance.model == "local":
        router.ledger.set_limits(
            peer.name, credit_limit=peer.balance.credit_limit, own_limit=peer.balance.we_owe_limit
        )


Left = list[tuple[Link, tuple[Pipeline, Pipeline]]]


def free_names(router: Router, found: Iterable[PeerChange]) -> Left:
    """Let go of the links, names and tokens that are not kept, before others may ask for them.

    returns   the links to part from, and the pipelines they have until then
    """
    left: Left = []
    for change in found:
        if change.before is None:
            continue
        link = router.links[change.name]
        if change.link_stays and change.after is not None:
            old, new = change.before.link, change.after.link
            if isinstance(old, HttpLink) and isinstance(new, HttpLink):
                kept = frozenset(old.incoming_tokens) & frozenset(new.incoming_tokens)
                router.transports.revoke(link, kept)
            continue
        router.transports.leave(link)
        del router.links[change.name]
        # Over HTTP a request that has begun belongs to a peer that stays: it may still come in.
        stays = change.after is not None and isinstance(change.before.link, HttpLink)
        left.append((link, router.pipelines[change.name] if stays else refusing()))
        if change.after is None:
            router.pipelines.pop(change.name)
            router.drained.discard(change.name)
            router.assembly.forget(change.name)
    return left


def take_link(
    router: Router, change: PeerChange, contexts: dict[str, ssl.SSLContext | None]
) -> None:
    """The peer's link as it shall be: the same one, or a new one."""
    peer = change.after
    if peer is None:
        return
    if change.link_stays:
        router.transports.change_link(router.links[peer.name], peer)
        router.introduce(peer)
        return
    link = router.transports.add_link(peer, contexts[peer.name])
    router.links[peer.name] = link
    # It gets its pipelines before the next packet; until then it has none of anybody else's.
    router.switch.add_link(link, *refusing())
    router.introduce(peer)


def part(router: Router, link: Link, pair: tuple[Pipeline, Pipeline]) -> None:
    """Leave a link to its last requests."""
    router.switch.set_pipelines(link.number, *pair)
    task = asyncio.ensure_future(see_off(router, link))
    router.partings.add(task)
    task.add_done_callback(router.partings.discard)


async def see_off(router: Router, link: Link) -> None:
    """Wait until nothing is in flight on a link, in either direction, then drop it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + router.config.limits.max_hold_ms / 1000 + LINGER_S
    while router.open_on(link) or router.transports.open_requests(link):
        if loop.time() >= deadline:
            log.warning("a link was dropped with requests open", extra={"link": link.name})
            break
        await asyncio.sleep(LOOK_S)
    router.transports.drop(link)
    router.switch.remove_link(link.number)
    router.peer_names.pop(link.number)
