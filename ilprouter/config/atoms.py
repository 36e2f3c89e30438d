"""The value types the configuration is made of: names, addresses, amounts, with their ranges.

Knows no section and no key.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

AMOUNT_MAX = (
    2**63 - 1
)  # msgspec bounds are int64; a limit above this is no limit for a u64 amount in practice
PORTS = "IP address:port, IPv6 in brackets, port 0 to 65535"
NAME = r"^[A-Za-z0-9_~-]{1,64}\Z"
ASSET = r"^[A-Za-z0-9_.:-]{1,32}\Z"

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Name = Annotated[str, Meta(pattern=NAME, extra={"accepted": "1 to 64 of A-Z a-z 0-9 _ ~ -"})]
Address = Annotated[str, Meta(max_length=1023, extra={"accepted": "an ILP address such as g.acme"})]
SocketAddress = Annotated[str, Meta(max_length=64, extra={"accepted": PORTS})]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
PositiveAmount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
Code = Annotated[str, Meta(pattern=ASSET, extra={"accepted": "1 to 32 of A-Z a-z 0-9 _ . : -"})]
Scale = Annotated[int, Meta(ge=0, le=255)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Milliseconds = Annotated[int, Meta(ge=1, le=600_000)]
Uid = Annotated[int, Meta(ge=0, le=2**32 - 2)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: immutable, comparable, and closed to unknown keys."""


def about(description: str) -> Meta:
    """The sentence a key is documented with."""
    return Meta(description=description)
