"""The table of scenarios, their configurations, and the arithmetic of figures."""

import pytest

from ilprouter.bench.comparison import packing
from ilprouter.bench.runner import filesystem, medians, scratch_directory
from ilprouter.bench.scenarios import SCENARIOS, select
from ilprouter.config import load

CONTRACT = [
    f"{name}/{profile}"
    for name in ("udp-udp", "http2-http2", "http2tls-http2tls", "http2-udp")
    for profile in ("core", "connector")
]


def test_every_pair_of_transports_exists_in_both_profiles():
    assert set(CONTRACT) < set(SCENARIOS)


@pytest.mark.parametrize("name", [*CONTRACT, "routes-10", "accounts-100"])
def test_a_scenario_writes_a_configuration_the_router_accepts(tmp_path, name):
    scenario = SCENARIOS[name]
    config = load(scenario.topology(tmp_path).write())
    assert config.node.profile == scenario.profile
    assert len(config.peers) == scenario.accounts
    names = {peer.name for peer in config.peers}
    prefixes = [route.prefix for route in config.routes]
    for sender, destinations, window in scenario.plan():
        assert sender in names
        assert window >= 1
        for destination in destinations:
            assert any(destination.startswith(prefix + ".") for prefix in prefixes), destination


def test_spread_traffic_touches_every_account():
    scenario = SCENARIOS["accounts-10000-spread"]
    senders = [sender for sender, _, _ in scenario.plan()]
    receivers = {destinations[0] for _, destinations, _ in scenario.plan()}
    assert len(senders) == len(set(senders)) == len(receivers) == 10_000


def test_few_active_accounts_are_spread_over_all():
    senders = [sender for sender, _, _ in SCENARIOS["accounts-10000"].plan()]
    assert len(senders) == 100
    assert senders[:3] == ["p00000", "p00100", "p00200"]


def test_many_routes_are_sampled_over_the_whole_table():
    ((_, destinations, _),) = SCENARIOS["routes-100000"].plan()
    assert len(set(destinations)) == 4096
    assert destinations[-1] > "g.wide.r09"


def test_select_by_name_by_prefix_and_with_baseline():
    assert [item.name for item in select(("udp-udp/core",))] == ["udp-udp/core"]
    assert [item.name for item in select(("udp-udp",))] == ["udp-udp/core", "udp-udp/connector"]
    assert [item.name for item in select(("routes-100000",))] == ["routes-10", "routes-100000"]
    assert len(select(())) == len(SCENARIOS)
    with pytest.raises(KeyError, match="nonsense"):
        select(("nonsense",))


def test_medians_and_sums():
    runs = [
        {"tx_per_s": rate, "rejected": lost, "timed_out": 0}
        for rate, lost in ((10.0, 1), (50.0, 0), (30.0, 2))
    ]
    assert medians(runs) == {"tx_per_s": 30.0, "rejected": 3, "timed_out": 0}


@pytest.mark.parametrize(
    ("size", "payload", "packets"), [(200, 1200, 5), (200, 512, 2), (1400, 1200, 1)]
)
def test_packing_fills_datagrams_without_overflow(size, payload, packets):
    count, datagram = packing(size, payload)
    assert count == packets
    assert datagram <= payload or packets == 1


def test_ledgers_of_measurements_go_to_a_disk():
    assert filesystem(scratch_directory()) not in ("tmpfs", "ramfs")
