"""`ilprouter bench`: flags, progress and the table.

Owns what is printed. Measures nothing itself.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

WIDE = 150  # characters; a narrower terminal shows the columns of ESSENTIAL only
ESSENTIAL = ("tx_per_s", "p50_us", "p99_us", "cpu_us_per_tx", "ratio_limit", "ratio_baseline")
COLUMNS = (
    ("tx/s", "tx_per_s", "{:,.0f}"),
    ("p50 µs", "p50_us", "{:,.0f}"),
    ("p99 µs", "p99_us", "{:,.0f}"),
    ("open p50", "open_p50_us", "{:,.0f}"),
    ("open p99", "open_p99_us", "{:,.0f}"),
    ("CPU µs/tx", "cpu_us_per_tx", "{:.2f}"),
    ("RSS MiB", "rss_mib", "{:,.0f}"),
    ("limit tx/s", "limit_tx_per_s", "{:,.0f}"),
    ("of limit", "ratio_limit", "{:.2f}"),
    ("of baseline", "ratio_baseline", "{:.2f}"),
    ("HAProxy tx/s", "haproxy_tx_per_s", "{:,.0f}"),
    ("HAProxy µs/tx", "haproxy_cpu_us_per_tx", "{:.2f}"),
)


@click.command("bench")
@click.option(
    "--scenario", "names", multiple=True, help="Name or prefix of a scenario; may be repeated."
)
@click.option("--seconds", default=3.0, show_default=True, help="Length of each measurement.")
@click.option("--runs", default=3, show_default=True, help="Runs of each; figures are medians.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--list", "list_only", is_flag=True, help="Print the names of the scenarios.")
@click.option(
    "--window", type=click.IntRange(1, 65_536), help="Requests in flight, over all senders."
)
@click.option("--router-cpu", type=int, help="Core of the router (default: the first we may use).")
@click.option("--load-cpu", type=int, help="Core of the load (default: the next one).")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where ledgers are written; must be on a disk (default: a temporary directory).",
)
def command(
    names: tuple[str, ...],
    seconds: float,
    runs: int,
    as_json: bool,
    list_only: bool,
    window: int | None,
    router_cpu: int | None,
    load_cpu: int | None,
    directory: Path | None,
) -> None:
    """Measure this machine: real router processes, and beside each figure the machine's own limit.

    A transaction (tx) is one Prepare forwarded and its answer returned.

    Examples: `ilprouter bench --scenario udp-udp`, `ilprouter bench --json > figures.json`
    """
    from ilprouter.bench import runner
    from ilprouter.bench.machine import cpu_pair
    from ilprouter.bench.process import BenchError
    from ilprouter.bench.scenarios import SCENARIOS, select

    if list_only:
        click.echo(json.dumps(list(SCENARIOS)) if as_json else "\n".join(SCENARIOS))
        return
    try:
        scenarios = select(names)
    except KeyError as error:
        raise click.UsageError(
            f"no scenario {error.args[0]!r}; known: {', '.join(SCENARIOS)}"
        ) from None
    if seconds <= 0 or runs < 1:
        raise click.UsageError("--seconds must be above 0 and --runs at least 1")
    if not names:
        scenarios = [scenario for scenario in scenarios if runner.enough_descriptors(scenario)]
    if window is not None:
        scenarios = [dataclasses.replace(scenario, window=window) for scenario in scenarios]
    router, load = cpu_pair(router_cpu, load_cpu)
    try:
        options = runner.Options(
            seconds, runs, router, load, directory or runner.scratch_directory()
        )
        report = runner.measure_all(scenarios, options, progress)
    except BenchError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(rounded(report), indent=2))
    else:
        show(report)


def progress(line: str) -> None:
    """Tell a person what is being measured; nothing when stderr is not a terminal."""
    if sys.stderr.isatty():
        click.echo(line, err=True)


def rounded(value: Any) -> Any:
    """Floats with four significant digits or more, for readers of the JSON."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, float):
        return round(value) if abs(value) >= 10_000 else round(value, 4)
    return value


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    from rich.console import Console
    from rich.table import Table

    machine = report["machine"]
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(
        f"[bold]{machine['cpu']}[/bold], {machine['cores']} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']}; router on core {machine['router_cpu']}, "
        f"load on core {machine['load_cpu']}"
    )
    figures = report["scenarios"]
    columns = [
        part
        for part in COLUMNS
        if any(part[1] in row for row in figures.values())
        and (console.width >= WIDE or part[1] in ESSENTIAL)
    ]
    table = Table()
    table.add_column("scenario", no_wrap=True)
    for title, _, _ in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for name, row in figures.items():
        cells = [form.format(row[key]) if key in row else "" for _, key, form in columns]
        table.add_row(name, *cells)
    console.print(table)
    stolen = max(row["stolen_percent"] for row in figures.values())
    if stolen > 2:
        console.print(f"[yellow]Up to {stolen:.0f} % of the CPU was taken by other guests.[/]")
