"""`ilprouter demo` and `ilprouter bench` as a user starts them: real processes, real sockets."""

import json
import subprocess
import sys

import pytest

CONTRACT = {
    "tx_per_s",
    "p50_us",
    "p99_us",
    "cpu_us_per_tx",
    "rss_mib",
    "limit_tx_per_s",
    "ratio_limit",
}


def ilprouter(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "ilprouter", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(120)
def test_demo_ends_with_three_equal_books():
    result = ilprouter("demo", "--seconds", "2", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["books_equal"] is True
    assert report["router_exit_code"] == 0
    assert {"F02", "F08", "F99", "R01"} <= set(report["rejects"])
    assert report["timed_out"] == 0
    assert len(report["books"]) == 4
    for line in report["books"]:
        assert line["peer"] == line["router"] > 0
    assert "All books agree to the unit" in result.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scenario", ["udp-udp/core", "http2-udp/connector"])
def test_bench_prints_one_object_with_every_figure(scenario):
    result = ilprouter("bench", "--scenario", scenario, "--seconds", "0.5", "--runs", "1", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["machine"]["cores"] >= 1
    figures = report["scenarios"][scenario]
    assert CONTRACT <= set(figures)
    assert figures["timed_out"] == figures["rejected"] == 0
    assert all(figures[name] > 0 for name in CONTRACT)
