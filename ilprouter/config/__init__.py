"""The configuration: `load(path) -> Config`.

Owns shapes, bounds and rules; opens no socket and starts nothing.
"""

from ilprouter.config.documents import examine, load
from ilprouter.config.links import HttpLink, HttpListen, UdpLink, UdpListen
from ilprouter.config.load import parse
from ilprouter.config.pipeline import Stage, stages
from ilprouter.config.secret import Secret
from ilprouter.config.types import (
    Admin,
    Asset,
    Balance,
    Base,
    Config,
    Peer,
    PeerLimits,
    Rate,
    Route,
    Settlement,
)

__all__ = [
    "Admin",
    "Asset",
    "Balance",
    "Base",
    "Config",
    "HttpLink",
    "HttpListen",
    "Peer",
    "PeerLimits",
    "Rate",
    "Route",
    "Secret",
    "Settlement",
    "Stage",
    "UdpLink",
    "UdpListen",
    "examine",
    "load",
    "parse",
    "stages",
]
