"""From a stage's name and options to a Middleware: what each built-in stage needs besides its
numbers.

Owns the wiring of stages to the books and the rates, and the stages in use: one whose options did
not change is used again, so that its bucket or counter goes on. Knows no socket and no packet.
"""

from __future__ import annotations

from typing import Any

from ilprouter.config import Config, Peer, Stage, stages
from ilprouter.core.pipeline import Middleware, Pipeline
from ilprouter.core.reject import Status
from ilprouter.ledger.accounts import Ledger
from ilprouter.middleware.bridge import as_stage
from ilprouter.middleware.refuse import Refuse
from ilprouter.rates.book import RateBook
from ilprouter.registry import MIDDLEWARE, load

__all__ = ["Assembly", "refusing"]

Place = tuple[str, str]  # (side, name of the stage)
Terms = tuple[object, ...]  # all that a stage was built from


class Assembly:
    """Builds the pipelines of every peer.

    ledger   the books; None where no peer has any
    rates    prices in force
    """

    def __init__(self, ledger: Ledger | None, rates: RateBook) -> None:
        self.ledger = ledger
        self.rates = rates
        self.built: dict[str, dict[Place, tuple[Terms, Middleware]]] = {}

    def pipelines(self, config: Config, peer: Peer) -> tuple[Pipeline, Pipeline]:
        """The peer's incoming and outgoing pipeline, from the order and the numbers of the
        configuration. Stages that the peer has with the same numbers are used again.

        raises   ConfigError or ValueError for a stage that cannot be built; nothing changes then
        """
        before = self.built.get(peer.name, {})
        fresh: dict[Place, tuple[Terms, Middleware]] = {}

        def side(name: str, found: tuple[Stage, ...]) -> list[Middleware]:
            built = []
            for stage in found:
                terms = self.terms(stage, peer)
                known = before.get((name, stage.name))
                part = known[1] if known and known[0] == terms else self.stage(stage, peer, name)
                fresh[name, stage.name] = (terms, part)
                built.append(part)
            return built

        pair = (
            Pipeline(side("incoming", stages(config, peer, "incoming")), "incoming"),
            Pipeline(side("outgoing", stages(config, peer, "outgoing")), "outgoing"),
        )
        self.built[peer.name] = fresh
        return pair

    def forget(self, name: str) -> None:
        """A peer is gone: should one of its name come again, it begins with new stages."""
        self.built.pop(name, None)

    def terms(self, stage: Stage, peer: Peer) -> Terms:
        """What a stage is built from: equal terms make equal stages."""
        if stage.name == "balance":
            return (peer.name, self.ledger is not None)  # its limits are the account's
        if stage.name == "exchange":
            return (peer.asset.code, peer.asset.scale)
        return tuple(sorted(stage.options.items()))

    def stage(self, stage: Stage, peer: Peer, side: str) -> Middleware:
        """One stage. Raises ConfigError for a name nobody registered or a side where it may not
        stand.
        """
        part: Any = load(MIDDLEWARE, stage.name, side)
        if stage.name == "balance" and self.ledger is not None:
            return as_stage(part(self.ledger.book, self.ledger.account(peer.name).number))
        if stage.name == "exchange":
            return as_stage(part(self.rates.live(peer.asset.code, peer.asset.scale)))
        return as_stage(part(**stage.options))


def refusing() -> tuple[Pipeline, Pipeline]:
    """Pipelines that let nothing pass: T03 to the peer, T01 to whoever sends to it."""
    return (
        Pipeline([Refuse(Status.CONNECTOR_BUSY)], "incoming"),
        Pipeline([Refuse(Status.PEER_UNREACHABLE)], "outgoing"),
    )
