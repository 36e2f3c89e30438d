"""Exchange: exact on the way in, one floor on the way out, F08 in the units of whoever reads it."""

import pytest

from ilprouter.core.packet import (
    Reject,
    amount_too_large_data,
    parse,
    parse_amount_too_large_data,
)
from ilprouter.core.reject import Status
from ilprouter.middleware.exchange import ExchangeIncoming, ExchangeOutgoing
from ilprouter.middleware.in_flight import InFlightIncoming
from ilprouter.rates.rate import LiveRate, Rate
from ilprouter.testing import OK, Passage, Probe

T0 = 10**12
U64 = 2**64 - 1
BOUNDARIES = [1, 2**53 + 1, 2**63, U64]


def convert(amount: int, incoming: Rate, outgoing: Rate) -> Passage:
    return Probe([ExchangeIncoming(incoming)], [ExchangeOutgoing(outgoing)]).prepare(amount)


def too_large(received: int, maximum: int) -> bytes:
    data = amount_too_large_data(received, maximum)
    return Reject("F08", "test.next", "too large", data).to_bytes()


def amounts(packet: bytes) -> tuple[int, int]:
    reject = parse(packet)
    assert isinstance(reject, Reject)
    return parse_amount_too_large_data(reject.data)


def test_incoming_is_exact() -> None:
    passage = Probe([ExchangeIncoming(Rate(U64, U64 - 1))]).prepare(U64)
    assert passage.base == (U64 * U64, U64 - 1)


@pytest.mark.parametrize("amount", [0, *BOUNDARIES])
@pytest.mark.parametrize("rate", [Rate(1, 1), Rate(U64, 1), Rate(1, U64), Rate(U64, U64 - 1)])
def test_same_asset_is_unchanged_at_any_rate(amount: int, rate: Rate) -> None:
    passage = convert(amount, rate, rate)
    assert (passage.status, passage.amount_outgoing) == (OK, amount)


@pytest.mark.parametrize("amount", BOUNDARIES)
def test_equal_price_in_other_words_is_unchanged(amount: int) -> None:
    passage = convert(amount, Rate(2, 6), Rate(1, 3))
    assert (passage.status, passage.amount_outgoing) == (OK, amount)


def test_floors_once() -> None:
    """A floor on the way in would lose 2/3 of a base unit: 2/3 * 3 must be 2, not 0."""
    passage = convert(2, Rate(1, 3), Rate(1, 3))
    assert passage.amount_outgoing == 2
    assert convert(2, Rate(1, 3), Rate(1, 6)).amount_outgoing == 4
    assert convert(5, Rate(1, 2), Rate(1, 1)).amount_outgoing == 2


def test_192_bits_are_exact() -> None:
    """The dividend (2^64-8)(2^64-2)(2^64-1) needs 192 bits, the divisor (2^64-3)^2 all of 128."""
    amount = U64 - 7
    passage = convert(amount, Rate(U64 - 1, U64 - 2), Rate(U64 - 2, U64))
    exact = amount * (U64 - 1) * U64 // (U64 - 2) ** 2
    assert (passage.status, passage.amount_outgoing) == (OK, exact)
    assert exact == U64 - 5


@pytest.mark.parametrize("amount", [2**53 + 1, 2**63, U64])
def test_result_over_u64_is_f08_and_leaves_nothing(amount: int) -> None:
    stage = InFlightIncoming(1)
    probe = Probe([stage, ExchangeIncoming(Rate(U64, 1))], [ExchangeOutgoing(Rate(1, 1))])
    assert probe.prepare(amount).status == Status.AMOUNT_OVERFLOW
    assert stage.packets == 0


def test_largest_result_fits() -> None:
    assert convert(2**63, Rate(2, 1), Rate(1, 1)).status == Status.AMOUNT_OVERFLOW
    passage = convert(2**63 - 1, Rate(2, 1), Rate(1, 1))
    assert (passage.status, passage.amount_outgoing) == (OK, U64 - 1)


def test_non_zero_that_becomes_zero_is_r01() -> None:
    assert convert(1, Rate(1, 2), Rate(1, 1)).status == Status.INSUFFICIENT_SOURCE_AMOUNT
    assert convert(1, Rate(1, U64), Rate(U64, 1)).status == Status.INSUFFICIENT_SOURCE_AMOUNT
    assert convert(2, Rate(1, 2), Rate(1, 1)).status == OK


def test_zero_is_forwarded_as_zero() -> None:
    """Rafiki forwards the source amount when the converted one is 0."""
    passage = convert(0, Rate(7, 3), Rate(11, 5))
    assert (passage.status, passage.amount_outgoing) == (OK, 0)


