"""The latency histogram against sorted lists."""

import random

import pytest

from ilprouter.bench.histogram import Histogram


def filled(values):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def test_empty_has_no_percentile():
    assert Histogram().percentile_ns(50) == 0


@pytest.mark.parametrize("value", [0, 1, 63, 64, 65, 127, 128, 129, 1_000, 12_345_678, 2**39 + 17])
def test_one_value_is_reported_as_itself(value):
    histogram = filled([value])
    assert histogram.percentile_ns(0) == value
    assert histogram.percentile_ns(100) == value


def test_small_values_are_exact():
    histogram = filled(range(1, 65))
    assert [histogram.percentile_ns(p) for p in (25, 50, 75)] == [16, 32, 48]


def test_percentiles_are_at_most_two_percent_too_high_and_never_too_low():
    values = sorted(int(random.Random(7).lognormvariate(11, 2)) for _ in range(20_000))
    histogram = filled(values)
    for percent in (1, 10, 50, 90, 99, 99.9):
        exact = values[max(0, -(-len(values) * percent // 100).__int__() - 1)]
        got = histogram.percentile_ns(percent)
        assert exact <= got <= exact * 1.02 + 1, percent


def test_values_out_of_range_are_kept_at_the_ends():
    histogram = filled([-5, 2**50])
    assert histogram.count == 2
    assert histogram.percentile_ns(50) == 0
    assert histogram.percentile_ns(100) > 2**39


def test_merge_and_clear():
    one, two = filled([10] * 3), filled([50] * 7)
    one.merge(two)
    assert one.count == 10
    assert one.percentile_ns(30) == 10
    assert one.percentile_ns(31) == 50
    one.clear()
    assert one.count == 0
    assert one.percentile_ns(99) == 0
