"""RateLimit: exact budgets, a separate one for zero-amount packets, and a refusal costs nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core.reject import Status
from ilprouter.middleware.rate_limit import RateLimit
from ilprouter.testing import OK, Probe

T0 = 10**12
SECOND = 10**9


def passed(probe: Probe, count: int, now_ns: int, amount: int = 1) -> int:
    statuses = [probe.prepare(amount, now_ns=now_ns).status for _ in range(count)]
    assert set(statuses) <= {OK, Status.RATE_LIMITED}
    return statuses.count(OK)


def test_burst_then_steady_rate() -> None:
    probe = Probe([RateLimit(100, burst=5)])
    assert passed(probe, 9, T0) == 5
    assert passed(probe, 9, T0 + SECOND // 100 - 1) == 0
    assert passed(probe, 9, T0 + SECOND // 100) == 1
    assert passed(probe, 9, T0 + SECOND // 100 + SECOND // 50) == 2


def test_burst_is_one_second_by_default_and_never_more() -> None:
    probe = Probe([RateLimit(7)])
    assert passed(probe, 20, T0) == 7
    assert passed(probe, 20, T0 + 3600 * SECOND) == 7


def test_thirds_of_a_nanosecond_are_not_lost() -> None:
    """Three packets a second are 333 333 333.3 ns apart: in 1 000 s exactly 3 000 pass."""
    probe = Probe([RateLimit(3, burst=2)])
    assert passed(probe, 2, T0) == 2
    moments = [T0 + (number * SECOND + 2) // 3 for number in range(1, 3001)]
    assert sum(passed(probe, 1, moment) for moment in moments) == 3000
    assert passed(probe, 1, T0 + 1000 * SECOND) == 0


def test_zero_amount_packets_have_their_own_budget() -> None:
    probe = Probe([RateLimit(100, burst=100, zero_packets_per_second=2, zero_burst=3)])
    assert passed(probe, 10, T0, amount=0) == 3
    assert passed(probe, 200, T0) == 100
    assert passed(probe, 10, T0 + SECOND // 2, amount=0) == 1


def test_zero_budget_is_small_by_default() -> None:
    assert passed(Probe([RateLimit(1000)]), 500, T0, amount=0) == 100
    assert passed(Probe([RateLimit(1)]), 500, T0, amount=0) == 10


def test_clock_that_steps_back_gives_nothing() -> None:
    probe = Probe([RateLimit(10, burst=1)])
    assert passed(probe, 2, T0) == 1
    assert passed(probe, 2, T0 - SECOND) == 0
    assert passed(probe, 2, T0 + SECOND // 10) == 1


def test_token_stays_spent_however_the_packet_ends() -> None:
    probe = Probe([RateLimit(3, burst=3)])
    probe.prepare(1, now_ns=T0).fulfill()
    assert probe.prepare(1, now_ns=T0).reject(b"reject") == b"reject"
    probe.prepare(1, now_ns=T0).abort()
    assert probe.prepare(1, now_ns=T0).status == Status.RATE_LIMITED


@given(
    rate=st.integers(1, 10**9),
    burst=st.integers(1, 50),
    gaps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=60),
)
def test_never_more_than_burst_plus_rate_times_time(rate: int, burst: int, gaps: list[int]) -> None:
    probe = Probe([RateLimit(rate, burst=burst)])
    model = burst * SECOND  # billionths of a packet
    now_ns = T0
    for gap in gaps:
        now_ns += gap
        model = min(model + gap * rate, burst * SECOND)
        expected = OK if model >= SECOND else Status.RATE_LIMITED
        assert probe.prepare(1, now_ns=now_ns).status == expected
        if expected == OK:
            model -= SECOND


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0,), "packets_per_second"),
        ((10**9 + 1,), "packets_per_second"),
        ((1, 0), "burst"),
        ((1, 1, 0), "zero_packets_per_second"),
        ((1, 1, 1, 10**9 + 1), "zero_burst"),
    ],
)
def test_wrong_numbers_are_named(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be an integer from 1 to 1000000000"):
        RateLimit(*arguments)
