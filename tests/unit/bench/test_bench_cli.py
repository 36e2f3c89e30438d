"""Flags of `ilprouter bench` and `ilprouter demo` that need no router."""

import json

import pytest
from click.testing import CliRunner

from ilprouter.bench import cli, demo


def run(command, *arguments):
    return CliRunner().invoke(command, arguments)


def test_list_names_every_scenario():
    result = run(cli.command, "--list")
    assert result.exit_code == 0
    assert "udp-udp/core" in result.output.splitlines()
    assert json.loads(run(cli.command, "--list", "--json").output) == result.output.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "carrier-pigeon"], "no scenario 'carrier-pigeon'"),
        (["--seconds", "0"], "--seconds must be above 0"),
        (["--runs", "0"], "--runs at least 1"),
    ],
)
def test_wrong_flags_are_usage_errors(arguments, message):
    result = run(cli.command, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_demo_wants_at_least_a_second():
    result = run(demo.command, "--seconds", "0")
    assert result.exit_code == 2


def test_json_keeps_large_figures_whole_and_small_ones_precise():
    assert cli.rounded({"a": 412345.678, "b": 0.123456, "c": [1], "d": 3}) == {
        "a": 412346,
        "b": 0.1235,
        "c": [1],
        "d": 3,
    }


def test_table_shows_ratios_and_leaves_out_what_was_not_measured(capsys):
    figures = {name: 1.0 for _, name, _ in cli.COLUMNS if not name.startswith("haproxy")}
    report = {
        "machine": {
            "cpu": "Test CPU",
            "cores": 2,
            "kernel": "6.1",
            "python": "3.11",
            "router_cpu": 0,
            "load_cpu": 1,
        },
        "scenarios": {"udp-udp/core": {**figures, "tx_per_s": 1234567.0, "stolen_percent": 9.0}},
    }
    cli.show(report)
    output = capsys.readouterr().out
    assert "1,234,567" in output
    assert "HAProxy" not in output
    assert "other guests" in output
