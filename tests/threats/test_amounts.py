"""Threats M9 and M10: boundary amounts and rounding farms, through the router, to the unit."""

import random
from fractions import Fraction

import pytest

from ilprouter.core.packet import Fulfill, parse
from ilprouter.rates.base import RateTable
from tests.helpers.packets import fulfill, prepare

BOUNDARIES = [1, 2**31, 2**53 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]
NO_LIMIT = 2**63 - 1


def world_of(new, incoming, outgoing, rates=None, **limits):
    """alice pays in one asset, bob is paid in another; `received` is what bob got."""
    world = new(rates=rates)
    world.received = []

    def take(packet):
        world.received.append(parse(packet).amount)
        return fulfill()

    terms = {"balance": {"credit_limit": NO_LIMIT}}
    world.udp("alice", asset=incoming, limits=limits, **terms)
    return world.udp("bob", take, prefix="g.bob", asset=outgoing, **terms)


@pytest.mark.parametrize("amount", BOUNDARIES)
async def test_m09_over_the_largest_packet_is_f08_with_both_numbers(start, amount):
    """Amount 2^64-1, 2^63, 2^53+1: F08 with (received, max) when over max packet, else exact."""
    largest = 2**53
    world = world_of(start.new, ("USD", 9), ("USD", 9), max_packet_amount=largest)
    await start(world)
    before = await world.books()
    answer = await world.ask("alice", prepare(amount=amount))
    if amount <= largest:
        assert isinstance(answer, Fulfill)
        assert world.received == [amount]
        return
    assert answer.code == "F08"
    assert answer.data == amount.to_bytes(8, "big") + largest.to_bytes(8, "big")
    assert world.received == []
    assert await world.books() == before


async def test_m09_boundary_amounts_are_exact_or_refused(start):
    """Amount 2^64-1, 2^63, 2^53+1: exact to the unit within the limit, never clamped."""
    world = world_of(start.new, ("USD", 9), ("USD", 9))
    await start(world)
    charged = 0
    for amount in BOUNDARIES:
        answer = await world.ask("alice", prepare(amount=amount))
        if charged + amount <= NO_LIMIT:
            assert isinstance(answer, Fulfill), amount
            assert world.received.pop() == amount
            charged += amount
        else:
            assert answer.code == "T04", amount
        await world.books()
        assert (await world.account("alice"))["fulfilled_in"] == charged
        assert (await world.account("bob"))["fulfilled_out"] == charged
        assert (await world.account("alice"))["hold_in"] == 0
    assert world.received == []
    assert charged > 2**53


@pytest.mark.parametrize("price", ["3", "1/3"], ids=["up", "down"])
async def test_m09_boundary_amounts_through_an_exchange(start, price):
    """Amount 2^64-1, 2^63, 2^53+1: converted exactly up and down; over u64 is F08, unchanged."""
    world = world_of(start.new, ("XYZ", 9), ("USD", 9), {"XYZ": price})
    await start(world)
    factor = Fraction(price)
    charged = credited = 0
    for amount in BOUNDARIES:
        before = await world.books()
        answer = await world.ask("alice", prepare(amount=amount))
        out = int(amount * factor)
        if out >= 2**64:
            assert answer.code in ("F08", "T04"), amount
        elif charged + amount > NO_LIMIT:
            assert answer.code == "T04", amount
        elif out == 0:
            assert answer.code == "R01", amount
        else:
            assert isinstance(answer, Fulfill), (amount, answer)
            assert world.received.pop() == out
            charged, credited = charged + amount, credited + out
            continue
        assert await world.books() == before
    assert world.received == []
    await world.books()
    assert (await world.account("alice"))["fulfilled_in"] == charged
    assert (await world.account("bob"))["fulfilled_out"] == credited


