"""Prices as text and as base units per link unit: exact, or an error that says where and why."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.errors import ConfigError
from ilprouter.rates.base import RateTable, parse_price, to_rate
from ilprouter.rates.rate import Rate

U64 = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1", Fraction(1)),
        ("0.52", Fraction(13, 25)),
        ("007.50", Fraction(15, 2)),
        ("13/25", Fraction(13, 25)),
        ("26/50", Fraction(13, 25)),
        ("0.000000000000000001", Fraction(1, 10**18)),
    ],
)
def test_price_is_exact(text: str, price: Fraction) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "0.0", "0/1", "1/0", "-1", "+1", "1e3", "1.", ".5", "1.5/2", "1/2/3", " 1", "1\n",
        "1_000", "٣", "nan", "inf", "9" * 81, 0.52, 1, None, True, Fraction(1, 2),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(text: object) -> None:
    with pytest.raises(ConfigError) as error:
        parse_price(text, file="router.toml", key="rate[0].price")
    assert (error.value.file, error.value.key) == ("router.toml", "rate[0].price")
    assert error.value.value == text
    assert '"0.52"' in error.value.accepted


@pytest.mark.parametrize(
    ("price", "asset_scale", "base_scale", "rate"),
    [
        (Fraction(13, 25), 9, 9, Rate(13, 25)),
        (Fraction(13, 25), 6, 9, Rate(520, 1)),
        (Fraction(13, 25), 9, 6, Rate(13, 25000)),
        (Fraction(1), 0, 18, Rate(10**18, 1)),
        (Fraction(1), 18, 0, Rate(1, 10**18)),
        (Fraction(1), 255, 255, Rate(1, 1)),
        (Fraction(U64), 0, 0, Rate(U64, 1)),
    ],
)
def test_scales_move_the_point(
    price: Fraction, asset_scale: int, base_scale: int, rate: Rate
) -> None:
    assert to_rate(price, asset_scale, base_scale) == rate


@pytest.mark.parametrize(
    ("price", "asset_scale", "base_scale"),
    [
        (Fraction(U64 + 1), 0, 0),
        (Fraction(1, U64 + 1), 0, 0),
        (Fraction(1), 0, 20),
        (Fraction(1), 20, 0),
        (Fraction(1), 255, 0),
    ],
)
def test_ratio_that_needs_more_than_u64_is_refused(
    price: Fraction, asset_scale: int, base_scale: int
) -> None:
    with pytest.raises(ConfigError, match="reduces to two 64-bit integers"):
        to_rate(price, asset_scale, base_scale, file="router.toml", key="rate[0].price")


@pytest.mark.parametrize("scale", [-1, 256])
def test_scale_is_a_byte(scale: int) -> None:
    with pytest.raises(ConfigError, match="asset scale from 0 to 255"):
        to_rate(Fraction(1), scale, 9)
    with pytest.raises(ConfigError, match="base scale from 0 to 255"):
        to_rate(Fraction(1), 9, scale)


@given(
    whole=st.integers(0, 10**6),
    digits=st.text("0123456789", min_size=1, max_size=6),
    asset_scale=st.integers(0, 12),
    base_scale=st.integers(0, 12),
)
def test_ratio_equals_the_fraction(
    whole: int, digits: str, asset_scale: int, base_scale: int
) -> None:
    text = f"{whole}.{digits}"
    exact = Fraction(text) * Fraction(10) ** (base_scale - asset_scale)
    if exact == 0:
        with pytest.raises(ConfigError):
            parse_price(text)
        return
    rate = to_rate(parse_price(text), asset_scale, base_scale)
    assert Fraction(rate.numerator, rate.denominator) == exact


def test_age_goes_with_the_rate() -> None:
    assert to_rate(Fraction(1), 9, 9, usable_until_ns=17).usable_until_ns == 17


def test_table_does_not_follow_its_source() -> None:
    prices = {"XRP": Fraction(1, 2)}
    table = RateTable(prices)
    prices["XRP"] = Fraction(2)
    assert table.prices["XRP"] == Fraction(1, 2)
    with pytest.raises(TypeError):
        table.prices["XRP"] = Fraction(2)  # type: ignore[index]
