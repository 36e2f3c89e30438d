"""Pipelines: the order of each profile, what is left out, and that stages take their options."""

import pytest

from ilprouter import registry
from ilprouter.config import Stage, parse, stages
from ilprouter.config.pipeline import CONNECTOR, RELAY

from .test_load import EXAMPLE

ALL_LIMITS = """limits = { max_packet_amount = 5, packets_per_second = 6, burst = 7, \
in_flight = 8, in_flight_amount = 9, incoming_amount_per_second = 10, \
outgoing_amount_per_second = 11, \
min_window_ms = 12, max_hold_ms = 1300 }"""


def alice(text=EXAMPLE):
    config = parse(text)
    return config, config.peers[0]


def full():
    first, _, rest = EXAMPLE.partition("limits = {")
    return first + ALL_LIMITS + rest.partition("}")[2]


def test_a_peer_with_every_limit_has_every_stage_in_order():
    config, peer = alice(full())
    assert stages(config, peer, "incoming") == (
        Stage("rate-limit", {"packets_per_second": 6, "burst": 7}),
        Stage("max-amount", {"amount_max": 5}),
        Stage("throughput", {"amount_per_second": 10}),
        Stage("in-flight", {"packets_max": 8, "amount_max": 9}),
        Stage("balance", {"credit_limit": 100_000_000}),
        Stage("exchange", {}),
    )
    assert stages(config, peer, "outgoing") == (
        Stage("expiry", {"min_window_ms": 12, "max_hold_ms": 1300}),
        Stage("exchange", {}),
        Stage("balance", {}),
        Stage("throughput", {"amount_per_second": 11}),
    )


def test_a_limit_that_is_not_set_has_no_stage_and_no_books_no_balance():
    config = parse(EXAMPLE)
    bob = config.peers[1]
    assert [stage.name for stage in stages(config, bob, "incoming")] == [
        "in-flight",
        "balance",
        "exchange",
    ]
    text = EXAMPLE.replace(
        'model = "local", credit_limit = 100000000, settle_threshold = 50000000, settle_to = 0',
        'model = "none"',
    )
    config, peer = alice(
        text.replace('settlement = { engine = "http://127.0.0.1:3000", scale = 9 }', "")
    )
    names = [stage.name for stage in stages(config, peer, "incoming")]
    assert "balance" not in names and "exchange" in names


def test_the_configured_order_replaces_the_profile_s():
    config, peer = alice('[pipeline]\nincoming = ["exchange", "max-amount"]\n' + EXAMPLE)
    assert [stage.name for stage in stages(config, peer, "incoming")] == ["exchange", "max-amount"]
    assert stages(config, peer, "outgoing")[0].name == "expiry"


@pytest.mark.parametrize("table", [CONNECTOR, RELAY])
@pytest.mark.parametrize("side", ["incoming", "outgoing"])
def test_every_default_stage_is_registered_for_its_side(table, side):
    for name in table[side]:
        assert side in registry.sides(name)


@pytest.mark.parametrize("side", ["incoming", "outgoing"])
def test_the_shipped_stages_take_the_options(side):
    config, peer = alice(full())
    for stage in stages(config, peer, side):
        if stage.name not in ("balance", "exchange"):  # these are given the books and the rates
            registry.load(registry.MIDDLEWARE, stage.name, side)(**stage.options)
