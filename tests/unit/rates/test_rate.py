"""Rate and LiveRate: exact, immutable, compared by value, replaced by one pointer."""

from fractions import Fraction

import pytest

from ilprouter.rates.rate import LiveRate, Rate

U64 = 2**64 - 1


def test_is_kept_without_common_factors() -> None:
    rate = Rate(6, 4)
    assert (rate.numerator, rate.denominator) == (3, 2)
    assert rate == Rate(3, 2)
    assert hash(rate) == hash(Rate(3, 2))
    assert rate != Rate(2, 3)
    assert rate != Rate(3, 2, usable_until_ns=5)
    assert rate != Fraction(3, 2)
    assert repr(rate) == "Rate(3, 2)"


def test_takes_the_whole_of_u64() -> None:
    assert (Rate(U64, 1).numerator, Rate(1, U64).denominator) == (U64, U64)
    assert Rate(U64, U64) == Rate(1, 1)
    assert Rate(1, 1).usable_until_ns == 2**63 - 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 1), "numerator"),
        ((1, 0), "denominator"),
        ((U64 + 1, 1), "numerator"),
        ((1, -1), "denominator"),
        ((0.5, 1), "numerator"),
        ((True, 1), "numerator"),
        ((1, 1, -1), "usable_until_ns"),
        ((1, 1, 2**63), "usable_until_ns"),
    ],
)
def test_wrong_numbers_are_named(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be an integer from"):
        Rate(*arguments)


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Rate(1, 1).numerator = 2  # type: ignore[misc]


def test_live_rate_names_its_current_rate() -> None:
    live = LiveRate()
    assert live.rate is None
    rate = Rate(1, 2)
    live.replace(rate)
    assert live.rate is rate
    live.replace(None)
    assert live.rate is None
    assert repr(LiveRate(rate)) == "LiveRate(Rate(1, 2))"
