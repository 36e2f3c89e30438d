"""Metrics: names, labels and values a scraper sees, read by the reference parser."""

from prometheus_client.parser import text_string_to_metric_families

from ilprouter.metrics import render

from .admin.fake import FakeRouter


def samples():
    text = render(FakeRouter().metrics).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_carry_their_labels_and_values():
    found = samples()

    def value(name, **labels):
        return found[f"ilprouter_{name}", tuple(sorted(labels.items()))]

    assert value("packets_total", peer="alice", direction="in", type="prepare") == 10
    assert value("packets_total", peer="alice", direction="out", type="reject") == 2
    assert value("link_bytes_total", peer="alice", direction="out") == 900
    assert value("link_up", peer="alice") == 1
    assert value("link_events_total", peer="alice", event="retransmits") == 5
    assert value("rejects_total", code="T04", reason="insufficient_liquidity") == 12
    assert value("switch_events_total", event="fulfills_late") == 1
    assert value("endpoint_events_total", endpoint="udp", event="unknown_source") == 9
    assert value("udp_rx_drops_total") == 4
    assert value("pending") == 3 and value("pending_max") == 65_536
    assert value("pool_buffers_in_use") == 3 and value("pool_buffers_max") == 131_072
    assert value("state", state="ready") == 1 and value("state", state="fenced") == 0
    assert value("config_last_reload_successful") == 1
    assert value("config_last_reload_success_timestamp_seconds") == 1_700_000_000.5
    assert value("rate_age_seconds", asset="XRP") == 2.5
    assert value("settlement_open", account="alice", state="parked") == 1
    assert value("settlement_capacity_age_seconds", account="alice") == 1.5
    assert value("account_hold_in", account="alice", asset="USD") == 5


def test_commit_times_are_a_cumulative_histogram():
    found = samples()
    name = "ilprouter_store_commit_seconds"
    assert found[f"{name}_bucket", (("le", "0.0005"),)] == 7
    assert found[f"{name}_bucket", (("le", "0.001"),)] == 9
    assert found[f"{name}_bucket", (("le", "+Inf"),)] == 10
    assert found[f"{name}_count", ()] == 10
    assert found[f"{name}_sum", ()] == 0.0055


def test_a_scrape_polls_the_router_once():
    router = FakeRouter()
    calls = []

    def read():
        calls.append(1)
        return router.metrics()

    render(read)
    assert calls == [1]