@pytest.mark.parametrize("side", ["incoming", "outgoing"])
def test_rate_is_replaced_and_withdrawn_live(side: str) -> None:
    live = LiveRate()
    stages = [ExchangeIncoming(live)] if side == "incoming" else []
    probe = Probe(stages, [ExchangeOutgoing(Rate(1, 1) if stages else live)])
    assert probe.prepare(12).status == Status.RATE_UNAVAILABLE
    live.replace(Rate(2, 1))
    assert probe.prepare(12).amount_outgoing == (24 if stages else 6)
    live.replace(Rate(3, 1))
    assert probe.prepare(12).amount_outgoing == (36 if stages else 4)
    live.replace(None)
    assert probe.prepare(12).status == Status.RATE_UNAVAILABLE
    assert live.rate is None


@pytest.mark.parametrize("side", ["incoming", "outgoing"])
def test_rate_too_old_is_refused(side: str) -> None:
    """M11: from the end of its time a rate is not used, whatever it says."""
    rate = Rate(1, 1, usable_until_ns=T0)
    probe = (
        Probe([ExchangeIncoming(rate)])
        if side == "incoming"
        else Probe(outgoing=[ExchangeOutgoing(rate)])
    )
    assert probe.prepare(1, now_ns=T0 - 1).status == OK
    assert probe.prepare(1, now_ns=T0).status == Status.RATE_UNAVAILABLE


def test_fulfill_and_abort_change_nothing() -> None:
    assert convert(4, Rate(1, 2), Rate(1, 1)).fulfill() == OK
    passage = convert(4, Rate(1, 2), Rate(1, 1))
    passage.abort()
    assert passage.amount_outgoing == 2


def test_f08_comes_back_in_incoming_units() -> None:
    passage = convert(1000, Rate(1, 2), Rate(1, 1))
    assert passage.amount_outgoing == 500
    assert amounts(passage.reject(too_large(500, 400))) == (1000, 800)


def test_f08_from_a_hop_that_does_not_rescale_keeps_its_proportion() -> None:
    """Relayed as it came: 3 000 000 received there were our 500, our peer's 1 000."""
    passage = convert(1000, Rate(1, 2), Rate(1, 1))
    assert amounts(passage.reject(too_large(3_000_000, 1_500_000))) == (1000, 500)


def test_f08_across_two_routers_speaks_the_units_of_each() -> None:
    """RF#3585: received and maximum must be in the units of whoever reads them, hop after hop."""
    near = convert(1000, Rate(1, 2), Rate(1, 1))
    far = convert(near.amount_outgoing, Rate(7, 1), Rate(3, 1))
    at_far = far.reject(too_large(far.amount_outgoing, 600))
    assert amounts(at_far) == (500, 600 * 500 // 1166)
    assert amounts(near.reject(at_far)) == (1000, (600 * 500 // 1166) * 2)


@pytest.mark.parametrize("sides", ["incoming", "outgoing", "both"])
def test_f08_is_rescaled_once_wherever_the_exchange_stands(sides: str) -> None:
    incoming = [ExchangeIncoming(Rate(1, 2))] if sides != "outgoing" else []
    outgoing = [ExchangeOutgoing(Rate(2, 1))] if sides != "incoming" else []
    passage = Probe(incoming, outgoing).prepare(1000)
    received = passage.amount_outgoing
    assert amounts(passage.reject(too_large(received, received - 10))) == (
        1000,
        (received - 10) * 1000 // received,
    )


def test_maximum_that_leaves_u64_is_bounded() -> None:
    passage = convert(U64, Rate(1, U64), Rate(1, 1))
    assert passage.amount_outgoing == 1
    assert amounts(passage.reject(too_large(1, 2))) == (U64, U64)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x0e",
        b"no ILP packet",
        Reject("F08", "test.next", "", b"").to_bytes(),  # the Java connector sends no data
        Reject("F08", "test.next", "", bytes(15)).to_bytes(),
        Reject("F08", "test.next", "", bytes(range(17))).to_bytes(),
        Reject("F99", "test.next", "", bytes(range(16))).to_bytes(),
        Reject("T04", "test.next", "", bytes(range(16))).to_bytes(),
        too_large(0, 5),  # no proportion can be made from nothing received
    ],
)
def test_other_rejects_pass_untouched(packet: bytes) -> None:
    assert convert(1000, Rate(1, 2), Rate(1, 1)).reject(packet) == packet


def test_only_the_sixteen_bytes_change() -> None:
    before = too_large(500, 400)
    after = convert(1000, Rate(1, 2), Rate(1, 1)).reject(before)
    assert len(after) == len(before)
    assert after[:-16] == before[:-16]


def test_each_class_has_its_side() -> None:
    with pytest.raises(ValueError, match="incoming"):
        Probe(outgoing=[ExchangeIncoming(Rate(1, 1))])
    with pytest.raises(ValueError, match="outgoing"):
        Probe(incoming=[ExchangeOutgoing(Rate(1, 1))])


def test_rate_must_be_a_rate() -> None:
    with pytest.raises(TypeError, match="must be a Rate or a LiveRate, got float"):
        ExchangeIncoming(0.5)  # type: ignore[arg-type]
