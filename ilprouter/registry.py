"""Names of parts: what a configuration calls a stage, transport, store or rate source.

Owns four tables from name to class, and the look-up; must not import a part before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final, NamedTuple

from ilprouter.errors import ConfigError

__all__ = ["ENDPOINTS", "MIDDLEWARE", "RATES", "STORES", "Sided", "load", "names", "sides"]

MIDDLEWARE_GROUP: Final = "ilprouter.middleware"


class Sided(NamedTuple):
    """A stage's class for each side of the switch, as "module:Class"; "" where it may not stand."""

    incoming: str = ""
    outgoing: str = ""


MIDDLEWARE: Final[Mapping[str, Sided]] = MappingProxyType(
    {
        "rate-limit": Sided(incoming="ilprouter.middleware.rate_limit:RateLimit"),
        "max-amount": Sided(incoming="ilprouter.middleware.max_amount:MaxAmount"),
        "in-flight": Sided(
            incoming="ilprouter.middleware.in_flight:InFlightIncoming",
            outgoing="ilprouter.middleware.in_flight:InFlightOutgoing",
        ),
        "throughput": Sided(
            incoming="ilprouter.middleware.throughput:ThroughputIncoming",
            outgoing="ilprouter.middleware.throughput:ThroughputOutgoing",
        ),
        "balance": Sided(
            incoming="ilprouter.middleware.balance:BalanceIncoming",
            outgoing="ilprouter.middleware.balance:BalanceOutgoing",
        ),
        "exchange": Sided(
            incoming="ilprouter.middleware.exchange:ExchangeIncoming",
            outgoing="ilprouter.middleware.exchange:ExchangeOutgoing",
        ),
        "expiry": Sided(outgoing="ilprouter.middleware.expiry:ShortenExpiry"),
    }
)
ENDPOINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http": "ilprouter.endpoints.http:HttpEndpoint",
        "udp": "ilprouter.endpoints.udp:UdpEndpoint",
        "loopback": "ilprouter.endpoints.loopback:LoopbackEndpoint",
    }
)
STORES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lmdb": "ilprouter.stores.lmdb:LmdbStore",
        "memory": "ilprouter.stores.memory:MemoryStore",
    }
)
RATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fixed": "ilprouter.rates.fixed:FixedRates",
    }
)

Table = Mapping[str, str] | Mapping[str, Sided]
# What each table is called in an error message.
KINDS: Final[tuple[tuple[Table, str], ...]] = (
    (MIDDLEWARE, "middleware"),
    (ENDPOINTS, "endpoint"),
    (STORES, "store"),
    (RATES, "rate source"),
)


def names(table: Table) -> list[str]:
    """Every name `load` accepts, sorted.

    table    one of the four; for MIDDLEWARE the entry points of installed packages count too
    """
    return sorted({*table, *(point.name for point in third_party(table))})


def sides(name: str) -> tuple[str, ...]:
    """The sides of the switch a stage may stand on: "incoming", "outgoing", or both.

    name     as in the configuration; a built-in stage is not imported, one of an entry point is
    raises   ConfigError as `load` does
    """
    stage = MIDDLEWARE.get(name)
    if stage is not None:
        return tuple(side for side in Sided._fields if getattr(stage, side))
    return sides_of(load(MIDDLEWARE, name))


def load(table: Table, name: str, side: str = "") -> type:
    """The class a name stands for; its module is imported now.

    table    one of the four
    name     as in the configuration; a built-in name wins over an entry point of the same name
    side     "incoming" or "outgoing", for MIDDLEWARE only; "" leaves an entry point unchecked
    returns  the class. Of an entry point it may be a plain Python class: see
             ilprouter.middleware.bridge.as_stage
    raises   ConfigError for a name nobody registered, or a side where the stage may not stand;
             ImportError when the part cannot be imported
    """
    kind = next(kind for known, kind in KINDS if known is table)
    entry = table.get(name)
    if entry is None:
        for point in third_party(table):
            if point.name == name:
                found: type = point.load()
                if side and side not in sides_of(found):
                    raise ConfigError(
                        "", f"{kind} {name}, side", side, " or ".join(sides_of(found))
                    )
                return found
        raise ConfigError("", kind, name, f"one of {', '.join(names(table))}")
    target = entry
    if isinstance(entry, Sided):
        target = getattr(entry, side, "") if side in Sided._fields else ""
        if not target:
            raise ConfigError("", f"{kind} {name}, side", side, " or ".join(sides(name)))
    module, _, attribute = str(target).partition(":")
    part: type = getattr(import_module(module), attribute)
    return part


def sides_of(stage: type) -> tuple[str, ...]:
    """The sides a stage's class names: its attribute `side`, "either" when it has none."""
    side = getattr(stage, "side", "either")
    return Sided._fields if side == "either" else (side,)


def third_party(table: Table) -> Iterator[EntryPoint]:
    """Stages that installed packages offer; other tables are closed."""
    if table is MIDDLEWARE:
        yield from entry_points(group=MIDDLEWARE_GROUP)
