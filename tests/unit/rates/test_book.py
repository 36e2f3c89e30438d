"""RateBook: one LiveRate for each asset, all replaced or none."""

from fractions import Fraction

import pytest

from ilprouter.errors import ConfigError
from ilprouter.middleware.exchange import ExchangeIncoming, ExchangeOutgoing
from ilprouter.rates.base import RateTable
from ilprouter.rates.book import RateBook
from ilprouter.rates.rate import Rate
from ilprouter.testing import OK, Probe


def book() -> RateBook:
    rates = RateBook("USD", 9)
    rates.publish(RateTable({"XRP": Fraction(1, 2), "EUR": Fraction(5, 4)}))
    return rates


def test_one_live_rate_for_each_asset_and_scale() -> None:
    rates = book()
    assert rates.live("XRP", 9) is rates.live("XRP", 9)
    assert rates.live("XRP", 9) is not rates.live("XRP", 6)
    assert rates.live("XRP", 9).rate == Rate(1, 2)
    assert rates.live("XRP", 6).rate == Rate(500, 1)


def test_base_currency_is_worth_one_whatever_the_table_says() -> None:
    rates = book()
    rates.publish(RateTable({"USD": Fraction(3)}, usable_until_ns=1))
    assert rates.live("USD", 9).rate == Rate(1, 1)
    assert rates.live("USD", 6).rate == Rate(1000, 1)


def test_unknown_asset_has_no_rate_until_a_table_names_it() -> None:
    rates = book()
    live = rates.live("BTC", 8)
    assert live.rate is None
    rates.publish(RateTable({"BTC": Fraction(60_000)}))
    assert live.rate == Rate(600_000, 1)
    rates.publish(RateTable({}))
    assert live.rate is None


def test_stages_follow_the_published_table() -> None:
    rates = book()
    probe = Probe(
        [ExchangeIncoming(rates.live("XRP", 9))], [ExchangeOutgoing(rates.live("USD", 9))]
    )
    assert probe.prepare(100).amount_outgoing == 50
    rates.publish(RateTable({"XRP": Fraction(1, 4)}))
    passage = probe.prepare(100)
    assert (passage.status, passage.amount_outgoing) == (OK, 25)


def test_age_of_the_table_reaches_the_rate() -> None:
    rates = book()
    live = rates.live("XRP", 9)
    rates.publish(RateTable({"XRP": Fraction(1, 2)}, usable_until_ns=99))
    assert live.rate == Rate(1, 2, usable_until_ns=99)


def test_one_bad_price_keeps_every_old_rate() -> None:
    rates = book()
    xrp, eur = rates.live("XRP", 9), rates.live("EUR", 9)
    with pytest.raises(ConfigError, match=r"rate\.EUR\.price"):
        rates.publish(RateTable({"XRP": Fraction(2), "EUR": Fraction(1, 2**64)}))
    assert (xrp.rate, eur.rate) == (Rate(1, 2), Rate(5, 4))
    assert rates.live("XRP", 6).rate == Rate(500, 1)