async def test_m10_one_unit_packets_farm_nothing(start):
    """FX rounding farm: one floor in our favour; a_in > 0 and a_out = 0 is R01, unchanged."""
    world = world_of(start.new, ("XYZ", 9), ("USD", 9), {"XYZ": "0.999999999"})
    await start(world)
    before = await world.books()
    for _ in range(50):
        assert (await world.ask("alice", prepare(amount=1))).code == "R01"
    assert await world.books() == before
    assert isinstance(await world.ask("alice", prepare(amount=0)), Fulfill), "0 to 0 passes"
    assert world.received == [0]
    assert await world.books() == before
    for _ in range(50):
        assert isinstance(await world.ask("alice", prepare(amount=2)), Fulfill)
    assert world.received == [0] + [1] * 50


@pytest.mark.parametrize(
    ("incoming", "outgoing"),
    [(("USD", 0), ("USD", 18)), (("USD", 18), ("USD", 0)), (("XYZ", 6), ("JPY", 0))],
    ids=["0-to-18", "18-to-0", "both-foreign"],
)
async def test_m10_scales_far_apart_never_gain(start, incoming, outgoing):
    """FX rounding farm (scale 0 to 18, in to base to out): the exact product, floored once."""
    rates = {"XYZ": "0.7", "JPY": "1/150"}
    price = {"USD": Fraction(1), "XYZ": Fraction("0.7"), "JPY": Fraction(1, 150)}
    exact = price[incoming[0]] / price[outgoing[0]] * Fraction(10) ** (outgoing[1] - incoming[1])
    world = world_of(start.new, incoming, outgoing, rates)
    await start(world)
    chance = random.Random(2)
    charged = credited = 0
    for _ in range(300):
        amount = chance.choice((chance.randrange(1, 20), chance.randrange(1, 2**40)))
        out = int(amount * exact)
        answer = await world.ask("alice", prepare(amount=amount))
        if isinstance(answer, Fulfill):
            assert world.received.pop() == out <= amount * exact
            charged, credited = charged + amount, credited + out
        else:
            assert answer.code == ("R01" if out == 0 else "F08" if out >= 2**64 else "T04")
    assert world.received == []
    await world.books()
    assert (await world.account("alice"))["fulfilled_in"] == charged
    assert (await world.account("bob"))["fulfilled_out"] == credited <= charged * exact


async def test_m10_there_and_back_never_gains(start):
    """FX rounding farm (A to B to A): what comes back is never more than what was sent."""
    rates = {"XYZ": "0.52"}
    there = world_of(start.new, ("USD", 9), ("XYZ", 6), rates)
    back = world_of(start.new, ("XYZ", 6), ("USD", 9), rates)
    await start(there)
    await start(back)
    chance = random.Random(3)
    for _ in range(100):
        amount = chance.randrange(1_000, 10**6)
        await there.ask("alice", prepare(amount=amount))
        middle = there.received.pop()
        answer = await back.ask("alice", prepare(amount=middle))
        assert isinstance(answer, Fulfill) or answer.code == "R01"
        if back.received:
            assert back.received.pop() <= amount


async def test_m11_a_pair_without_a_rate_is_t00_and_others_go_on(start):
    """Stale or missing rate: T00 for that pair within the age limit, other pairs fine."""
    world = world_of(start.new, ("XYZ", 9), ("USD", 9), {"XYZ": "2"})
    world.udp("carol", prefix="g.carol")
    await start(world)
    assert isinstance(await world.ask("alice", prepare(amount=10)), Fulfill)
    before = await world.books()
    world.router.rates.publish(RateTable({"XYZ": Fraction(2)}, usable_until_ns=1))
    assert (await world.ask("alice", prepare(amount=10))).code == "T00"
    world.router.rates.publish(RateTable({}))
    assert (await world.ask("alice", prepare(amount=10))).code == "T00"
    assert await world.books() == before
    assert isinstance(await world.ask("carol", prepare(amount=10)), Fulfill), "USD to USD"
    world.router.rates.publish(RateTable({"XYZ": Fraction(3)}))
    assert isinstance(await world.ask("alice", prepare(amount=10)), Fulfill)
    assert world.received[-1] == 30
