"""Amounts as settlement engines write them: parsing, and exact conversion between scales.

Owns the one rounding of an incoming settlement (down) and what it leaves over. Knows no account,
no engine and no store.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

__all__ = ["BODY_BYTES_MAX", "NOTHING", "Quantity", "QuantityError", "convert", "parse_quantity"]

SCALE_MAX = 255
# 20 digits of a u64 at scale 0, written at scale 255: with more digits no account can hold it.
DIGITS_MAX = 20 + SCALE_MAX
BODY_BYTES_MAX = 1024  # an amount of DIGITS_MAX digits, its scale, and room for spaces
DIGITS = re.compile(rf"[0-9]{{1,{DIGITS_MAX}}}")


class QuantityError(ValueError):
    """Bytes that are no Quantity; the message says what is wrong with them."""


class Quantity(NamedTuple):
    """`amount` x 10^-`scale` whole units of an asset.

    amount   >= 0, exact
    scale    0 to 255
    """

    amount: int
    scale: int

    def reduced(self) -> Quantity:
        """The same value with the smallest scale: equal values become equal."""
        amount, scale = self
        while scale and amount % 10 == 0:
            amount, scale = amount // 10, scale - 1
        return Quantity(amount, scale)

    def to_json(self) -> dict[str, Any]:
        """As IL-RFC 38 writes it: the amount is text."""
        return {"amount": str(self.amount), "scale": self.scale}


NOTHING = Quantity(0, 0)


def parse_quantity(body: bytes) -> Quantity:
    """Read a Quantity of IL-RFC 38: {"amount": "<decimal digits>", "scale": 0..255}.

    body     UTF-8 JSON of at most BODY_BYTES_MAX bytes; unknown keys are ignored, a key that comes
             twice is an error
    raises   QuantityError
    """
    if len(body) > BODY_BYTES_MAX:
        raise QuantityError(f"longer than {BODY_BYTES_MAX} bytes")
    try:
        found = json.loads(body.decode(), object_pairs_hook=once, parse_constant=refuse)
    except QuantityError:
        raise
    except (ValueError, RecursionError):
        raise QuantityError("not JSON") from None
    if not isinstance(found, dict):
        raise QuantityError("not a JSON object")
    amount, scale = found.get("amount"), found.get("scale")
    if type(scale) is not int:
        raise QuantityError("scale is not an integer")
    if not 0 <= scale <= SCALE_MAX:
        raise QuantityError(f"scale is not from 0 to {SCALE_MAX}")
    if not isinstance(amount, str):
        raise QuantityError("amount is not a string")
    if DIGITS.fullmatch(amount) is None:
        raise QuantityError(f"amount is not 1 to {DIGITS_MAX} decimal digits")
    return Quantity(int(amount), scale)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict. Raises QuantityError for a key that comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise QuantityError("a key comes twice")
    return found


def refuse(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise QuantityError(f"{name} is no JSON")


def convert(quantity: Quantity, scale: int, leftover: Quantity = NOTHING) -> tuple[int, Quantity]:
    """Convert into units of another scale, rounding down and keeping what is left over.

    quantity   what came
    scale      of the units wanted, 0 to 255
    leftover   what earlier conversions left over; it is added first
    returns    (units, rest): units x 10^-scale + rest = quantity + leftover exactly, and
               rest < 1 unit. rest has the finer scale of quantity and leftover
    source     IL-RFC 38 "Scale": neither side may drop a fraction
    """
    finest = max(quantity.scale, leftover.scale)
    total = quantity.amount * 10 ** (finest - quantity.scale)
    total += leftover.amount * 10 ** (finest - leftover.scale)
    if finest <= scale:
        return total * 10 ** (scale - finest), Quantity(0, finest)
    units, rest = divmod(total, 10 ** (finest - scale))
    return units, Quantity(rest, finest)
