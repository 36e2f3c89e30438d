"""Options that several commands take, and JSON or text output. Knows no command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
CONFIG = "/etc/ilprouter/ilprouter.toml"
SOCKET = "/run/ilprouter/admin.sock"


def config_option(command: Decorated) -> Decorated:
    """-c, --config FILE."""
    return click.option(
        "-c",
        "--config",
        "path",
        default=CONFIG,
        show_default=True,
        envvar="ILPROUTER_CONFIG",
        metavar="FILE",
        help="Configuration file.",
    )(command)


def socket_option(command: Decorated) -> Decorated:
    """--socket PATH."""
    return click.option(
        "--socket",
        default=SOCKET,
        show_default=True,
        envvar="ILPROUTER_SOCKET",
        metavar="PATH",
        help="Admin socket of the running router (or ILPROUTER_SOCKET).",
    )(command)


def json_option(command: Decorated) -> Decorated:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def dry_run_option(command: Decorated) -> Decorated:
    """--dry-run."""
    return click.option(
        "--dry-run", is_flag=True, help="Check and show what would change; change nothing."
    )(command)


def persist_option(command: Decorated) -> Decorated:
    """--persist."""
    return click.option(
        "--persist",
        is_flag=True,
        help="Also keep it in conf.d/admin-api.toml; otherwise it ends with the next reload.",
    )(command)


def print_json(value: Any) -> None:
    """One JSON document, readable by people too."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [
        bool(cells) and all(cell.lstrip("-").isdecimal() for cell in column)
        for column in zip(*cells, strict=True)
    ] or [False] * len(header)
    for row in (list(header), *cells):
        parts = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(parts).rstrip())
