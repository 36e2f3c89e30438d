"""Messages between settlement engines, as ILP packets to `peer.settle` over one peer's link.

Owns the Prepare we send and what its answer means to our engine. Knows no HTTP and no switch: a
link that leads to exactly one peer is given to it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ilprouter import clock
from ilprouter.core.packet import DATA_MAX, Fulfill, Prepare, parse
from ilprouter.errors import SettlementError

__all__ = ["CONDITION", "DESTINATION", "FULFILLMENT", "MESSAGE_BYTES_MAX", "MessageError", "ask"]

DESTINATION = "peer.settle"
FULFILLMENT = bytes(32)
# SHA-256 of FULFILLMENT. IL-RFC 38 prints that of nothing at all, which no fulfillment has; every
# implementation sends this one.
CONDITION = bytes.fromhex("66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925")
MESSAGE_BYTES_MAX = DATA_MAX
TIMEOUT_S = 30.0


class MessageError(SettlementError):
    """A message did not reach the peer's engine, or got no answer.

    status   HTTP status for our engine
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class Asker(Protocol):
    """A loopback link whose peer.* packets all go to one peer."""

    async def request(self, packet: bytes) -> bytes:
        """Send a Prepare, return its answer."""
        ...


async def ask(link: Asker, data: bytes, timeout_s: float) -> bytes:
    """Carry a message to the engine behind a link and return that engine's answer.

    data     at most MESSAGE_BYTES_MAX bytes
    raises   MessageError
    """
    expires_at_ms = clock.now_ms() + int(timeout_s * 1000)
    prepare = Prepare(0, expires_at_ms, CONDITION, DESTINATION, data)
    try:
        # The switch's timer answers first; this one is for a router that is shutting down.
        answer = parse(await asyncio.wait_for(link.request(prepare.to_bytes()), timeout_s + 1))
    except TimeoutError:
        raise MessageError(504, "the peer did not answer in time") from None
    if isinstance(answer, Fulfill):
        return answer.data
    if isinstance(answer, Prepare):
        raise MessageError(502, "the peer's answer is neither a Fulfill nor a Reject")
    raise MessageError(502, f"the peer rejected the message: {answer.code} {answer.message}")
