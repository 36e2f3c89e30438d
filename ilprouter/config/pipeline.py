"""Which stages stand before and after the switch for a peer, in order, with their options.

Never builds or imports a stage.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ilprouter.config.types import Config, Peer

Side = Literal["incoming", "outgoing"]

# Cheap refusals first, then what must be undone; the amount is in base units only between the two
# exchanges. Expiry before balance: a packet that comes too late must not make the books reserve
# for it.
CONNECTOR: dict[Side, tuple[str, ...]] = {
    "incoming": ("rate-limit", "max-amount", "throughput", "in-flight", "balance", "exchange"),
    "outgoing": ("expiry", "exchange", "balance", "throughput"),
}
RELAY: dict[Side, tuple[str, ...]] = {
    "incoming": ("rate-limit", "max-amount", "throughput", "in-flight"),
    "outgoing": ("expiry", "throughput"),
}
CORE: dict[Side, tuple[str, ...]] = {"incoming": (), "outgoing": ()}
DEFAULTS = {"connector": CONNECTOR, "relay": RELAY, "core": CORE}


class Stage(Struct, frozen=True):
    """One stage of one peer's pipeline.

    name      registry name, e.g. "rate-limit"
    options   its numbers from the peer's table: units are in their names
    """

    name: str
    options: dict[str, int]


def order(config: Config, side: Side) -> tuple[str, ...]:
    """The names of a side's stages: the node's own order, or the profile's."""
    own = config.pipeline.incoming if side == "incoming" else config.pipeline.outgoing
    return DEFAULTS[config.node.profile][side] if own is None else own


def stages(config: Config, peer: Peer, side: Side) -> tuple[Stage, ...]:
    """The stages of one peer on one side, without those its table gives nothing to do."""
    built = (stage_of(name, peer, side) for name in order(config, side))
    return tuple(stage for stage in built if stage is not None)


def stage_of(name: str, peer: Peer, side: Side) -> Stage | None:
    """One stage with its options, or None when nothing in the peer's table asks for it."""
    limits, balance = peer.limits, peer.balance
    options: dict[str, int | None] = {}
    match name:
        case "rate-limit":
            needed = limits.packets_per_second is not None
            options = {"packets_per_second": limits.packets_per_second, "burst": limits.burst}
        case "max-amount":
            needed = limits.max_packet_amount is not None
            options = {"amount_max": limits.max_packet_amount}
        case "throughput":
            amount = (
                limits.incoming_amount_per_second
                if side == "incoming"
                else limits.outgoing_amount_per_second
            )
            needed = amount is not None
            options = {"amount_per_second": amount}
        case "in-flight":
            needed = True
            options = {"packets_max": limits.in_flight, "amount_max": limits.in_flight_amount}
        case "balance":
            needed = balance.model != "none"
            options = (
                {"credit_limit": balance.credit_limit}
                if side == "incoming"
                else {"we_owe_limit": balance.we_owe_limit}
            )
        case "expiry":
            needed = True
            options = {"min_window_ms": limits.min_window_ms, "max_hold_ms": limits.max_hold_ms}
        case _:
            needed = True
    if not needed:
        return None
    return Stage(name, {key: value for key, value in options.items() if value is not None})
