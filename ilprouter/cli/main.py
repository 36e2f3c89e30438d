"""The table of commands, and from an exception to an exit code.

Owns who runs a command and how its failure is told; what a command does is elsewhere.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from ilprouter.errors import AdminError, ConfigError, EndpointError, RouterError, StoreError

FAILED = 1
NOT_RUNNING = 3
REFUSED = 4
UNAVAILABLE = 69
NO_PERMISSION = 77
BAD_CONFIG = 78

# name -> (module:command, one line of help); the order is the order of `ilprouter --help`.
COMMANDS = {
    "run": ("ilprouter.cli.local:run", "Run the router in the foreground until SIGTERM."),
    "check": ("ilprouter.cli.local:check", "Check a configuration and list every error."),
    "config": ("ilprouter.cli.local:config", "Show the effective, the default, the schema."),
    "status": ("ilprouter.cli.remote:status", "Show a running router on one page."),
    "peer": ("ilprouter.cli.peers:peer", "List, show, add, change, drain and remove peers."),
    "account": ("ilprouter.cli.peers:account", "List and show the books; freeze and unfreeze."),
    "route": ("ilprouter.cli.remote:route", "List, add, remove routes; where an address goes."),
    "rate": ("ilprouter.cli.changes:rate", "List and set the prices of assets."),
    "ping": ("ilprouter.cli.remote:ping", "Send one packet to an address and time the answer."),
    "decode": ("ilprouter.cli.packets:decode", "Show the fields of an ILP packet."),
    "settlement": ("ilprouter.cli.changes:settlement", "List and show settlements ordered."),
    "doubt": ("ilprouter.cli.changes:doubt", "List and resolve what a crash left open."),
    "reload": ("ilprouter.cli.changes:reload", "Read the configuration again, live."),
    "drain": ("ilprouter.cli.changes:drain", "Take no new packets; or take them again."),
    "log-level": ("ilprouter.cli.changes:log_level", "Show or set how much is logged."),
    "verify": ("ilprouter.cli.local:verify", "Audit the books of a stopped router."),
    "demo": ("ilprouter.bench.demo:command", "Run a router with two peers and compare the books."),
    "bench": ("ilprouter.bench.cli:command", "Measure the router on this machine."),
    "version": ("ilprouter.cli.local:version", "Print the version."),
}


class Commands(click.Group):
    """The commands, each imported when it is named; `--help` of the group imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, for help and completion."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, its module imported now."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, attribute = found[0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table instead of from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, and a misspelt name is answered with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


EPILOG = """\b
Examples:
  ilprouter check -c ilprouter.toml
  ilprouter run -c ilprouter.toml
  ilprouter status
  ilprouter route trace g.bob.shop
\b
Exit codes: 0 ok, 1 failed, 2 usage, 3 no router is running, 4 refused, 69 unavailable,
75 try again, 77 no permission, 78 bad configuration or fenced ledger.
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """An Interledger (ILPv4) router for one machine."""


def exit_code(error: RouterError) -> int:
    """The exit code of a failure."""
    from ilprouter.admin import client

    match error:
        case ConfigError():
            return BAD_CONFIG
        case client.NotRunningError():
            return NOT_RUNNING
        case client.NotAllowedError():
            return NO_PERMISSION
        case client.RefusedError():
            return REFUSED
        case client.UnavailableError() | EndpointError():
            return UNAVAILABLE
        case AdminError():
            return REFUSED
        case StoreError():
            return BAD_CONFIG
    return FAILED


def main(args: list[str] | None = None) -> Any:
    """Run one command and exit with its code.

    args   without the program's name; of the process when None
    """
    try:
        result = cli.main(args, prog_name="ilprouter", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)  # interrupted by Ctrl-C
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not find that out once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except RouterError as error:
        click.echo(f"ilprouter: {error}", err=True)
        sys.exit(exit_code(error))
    sys.exit(result if isinstance(result, int) else 0)
