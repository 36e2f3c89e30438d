"""Packets to our own address: answer a ping, hand peer.* to its controller, refuse the rest.

Owns the ping convention (a fixed fulfillment that both sides know) and the table of controllers.
Never forwards, never sees a balance.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ilprouter.core.packet import Fulfill, Prepare, parse
from ilprouter.core.reject import Status, make_reject

__all__ = ["PING_CONDITION", "PING_FULFILLMENT", "LocalController"]

# The one-way ping of the Java connector: whoever owns the address fulfills with these 32 octets.
PING_FULFILLMENT = b"ping" * 8
PING_CONDITION = bytes.fromhex("8c00bc0c614f64f7e1e00b59a57baf5c57b6a119a90d54af489836a13f9bc77e")


# (Prepare, name of the peer that sent it) -> its answer.
Controller = Callable[[Prepare, str], bytes | Awaitable[bytes]]


class LocalController:
    """The handler of the loopback link that our own address and peer.* route to.

    address       our ILP address
    peer_of       link number -> the peer's name; None for links that are no peer's
    controllers   destination -> who answers it, such as "peer.settle"
    """

    def __init__(self, address: str, peer_of: Callable[[int], str | None]) -> None:
        self.address = address
        self.peer_of = peer_of
        self.controllers: dict[str, Controller] = {}

    def __call__(self, packet: bytes, origin: int | None) -> bytes | Awaitable[bytes]:
        """Answer one Prepare: Fulfill for a ping to exactly our address, else as its controller
        says, else a Reject.

        packet   a canonical Prepare; the switch has parsed it before
        origin   number of the link it came in on; None when that is not known
        """
        prepare = parse(packet)
        if not isinstance(prepare, Prepare):
            return make_reject(Status.INVALID_PACKET, self.address)
        if prepare.destination.startswith("peer."):
            controller = self.controllers.get(prepare.destination)
            peer = None if origin is None else self.peer_of(origin)
            if controller is None or peer is None:
                return make_reject(Status.UNKNOWN_PEER_PROTOCOL, self.address)
            return controller(prepare, peer)
        if prepare.destination != self.address:
            return make_reject(Status.UNREACHABLE, self.address)
        if prepare.execution_condition != PING_CONDITION:
            return make_reject(Status.INVALID_PACKET, self.address)
        return Fulfill(PING_FULFILLMENT, prepare.data).to_bytes()
