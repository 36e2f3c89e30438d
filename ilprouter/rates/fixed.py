"""Prices that stand in the configuration. Owns the table; knows no scale and never ages."""

from __future__ import annotations

from collections.abc import Mapping

from ilprouter.rates.base import RateTable, parse_price

__all__ = ["FixedRates"]


class FixedRates:
    """A rate source without a feed.

    prices   asset code -> price text ("0.52", "13/25")
    file     the configuration file they stand in, for errors
    raises   ConfigError naming the code for a price that is not exact or not above 0
    """

    def __init__(self, prices: Mapping[str, object], *, file: str = "") -> None:
        self.table = RateTable(
            {
                code: parse_price(text, file=file, key=f"rate.{code}.price")
                for code, text in prices.items()
            }
        )

    async def fetch(self, now_ns: int) -> RateTable:
        """The same table at any time."""
        return self.table
