"""Exchange against exact fractions: the true floor, never a gain for the sender (M10)."""

from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from ilprouter.core.packet import (
    Reject,
    amount_too_large_data,
    parse,
    parse_amount_too_large_data,
)
from ilprouter.core.reject import Status
from ilprouter.middleware.exchange import ExchangeIncoming, ExchangeOutgoing
from ilprouter.rates.rate import Rate
from ilprouter.testing import OK, Passage, Probe

U64 = 2**64 - 1
EDGES = [0, 1, 2, 2**32, 2**53 + 1, 2**63 - 1, 2**63, U64 - 1, U64]

# Uniform u64 hardly ever meets a border: mix in edges, small numbers and powers of ten.
words = st.one_of(
    st.integers(0, U64),
    st.integers(0, 1000),
    st.sampled_from(EDGES),
    st.integers(0, 19).map(lambda power: 10**power),
)
factors = words.filter(lambda word: word > 0)
rates = st.builds(Rate, factors, factors)


def value(rate: Rate) -> Fraction:
    return Fraction(rate.numerator, rate.denominator)


def convert(amount: int, incoming: Rate, outgoing: Rate) -> Passage:
    return Probe([ExchangeIncoming(incoming)], [ExchangeOutgoing(outgoing)]).prepare(amount)


@given(words, rates, rates)
@example(U64, Rate(U64, 1), Rate(U64, 1))
@example(U64, Rate(U64, U64 - 1), Rate(U64 - 2, U64))
@example(2**53 + 1, Rate(10**9 + 7, 10**18), Rate(998244353, 10**18))
def test_result_is_the_true_floor(amount: int, incoming: Rate, outgoing: Rate) -> None:
    exact = amount * value(incoming) / value(outgoing)
    passage = convert(amount, incoming, outgoing)
    if exact >= U64 + 1:
        assert passage.status == Status.AMOUNT_OVERFLOW
    elif amount > 0 and exact < 1:
        assert passage.status == Status.INSUFFICIENT_SOURCE_AMOUNT
    else:
        assert (passage.status, passage.amount_outgoing) == (OK, int(exact))


@given(words, rates)
def test_same_asset_is_unchanged(amount: int, rate: Rate) -> None:
    passage = convert(amount, rate, rate)
    assert (passage.status, passage.amount_outgoing) == (OK, amount)


@given(words, rates, rates)
def test_value_never_grows(amount: int, incoming: Rate, outgoing: Rate) -> None:
    passage = convert(amount, incoming, outgoing)
    if passage.status == OK:
        assert passage.amount_outgoing * value(outgoing) <= amount * value(incoming)


@given(words, st.lists(rates, min_size=1, max_size=4))
def test_round_trip_never_gains(amount: int, others: list[Rate]) -> None:
    """A -> B -> C -> ... -> A, each hop converting: the sender never ends with more."""
    first = Rate(3, 7)
    held = amount
    at = first
    for rate in [*others, first]:
        passage = convert(held, at, rate)
        if passage.status != OK:
            return
        held, at = passage.amount_outgoing, rate
    assert held <= amount


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), rates, rates)
def test_splitting_a_payment_never_gains(parts: list[int], incoming: Rate, outgoing: Rate) -> None:
    whole = convert(sum(parts), incoming, outgoing)
    assume(whole.status == OK)
    pieces = [convert(part, incoming, outgoing) for part in parts]
    assert (
        sum(piece.amount_outgoing for piece in pieces if piece.status == OK)
        <= whole.amount_outgoing
    )


@given(st.integers(1, U64), rates, rates, st.integers(0, U64))
@example(299, Rate(1, 100), Rate(1, 1), 1)
@example(U64, Rate(U64 - 1, U64), Rate(1, 1), U64 - 3)
def test_retry_at_the_maximum_is_accepted(
    amount: int, incoming: Rate, outgoing: Rate, limit: int
) -> None:
    passage = convert(amount, incoming, outgoing)
    assume(passage.status == OK and passage.amount_outgoing > 0)
    received = passage.amount_outgoing
    limit %= received  # a true F08: the limit is below what arrived
    refusal = Reject("F08", "test.next", "", amount_too_large_data(received, limit))
    answer = parse(passage.reject(refusal.to_bytes()))
    assert isinstance(answer, Reject)
    shown, maximum = parse_amount_too_large_data(answer.data)
    assert shown == amount
    assert maximum < amount
    retry = convert(maximum, incoming, outgoing)
    if retry.status == OK:
        assert retry.amount_outgoing <= limit
    else:
        assert retry.status == Status.INSUFFICIENT_SOURCE_AMOUNT
