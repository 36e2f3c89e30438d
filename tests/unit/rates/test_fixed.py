"""FixedRates: the configured prices at any time, refused at start-up when one is not exact."""

from fractions import Fraction

import pytest

from ilprouter.errors import ConfigError
from ilprouter.rates.base import FOREVER_NS
from ilprouter.rates.fixed import FixedRates


async def test_same_table_at_any_time() -> None:
    source = FixedRates({"XRP": "0.52", "EUR": "27/25"})
    table = await source.fetch(0)
    assert dict(table.prices) == {"XRP": Fraction(13, 25), "EUR": Fraction(27, 25)}
    assert table.usable_until_ns == FOREVER_NS
    assert await source.fetch(10**18) is table


def test_wrong_price_names_its_code_and_file() -> None:
    with pytest.raises(ConfigError) as error:
        FixedRates({"XRP": 0.52}, file="router.toml")
    assert str(error.value).startswith("router.toml: rate.XRP.price = 0.52; accepted: text")
