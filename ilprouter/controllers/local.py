"""Packets to our own address: answer a ping, refuse the rest.

Owns the ping convention (a fixed fulfillment that both sides know). Never forwards, never sees a
balance.
"""

from __future__ import annotations

from ilprouter.core.packet import Fulfill, Prepare, parse
from ilprouter.core.reject import Status, make_reject

__all__ = ["PING_CONDITION", "PING_FULFILLMENT", "LocalController"]

# The one-way ping of the Java connector: whoever owns the address fulfills with these 32 octets.
PING_FULFILLMENT = b"ping" * 8
PING_CONDITION = bytes.fromhex("8c00bc0c614f64f7e1e00b59a57baf5c57b6a119a90d54af489836a13f9bc77e")


class LocalController:
    """The handler of the loopback link that our own address routes to.

    address   our ILP address
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, packet: bytes) -> bytes:
        """Answer one Prepare: Fulfill for a ping to exactly our address, else a Reject.

        packet   a canonical Prepare; the switch has parsed it before
        """
        prepare = parse(packet)
        if not isinstance(prepare, Prepare) or prepare.destination.startswith("peer."):
            return make_reject(Status.UNKNOWN_PEER_PROTOCOL, self.address)
        if prepare.destination != self.address:
            return make_reject(Status.UNREACHABLE, self.address)
        if prepare.execution_condition != PING_CONDITION:
            return make_reject(Status.INVALID_PACKET, self.address)
        return Fulfill(PING_FULFILLMENT, prepare.data).to_bytes()
