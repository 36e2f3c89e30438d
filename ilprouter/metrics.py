"""Counters as Prometheus text, polled at each scrape.

Every label value comes from our configuration.

Owns the metric names; never called by the switch, keeps nothing between scrapes.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ilprouter.admin.views import CommitTimes, Metrics, State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES: tuple[State, ...] = ("starting", "ready", "draining", "fenced", "stopped")
PACKETS = (  # Link.counters() key, direction, type
    ("prepares_in", "in", "prepare"),
    ("prepares_out", "out", "prepare"),
    ("fulfills_in", "in", "fulfill"),
    ("fulfills_out", "out", "fulfill"),
    ("rejects_in", "in", "reject"),
    ("rejects_out", "out", "reject"),
)


def render(read: Callable[[], Metrics]) -> bytes:
    """The text a scraper reads, of the counters at this moment.

    read   called once, on the router's event loop
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RouterCollector(read))
    return generate_latest(registry)


class RouterCollector(Collector):
    """Turns one Metrics into metric families."""

    def __init__(self, read: Callable[[], Metrics]) -> None:
        self.read = read

    def describe(self) -> Iterator[Metric]:
        """Nothing: describing would poll the router once more."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        metrics = self.read()
        yield from router(metrics)
        yield from links(metrics)
        yield from accounts(metrics)
        yield from settlement(metrics)
        yield from store(metrics)


def gauge(name: str, text: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(f"ilprouter_{name}", text, value=value)


def router(metrics: Metrics) -> Iterator[Metric]:
    """State, packets in flight, Rejects of our own making, configuration."""
    status = metrics.status
    build = {
        "version": status.version,
        "python": platform.python_version(),
        "profile": status.profile,
    }
    yield InfoMetricFamily("ilprouter_build", "What is running.", value=build)
    state = GaugeMetricFamily("ilprouter_state", "1 for the state it is in.", labels=["state"])
    for name in STATES:
        state.add_metric([name], float(name == status.state))
    yield state
    yield gauge("start_time_seconds", "Start, since 1970.", status.started_at_ms / 1000)
    yield gauge("pending", "Prepares in flight.", status.in_flight)
    yield gauge("pending_max", "Prepares in flight at most.", status.in_flight_max)
    yield gauge("commit_waiting", "Answers that wait for a commit.", status.waiting)
    yield gauge("pool_buffers_in_use", "Packet buffers handed out.", status.buffers_in_use)
    yield gauge("pool_buffers_max", "Packet buffers in all.", metrics.buffers_max)
    yield gauge("routes", "Routes in force.", status.routes)
    yield gauge("config_last_reload_successful", "0 after a refused reload.", status.config_ok)
    if metrics.last_reload_ms is not None:
        yield gauge(
            "config_last_reload_success_timestamp_seconds",
            "Last accepted configuration, since 1970.",
            metrics.last_reload_ms / 1000,
        )
    rejects = CounterMetricFamily(
        "ilprouter_rejects", "Rejects made here, by rule.", labels=["code", "reason"]
    )
    for reject in metrics.rejects:
        rejects.add_metric([reject.code, reject.reason], reject.count)
    yield rejects
    events = CounterMetricFamily("ilprouter_switch_events", "Rare events.", labels=["event"])
    for event, count in metrics.switch.items():
        events.add_metric([event], count)
    yield events
    ages = GaugeMetricFamily("ilprouter_rate_age_seconds", "Age of a price.", labels=["asset"])
    for asset, age in metrics.rate_ages_seconds.items():
        ages.add_metric([asset], age)
    yield ages


def links(metrics: Metrics) -> Iterator[Metric]:
    """Packets and bytes per peer, and what the transports count."""
    packets = CounterMetricFamily(
        "ilprouter_packets", "ILP packets.", labels=["peer", "direction", "type"]
    )
    octets = CounterMetricFamily(
        "ilprouter_link_bytes", "Bytes of ILP packets.", labels=["peer", "direction"]
    )
    up = GaugeMetricFamily("ilprouter_link_up", "Can packets be sent?", labels=["peer"])
    room = GaugeMetricFamily("ilprouter_link_room", "Requests it takes now.", labels=["peer"])
    counts = CounterMetricFamily(
        "ilprouter_link_events", "Events of the transport.", labels=["peer", "event"]
    )
    for peer in metrics.peers:
        for key, direction, kind in PACKETS:
            packets.add_metric([peer.name, direction, kind], peer.packets.get(key, 0))
        for direction in ("in", "out"):
            octets.add_metric([peer.name, direction], peer.packets.get(f"bytes_{direction}", 0))
        up.add_metric([peer.name], float(peer.up))
        room.add_metric([peer.name], peer.room)
        for event, count in peer.endpoint_counters.items():
            counts.add_metric([peer.name, event], count)
    yield from (packets, octets, up, room, counts)
    events = CounterMetricFamily(
        "ilprouter_endpoint_events", "Events of a transport.", labels=["endpoint", "event"]
    )
    for endpoint, counters in metrics.endpoints.items():
        for event, count in counters.items():
            events.add_metric([endpoint, event], count)
    yield events
    yield CounterMetricFamily(
        "ilprouter_udp_rx_drops", "Datagrams a full socket lost.", value=metrics.udp_rx_drops
    )


def accounts(metrics: Metrics) -> Iterator[Metric]:
    """Balances. A sample is a double: above 2^53 units read the exact value from /v1/accounts."""
    labels = ["account", "asset"]
    families = [
        (
            GaugeMetricFamily("ilprouter_account_peer_owes", "Owed to us.", labels=labels),
            "peer_owes",
        ),
        (GaugeMetricFamily("ilprouter_account_we_owe", "Owed by us.", labels=labels), "we_owe"),
        (
            GaugeMetricFamily("ilprouter_account_hold_in", "In flight to us.", labels=labels),
            "hold_in",
        ),
        (
            GaugeMetricFamily("ilprouter_account_hold_out", "In flight out.", labels=labels),
            "hold_out",
        ),
    ]
    for account in metrics.accounts:
        for family, field in families:
            family.add_metric([account.name, account.asset_code], float(getattr(account, field)))
    yield from (family for family, _ in families)


def settlement(metrics: Metrics) -> Iterator[Metric]:
    """Orders that wait, and how old the engines' word is."""
    waiting = GaugeMetricFamily(
        "ilprouter_settlement_open", "1 while an order is not done.", labels=["account", "state"]
    )
    for account, state in metrics.settlements_open:
        waiting.add_metric([account, state], 1)
    yield waiting
    ages = GaugeMetricFamily(
        "ilprouter_settlement_capacity_age_seconds",
        "Age of what an engine said it can settle.",
        labels=["account"],
    )
    for account, age in metrics.capacity_ages_seconds.items():
        ages.add_metric([account], age)
    yield ages


def store(metrics: Metrics) -> Iterator[Metric]:
    """Durations and failures of group commits."""
    yield CounterMetricFamily(
        "ilprouter_store_errors", "Failed commits.", value=metrics.store_errors
    )
    if metrics.commits is not None:
        yield commit_histogram(metrics.commits)


def commit_histogram(commits: CommitTimes) -> Metric:
    """Cumulative buckets, the last one for every commit."""
    buckets = [(format(bound, "g"), float(count)) for bound, count in commits.buckets]
    buckets.append(("+Inf", float(commits.count)))
    return HistogramMetricFamily(
        "ilprouter_store_commit_seconds",
        "Duration of a group commit.",
        buckets=buckets,
        sum_value=commits.sum_seconds,
    )
