"""The rates in use: one LiveRate for each asset, all replaced together by a new table of prices.

Owns which asset has which rate. Knows no source of prices, no peer and no packet.
"""

from __future__ import annotations

from fractions import Fraction

from ilprouter.rates.base import RateTable, to_rate
from ilprouter.rates.rate import LiveRate, Rate

__all__ = ["RateBook"]


class RateBook:
    """Hands the same LiveRate to every stage that converts an asset, and keeps it current.

    base_code, base_scale   the base currency; its own price is 1 whatever a table says
    file                    the configuration file, for errors
    """

    def __init__(self, base_code: str, base_scale: int, *, file: str = "") -> None:
        self.base_code = base_code
        self.base_scale = base_scale
        self.file = file
        self.table = RateTable({})
        self.rates: dict[tuple[str, int], LiveRate] = {}

    def live(self, code: str, scale: int) -> LiveRate:
        """The rate of one asset, for both exchange stages; empty (T00) while its price is unknown.

        raises   ConfigError when price and scales do not fit two u64
        """
        key = (code, scale)
        if key not in self.rates:
            self.rates[key] = LiveRate(self.compute(self.table, code, scale))
        return self.rates[key]

    def publish(self, table: RateTable) -> None:
        """Use `table` from the next batch on; an asset it does not name loses its rate.

        Call it on the thread that moves packets. Computes every rate before replacing the first.
        raises   ConfigError, with every old rate still in place
        """
        fresh = {key: self.compute(table, *key) for key in self.rates}
        for key, rate in fresh.items():
            self.rates[key].replace(rate)
        self.table = table

    def compute(self, table: RateTable, code: str, scale: int) -> Rate | None:
        """The rate of one asset by `table`, or None."""
        where = f"rate.{code}.price"
        if code == self.base_code:
            return to_rate(Fraction(1), scale, self.base_scale, file=self.file, key=where)
        price = table.prices.get(code)
        if price is None:
            return None
        return to_rate(
            price,
            scale,
            self.base_scale,
            usable_until_ns=table.usable_until_ns,
            file=self.file,
            key=where,
        )
