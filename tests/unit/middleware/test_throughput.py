"""Throughput: value a second on either side; value that came back may pass again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core.reject import Status
from ilprouter.middleware.exchange import ExchangeOutgoing
from ilprouter.middleware.throughput import ThroughputIncoming, ThroughputOutgoing
from ilprouter.rates.rate import Rate
from ilprouter.testing import OK, Probe

T0 = 10**12
SECOND = 10**9


def test_value_passes_until_the_bucket_is_empty() -> None:
    probe = Probe([ThroughputIncoming(1000, burst=100)])
    assert probe.prepare(60, now_ns=T0).status == OK
    assert probe.prepare(41, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED
    assert probe.prepare(40, now_ns=T0).status == OK
    assert probe.prepare(1, now_ns=T0 + SECOND // 1000 - 1).status == Status.THROUGHPUT_EXCEEDED
    assert probe.prepare(1, now_ns=T0 + SECOND // 1000).status == OK


@pytest.mark.parametrize("amount", [2**53 + 1, 2**63, 2**64 - 1])
def test_largest_amounts_are_exact(amount: int) -> None:
    probe = Probe([ThroughputIncoming(1, burst=amount)])
    assert probe.prepare(amount, now_ns=T0).status == OK
    assert probe.prepare(1, now_ns=T0 + SECOND - 1).status == Status.THROUGHPUT_EXCEEDED
    assert probe.prepare(1, now_ns=T0 + SECOND).status == OK


def test_burst_is_one_second_by_default() -> None:
    probe = Probe([ThroughputIncoming(50)])
    assert probe.prepare(51, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED
    assert probe.prepare(50, now_ns=T0).status == OK


def test_zero_amount_always_passes() -> None:
    probe = Probe([ThroughputIncoming(1)])
    probe.prepare(1, now_ns=T0)
    assert probe.prepare(0, now_ns=T0).status == OK


def test_fulfilled_value_is_spent() -> None:
    probe = Probe([ThroughputIncoming(10)])
    assert probe.prepare(10, now_ns=T0).fulfill() == OK
    assert probe.prepare(1, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED


@pytest.mark.parametrize("ending", ["reject", "abort"])
def test_value_that_came_back_may_pass_again(ending: str) -> None:
    probe = Probe([ThroughputIncoming(10)])
    getattr(probe.prepare(10, now_ns=T0), ending)()
    assert probe.prepare(10, now_ns=T0).status == OK
    assert probe.prepare(1, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED


def test_late_fulfill_gives_the_value_back_once() -> None:
    probe = Probe([ThroughputIncoming(10)])
    passage = probe.prepare(10, now_ns=T0)
    passage.fulfill()
    assert passage.late() == OK
    assert probe.prepare(10, now_ns=T0).status == OK
    assert probe.prepare(1, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED


def test_refund_never_overfills() -> None:
    probe = Probe([ThroughputIncoming(10)])
    passage = probe.prepare(10, now_ns=T0)
    second = probe.prepare(10, now_ns=T0 + SECOND)  # the bucket has filled again meanwhile
    passage.reject()
    second.reject()
    assert probe.prepare(10, now_ns=T0 + SECOND).status == OK
    assert probe.prepare(1, now_ns=T0 + SECOND).status == Status.THROUGHPUT_EXCEEDED


def test_refused_later_in_the_pipeline_is_given_back() -> None:
    first = ThroughputIncoming(10)
    probe = Probe([first, ThroughputIncoming(5)])
    assert probe.prepare(10, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED
    assert Probe([first]).prepare(10, now_ns=T0).status == OK


def test_outgoing_counts_the_converted_amount() -> None:
    half = ExchangeOutgoing(Rate(2, 1))
    probe = Probe(outgoing=[half, ThroughputOutgoing(5)])
    passage = probe.prepare(10, now_ns=T0)
    assert (passage.status, passage.amount_outgoing) == (OK, 5)
    assert probe.prepare(2, now_ns=T0).status == Status.THROUGHPUT_EXCEEDED
    passage.abort()
    assert probe.prepare(10, now_ns=T0).status == OK


def test_each_class_has_its_side() -> None:
    with pytest.raises(ValueError, match="incoming"):
        Probe(outgoing=[ThroughputIncoming(1)])
    with pytest.raises(ValueError, match="outgoing"):
        Probe(incoming=[ThroughputOutgoing(1)])


@pytest.mark.parametrize(("arguments", "name"), [((0,), "amount_per_second"), ((1, 0), "burst")])
def test_wrong_numbers_are_named(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be an integer from 1 to {2**64 - 1}"):
        ThroughputIncoming(*arguments)


@given(
    rate=st.integers(1, 1000),
    burst=st.integers(1, 1000),
    steps=st.lists(
        st.tuples(
            st.integers(0, SECOND),
            st.integers(0, 1000),
            st.sampled_from(["fulfill", "reject", "hold"]),
        ),
        max_size=60,
    ),
)
def test_fulfilled_value_is_bounded(
    rate: int, burst: int, steps: list[tuple[int, int, str]]
) -> None:
    probe = Probe([ThroughputIncoming(rate, burst=burst)])
    now_ns = T0
    fulfilled = 0
    for gap_ns, amount, ending in steps:
        now_ns += gap_ns
        passage = probe.prepare(amount, now_ns=now_ns)
        if passage.status == OK and ending != "hold":
            getattr(passage, ending)()
        if passage.status == OK and ending != "reject":
            fulfilled += amount  # a held packet may still be fulfilled
        assert fulfilled * SECOND <= burst * SECOND + (now_ns - T0) * rate
