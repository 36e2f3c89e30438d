"""Answer `peer.settle`: hand a peer's message to our settlement engine, and its answer back.

Owns the conditions, the bound on messages at once, and which Reject an engine's answer becomes.
Knows no HTTP and no balance; never forwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from ilprouter import clock
from ilprouter.core.packet import DATA_MAX, Fulfill, Prepare
from ilprouter.core.reject import Status, make_reject
from ilprouter.settlement.engine import Outcome, Result
from ilprouter.settlement.messages import CONDITION, FULFILLMENT

__all__ = ["RFC_CONDITION", "SettleController"]

# What IL-RFC 38 prints: SHA-256 of nothing. The switch lets the zero fulfillment answer it here.
RFC_CONDITION = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
AT_ONCE_MAX = 8  # messages of one peer: an engine that hangs must not hold packets of others
ENGINE_TIMEOUT_S = 10.0
MARGIN_S = 0.5  # of the Prepare's life, kept for the way back

# (account, data, seconds) -> how our engine answered; None: the account has no engine.
Deliver = Callable[[str, bytes, float], Awaitable[Result | None]]


class SettleController:
    """Handles Prepares to peer.settle.

    address   our ILP address
    deliver   reaches the account's engine
    """

    def __init__(self, address: str, deliver: Deliver) -> None:
        self.address = address
        self.deliver = deliver
        self.at_once: Counter[str] = Counter()

    async def __call__(self, prepare: Prepare, account: str) -> bytes:
        """Answer one Prepare of the peer that has this account."""
        if prepare.execution_condition not in (CONDITION, RFC_CONDITION):
            return self.reject(Status.INVALID_PACKET)
        if prepare.amount:
            return self.reject(Status.UNEXPECTED_PAYMENT)
        left_s = (prepare.expires_at - clock.now_ms()) / 1000 - MARGIN_S
        if left_s <= 0:
            return self.reject(Status.INSUFFICIENT_TIMEOUT)
        if self.at_once[account] >= AT_ONCE_MAX:
            return self.reject(Status.RATE_LIMITED)
        self.at_once[account] += 1
        try:
            result = await self.deliver(account, prepare.data, min(left_s, ENGINE_TIMEOUT_S))
        finally:
            self.at_once[account] -= 1
            if not self.at_once[account]:
                del self.at_once[account]
        if result is None:
            return self.reject(Status.UNREACHABLE)
        if result.outcome is Outcome.DONE:
            if result.reason or len(result.body) > DATA_MAX:
                return self.reject(Status.INTERNAL_ERROR)
            return Fulfill(FULFILLMENT, result.body).to_bytes()
        # The engine's own "no" is final for this message; anything else may pass.
        if 400 <= result.status < 500:
            return self.reject(Status.BAD_REQUEST)
        return self.reject(Status.INTERNAL_ERROR)

    def reject(self, status: Status) -> bytes:
        """A Reject of ours."""
        return make_reject(status, self.address)
