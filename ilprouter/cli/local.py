"""Commands that need no running router: run, check, config, verify, version.

Owns their flags and their output; the work is in config, daemon and ledger.
"""

from __future__ import annotations

import platform
from typing import Any

import click

from ilprouter import __version__
from ilprouter.cli.options import config_option, json_option, print_json


def warn(line: str) -> None:
    """A warning of the configuration, where errors go."""
    click.echo(f"warning: {line}", err=True)


def check_file(path: str, as_json: bool) -> int:
    """List every error of a configuration; 0 or 78."""
    from ilprouter.config import examine
    from ilprouter.errors import ConfigError

    warnings: list[str] = []
    try:
        _, errors = examine(path, warnings.append)
    except ConfigError as error:
        errors = [error]
    if as_json:
        found = [
            {"file": e.file, "key": e.key, "value": shown(e.value), "accepted": e.accepted}
            for e in errors
        ]
        print_json({"ok": not errors, "errors": found, "warnings": warnings})
        return 78 if errors else 0
    for line in warnings:
        warn(line)
    for breach in errors:
        click.echo(f"error: {breach}", err=True)
    if errors:
        return 78
    click.echo(f"{path}: ok")
    return 0


def shown(value: object) -> object:
    """A found value as JSON can hold it."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@click.command()
@config_option
@click.option("-t", "--check-config", is_flag=True, help="Only check the configuration.")
def run(path: str, check_config: bool) -> int:
    """Run the router in the foreground until SIGTERM.

    SIGTERM and SIGINT drain what is in flight, then exit; a second one exits at once.

    \b
    Example:
      ilprouter run -c ilprouter.toml
    """
    if check_config:
        return check_file(path, as_json=False)
    from ilprouter.daemon import run as run_daemon

    return run_daemon(path)


@click.command()
@config_option
@json_option
def check(path: str, as_json: bool) -> int:
    """Check a configuration and list every error.

    Nothing is opened or bound. Exits 78 when there is an error.

    \b
    Example:
      ilprouter check -c ilprouter.toml
    """
    return check_file(path, as_json)


@click.group()
def config() -> None:
    """Show the effective configuration, the default, the schema."""


@config.command()
@config_option
@json_option
def show(path: str, as_json: bool) -> int:
    """Print what the files come to, with all defaults and the pipeline of each peer.

    Tokens are shown as (hidden).
    """
    from ilprouter.config import load
    from ilprouter.config.text import builtins, effective, pipelines

    found = load(path, warn)
    if as_json:
        print_json({**builtins(found), "pipelines": pipelines(found)})
    else:
        click.echo(effective(found), nl=False)
    return 0


@config.command()
def schema() -> int:
    """Print the JSON Schema of the configuration file."""
    from ilprouter.config.text import schema as json_schema

    print_json(json_schema())
    return 0


@config.command()
def default() -> int:
    """Print a file with every key, commented out at its default."""
    from ilprouter.config.text import default as default_text

    click.echo(default_text(), nl=False)
    return 0


@click.command()
@config_option
@click.option("--data-dir", metavar="DIR", help="The ledger's directory, instead of a file's.")
@json_option
def verify(path: str, data_dir: str | None, as_json: bool) -> int:
    """Audit the books of a stopped router.

    Checks the chain of groups, every row, and that no value was made or lost. Changes nothing.
    Exits 1 when something is wrong, 75 while the router runs.
    """
    from ilprouter.config import load
    from ilprouter.errors import StoreError
    from ilprouter.ledger.verify import verify as verify_store

    try:
        report = verify_store(data_dir or load(path, warn).node.data_dir)
    except StoreError as error:  # another process holds the store
        click.echo(f"ilprouter: {error}", err=True)
        return 75
    if as_json:
        print_json(report)
    else:
        for problem in report["problems"]:
            click.echo(f"error: {problem['message']}", err=True)
        words = "the books are whole" if report["ok"] else "the books are damaged"
        click.echo(
            f"{words}: epoch {report['epoch']}, group {report['group']}, "
            f"{len(report['accounts'])} accounts"
        )
    return 0 if report["ok"] else 1


def versions() -> dict[str, Any]:
    """What is running: ours, Python's, the libraries that carry packets and books."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    import lmdb

    def package(name: str) -> str | None:
        try:
            return of(name)
        except PackageNotFoundError:
            return None

    return {
        "ilprouter": __version__,
        "python": platform.python_version(),
        "engine": f"uvloop {package('uvloop')}",
        "nghttp2": nghttp2_version(),
        "lmdb": ".".join(map(str, lmdb.version())),
        "machine": platform.machine(),
        "kernel": platform.release(),
    }


def nghttp2_version() -> str | None:
    """The version of the nghttp2 library the HTTP endpoint is linked to; None without it."""
    import ctypes

    class Info(ctypes.Structure):
        _fields_ = [
            ("age", ctypes.c_int),
            ("number", ctypes.c_int),
            ("text", ctypes.c_char_p),
        ]

    try:
        library = ctypes.CDLL("libnghttp2.so.14")
    except OSError:
        return None
    library.nghttp2_version.restype = ctypes.POINTER(Info)
    text: bytes = library.nghttp2_version(0).contents.text
    return text.decode()


@click.command()
@json_option
def version(as_json: bool) -> int:
    """Print the version; with --json also of Python and of the libraries."""
    if as_json:
        print_json(versions())
    else:
        click.echo(f"ilprouter {__version__}")
    return 0
