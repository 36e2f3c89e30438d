"""Prices: what a configuration or a feed says about an asset, as exact ratios with an age.

Owns the parsing of a price and its conversion to base units per link unit. Knows no source of
prices; never makes a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from types import MappingProxyType
from typing import Final, Protocol

from ilprouter.errors import ConfigError
from ilprouter.rates.rate import Rate

__all__ = ["FOREVER_NS", "RateSource", "RateTable", "parse_price", "to_rate"]

U64_MAX: Final = 2**64 - 1
FOREVER_NS: Final = 2**63 - 1
DIGITS_MAX: Final = 80  # more than two u64 can hold; bounds the work on hostile text
PRICE: Final = re.compile(r"[0-9]+(\.[0-9]+|/[0-9]+)?")
ACCEPTED: Final = 'text: an exact decimal such as "0.52" or a ratio such as "13/25", above 0'


@dataclass(frozen=True, slots=True)
class RateTable:
    """The prices of one moment.

    prices            asset code -> base currency per whole asset, exact, > 0
    usable_until_ns   CLOCK_BOOTTIME ns from which on none of them may be used
    """

    prices: Mapping[str, Fraction]
    usable_until_ns: int = FOREVER_NS

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", MappingProxyType(dict(self.prices)))


class RateSource(Protocol):
    """Where prices come from."""

    async def fetch(self, now_ns: int) -> RateTable:
        """The prices at CLOCK_BOOTTIME `now_ns`; RouterError when there are none to trust."""


def parse_price(text: object, *, file: str = "", key: str = "price") -> Fraction:
    """The exact value of a price.

    text       "0.52", "3" or "13/25"; ASCII digits, no sign, no exponent, at most 80 characters
    file, key  where the text stands, for the error
    returns    base currency per whole asset, > 0
    raises     ConfigError for anything else, a float included: its digits are already lost
    """
    if not isinstance(text, str) or len(text) > DIGITS_MAX or not PRICE.fullmatch(text):
        raise ConfigError(file, key, text, ACCEPTED)
    above, _, below = text.partition("/")
    if below and int(below) == 0:
        raise ConfigError(file, key, text, ACCEPTED)
    price = Fraction(above) / int(below or "1")
    if price == 0:
        raise ConfigError(file, key, text, ACCEPTED)
    return price


def to_rate(
    price: Fraction,
    asset_scale: int,
    base_scale: int,
    *,
    usable_until_ns: int = FOREVER_NS,
    file: str = "",
    key: str = "price",
) -> Rate:
    """Base units per link unit.

    price                    base currency per whole asset, > 0
    asset_scale, base_scale  u8; a link unit is 10^-asset_scale of the asset, a base unit
                             10^-base_scale of the base currency
    returns                  price * 10^base_scale / 10^asset_scale, reduced; nothing is rounded
    raises                   ConfigError when the reduced ratio does not fit two u64: give a price
                             with fewer digits, or scales that lie closer together
    """
    for name, scale in (("asset scale", asset_scale), ("base scale", base_scale)):
        if not 0 <= scale <= 255:
            raise ConfigError(file, key, scale, f"{name} from 0 to 255")
    numerator = price.numerator * 10**base_scale
    denominator = price.denominator * 10**asset_scale
    common = gcd(numerator, denominator)
    numerator //= common
    denominator //= common
    if not (0 < numerator <= U64_MAX and denominator <= U64_MAX):
        raise ConfigError(
            file,
            key,
            str(price),
            f"a price for which base units per link unit (scales {base_scale} and {asset_scale}) "
            "reduces to two 64-bit integers",
        )
    return Rate(numerator, denominator, usable_until_ns)
