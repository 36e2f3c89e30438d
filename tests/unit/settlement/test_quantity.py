"""Quantities: the vectors, and conversions between scales that lose nothing."""

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.settlement.quantity import (
    NOTHING,
    Quantity,
    QuantityError,
    convert,
    parse_quantity,
)
from ilprouter.settlement.settler import whole_units

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/settlement.json").read_text())["vectors"]
SCALES = st.integers(0, 255)


def vectors(kind):
    return [pytest.param(v, id=v["name"]) for v in VECTORS if v["type"] == kind]


def value(quantity):
    return Fraction(quantity.amount, 10**quantity.scale)


@pytest.mark.parametrize("vector", vectors("settlement.quantity"))
def test_quantity_vectors(vector):
    body = bytes.fromhex(vector["hex"])
    if not vector["valid"]:
        with pytest.raises(QuantityError):
            parse_quantity(body)
        return
    quantity = parse_quantity(body)
    assert quantity.to_json() == vector["decoded"]


@pytest.mark.parametrize("vector", vectors("settlement.scale"))
def test_scale_vectors(vector):
    asked = json.loads(bytes.fromhex(vector["hex"]))
    units, rest = convert(Quantity(int(asked["amount"]), asked["fromScale"]), asked["toScale"])
    found = {"result": str(units), "leftover": str(rest.amount), "leftoverScale": rest.scale}
    assert found == vector["decoded"]


def test_every_vector_is_run():
    assert {vector["type"] for vector in VECTORS} == {"settlement.quantity", "settlement.scale"}


@given(st.integers(0, 10**30), SCALES, SCALES, st.integers(0, 10**30), SCALES)
def test_conversion_is_exact(amount, scale, to_scale, left, left_scale):
    units, rest = convert(Quantity(amount, scale), to_scale, Quantity(left, left_scale))
    total = Fraction(amount, 10**scale) + Fraction(left, 10**left_scale)
    assert Fraction(units, 10**to_scale) + value(rest) == total
    assert 0 <= value(rest) < Fraction(1, 10**to_scale)


@given(st.integers(0, 10**80), SCALES)
def test_reduced_is_the_same_value_in_one_form(amount, scale):
    quantity = Quantity(amount, scale)
    assert value(quantity.reduced()) == value(quantity)
    if scale < 255:
        assert Quantity(amount * 10, scale + 1).reduced() == quantity.reduced()


@given(st.integers(0, 2**64 - 1), SCALES, SCALES)
def test_an_engine_is_told_whole_units_and_the_books_the_same_value(units, asset, engine):
    quantity, debit = whole_units(units, asset, engine)
    assert value(quantity) == Fraction(debit, 10**asset)
    assert quantity.scale == engine
    assert 0 <= units - debit < 10 ** max(0, asset - engine)


def test_s7_a_hundred_thousand_random_scales_add_up():
    """What was credited and what is left over is what was sent, to the last digit."""
    chance = random.Random(7)
    rest, credited, scale = NOTHING, 0, 9
    sent_at_255 = 0
    for _ in range(100_000):
        quantity = Quantity(chance.randrange(10 ** chance.randint(1, 25)), chance.randint(0, 255))
        units, rest = convert(quantity, scale, rest)
        rest = rest.reduced()
        credited += units
        sent_at_255 += quantity.amount * 10 ** (255 - quantity.scale)
    assert credited * 10**246 + rest.amount * 10 ** (255 - rest.scale) == sent_at_255
    assert rest.amount * 10**scale < 10**rest.scale
