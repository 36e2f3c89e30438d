"""InFlight: every Prepare counts from its passage to its resolution, once (M12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core.reject import Status
from ilprouter.middleware.exchange import ExchangeOutgoing
from ilprouter.middleware.in_flight import InFlightIncoming, InFlightOutgoing
from ilprouter.middleware.max_amount import MaxAmount
from ilprouter.rates.rate import Rate
from ilprouter.testing import OK, Passage, Probe


def test_packets_are_capped_until_resolution() -> None:
    stage = InFlightIncoming(4096)
    probe = Probe([stage])
    held = [probe.prepare(1) for _ in range(5000)]
    assert [passage.status for passage in held].count(OK) == 4096
    assert {passage.status for passage in held[4096:]} == {Status.IN_FLIGHT_EXCEEDED}
    assert (stage.packets, stage.amount) == (4096, 4096)
    held[0].fulfill()
    assert probe.prepare(1).status == OK
    assert probe.prepare(1).status == Status.IN_FLIGHT_EXCEEDED


def test_value_is_capped() -> None:
    stage = InFlightIncoming(100, amount_max=10)
    probe = Probe([stage])
    first = probe.prepare(6)
    assert probe.prepare(5).status == Status.IN_FLIGHT_EXCEEDED
    assert probe.prepare(4).status == OK
    assert probe.prepare(0).status == OK
    first.reject()
    assert (stage.packets, stage.amount) == (2, 4)


def test_sum_of_amounts_cannot_wrap() -> None:
    stage = InFlightIncoming(100)
    probe = Probe([stage])
    assert probe.prepare(2**64 - 1).status == OK
    assert probe.prepare(1).status == Status.IN_FLIGHT_EXCEEDED
    assert probe.prepare(0).status == OK
    assert stage.amount == 2**64 - 1


@pytest.mark.parametrize("ending", ["fulfill", "reject", "abort"])
def test_every_ending_frees_the_place(ending: str) -> None:
    stage = InFlightIncoming(1, amount_max=5)
    probe = Probe([stage])
    getattr(probe.prepare(5), ending)()
    assert (stage.packets, stage.amount) == (0, 0)
    assert probe.prepare(5).status == OK


def test_late_fulfill_frees_it_only_once() -> None:
    stage = InFlightIncoming(2)
    probe = Probe([stage])
    passage = probe.prepare(3)
    other = probe.prepare(4)
    passage.fulfill()
    passage.late()
    assert (stage.packets, stage.amount) == (1, 4)
    other.abort()
    assert (stage.packets, stage.amount) == (0, 0)


def test_refused_later_in_the_pipeline_leaves_nothing() -> None:
    stage = InFlightIncoming(1)
    probe = Probe([stage, MaxAmount(1)])
    assert probe.prepare(2).status == Status.AMOUNT_TOO_LARGE
    assert (stage.packets, stage.amount) == (0, 0)


def test_own_refusal_leaves_nothing() -> None:
    stage = InFlightIncoming(1)
    probe = Probe([stage])
    probe.prepare(1)
    probe.prepare(7)
    assert (stage.packets, stage.amount) == (1, 1)


def test_shared_by_pipelines_of_one_peer() -> None:
    stage = InFlightIncoming(2)
    one, other = Probe([stage]), Probe([stage])
    one.prepare(1)
    other.prepare(1)
    assert one.prepare(1).status == Status.IN_FLIGHT_EXCEEDED


def test_outgoing_counts_the_converted_amount() -> None:
    stage = InFlightOutgoing(10, amount_max=5)
    probe = Probe(outgoing=[ExchangeOutgoing(Rate(2, 1)), stage])
    passage = probe.prepare(10)
    assert (passage.status, stage.packets, stage.amount) == (OK, 1, 5)
    assert probe.prepare(2).status == Status.IN_FLIGHT_EXCEEDED
    passage.fulfill()
    assert (stage.packets, stage.amount) == (0, 0)


def test_each_class_has_its_side() -> None:
    with pytest.raises(ValueError, match="incoming"):
        Probe(outgoing=[InFlightIncoming(1)])
    with pytest.raises(ValueError, match="outgoing"):
        Probe(incoming=[InFlightOutgoing(1)])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["fulfill", "reject", "abort", "hold"])))
)
def test_counters_equal_what_is_held(steps: list[tuple[int, str]]) -> None:
    stage = InFlightIncoming(5, amount_max=30)
    probe = Probe([stage])
    held: list[Passage] = []
    for amount, ending in steps:
        passage = probe.prepare(amount)
        if passage.status == OK:
            held.append(passage)
        if ending != "hold" and held:
            getattr(held.pop(0), ending)()
        assert stage.packets == len(held) <= 5
        assert stage.amount == sum(passage.amount_incoming for passage in held) <= 30


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0,), "packets_max"), ((2**32,), "packets_max"), ((1, -1), "amount_max")],
)
def test_wrong_numbers_are_named(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be an integer from"):
        InFlightIncoming(*arguments)
