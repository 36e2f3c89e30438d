"""Stages written in plain Python: what such a class sees of a packet, and what it may answer.

Owns the value types and the Protocol; knows no endpoint and no switch. What calls such a class is
ilprouter.middleware.bridge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

__all__ = ["PacketInfo", "PythonStage", "Refusal", "Response"]


class Response(IntEnum):
    """How a packet that a stage let pass has ended. The numbers are those of ilp_pipeline.h."""

    FULFILL = 0
    REJECT = 1  # the next hop's
    ABORT = 2  # our own: refused by a later stage, not sent, or expired
    LATE = 3  # after FULFILL, incoming side only: not delivered in time, the charge is undone


@dataclass(frozen=True, slots=True)
class PacketInfo:
    """One packet as a Python stage sees it. Reading is free; changing it changes nothing.

    handle                names the packet from on_prepare to its last on_response, unique meanwhile
    amount_incoming       units of the incoming link
    amount_outgoing       units of the outgoing link; on the incoming side the amount as it came
    data_len              bytes of the Prepare's data
    received_ns           CLOCK_BOOTTIME at which the batch was read
    expires_incoming_ns   CLOCK_BOOTTIME
    expires_outgoing_ns   CLOCK_BOOTTIME; what the next hop is told, as shortened so far
    destination           ILP address; "" in on_response, where the packet has gone on already
    """

    handle: int
    amount_incoming: int
    amount_outgoing: int
    data_len: int
    received_ns: int
    expires_incoming_ns: int
    expires_outgoing_ns: int
    destination: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Prepare is refused.

    status           an ilp_status (ilprouter.core.reject.Status); it decides code and message
    amount_maximum   with AMOUNT_TOO_LARGE only: the inclusive limit, units of the incoming link
    """

    status: int
    amount_maximum: int = 0


class PythonStage(Protocol):
    """What PythonMiddleware wraps. Runs on the packet thread: never wait in it.

    A class may also have `side` = "incoming", "outgoing" or "either" (default). An exception in
    on_prepare refuses the packet with T00; one in on_response is logged. Neither disturbs any other
    packet.
    """

    def on_prepare(self, packet: PacketInfo) -> Refusal | None:
        """None lets the Prepare pass."""

    def on_response(self, packet: PacketInfo, response: Response) -> None:
        """Called once for each packet this stage let pass (and once more for LATE)."""
