"""From a stage's name and options to a Middleware: what each built-in stage needs besides its
numbers.

Owns the wiring of stages to the books and the rates. Knows no socket and no packet.
"""

from __future__ import annotations

from typing import Any

from ilprouter.config import Config, Peer, Stage, stages
from ilprouter.core.pipeline import Middleware, Pipeline
from ilprouter.ledger.accounts import Ledger
from ilprouter.middleware.bridge import as_stage
from ilprouter.rates.book import RateBook
from ilprouter.registry import MIDDLEWARE, load

__all__ = ["Assembly"]


class Assembly:
    """Builds the pipelines of every peer.

    ledger   the books; None where no peer has any
    rates    prices in force
    """

    def __init__(self, config: Config, ledger: Ledger | None, rates: RateBook) -> None:
        self.config = config
        self.ledger = ledger
        self.rates = rates

    def pipelines(self, peer: Peer) -> tuple[Pipeline, Pipeline]:
        """The peer's incoming and outgoing pipeline, from the order and the numbers of the
        configuration.
        """
        incoming = [
            self.stage(stage, peer, "incoming") for stage in stages(self.config, peer, "incoming")
        ]
        outgoing = [
            self.stage(stage, peer, "outgoing") for stage in stages(self.config, peer, "outgoing")
        ]
        return Pipeline(incoming, "incoming"), Pipeline(outgoing, "outgoing")

    def stage(self, stage: Stage, peer: Peer, side: str) -> Middleware:
        """One stage. Raises ConfigError for a name nobody registered or a side where it may not
        stand.
        """
        part: Any = load(MIDDLEWARE, stage.name, side)
        if stage.name == "balance" and self.ledger is not None:
            built = part(self.ledger.book, self.ledger.account(peer.name).number)
        elif stage.name == "exchange":
            built = part(self.rates.live(peer.asset.code, peer.asset.scale))
        else:
            built = part(**stage.options)
        return as_stage(built)
