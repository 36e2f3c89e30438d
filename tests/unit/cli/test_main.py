"""The entry point: help, misspelt names, exit codes, and how little it imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from ilprouter.admin.client import NotAllowedError, NotRunningError, RefusedError, UnavailableError
from ilprouter.cli.main import COMMANDS, exit_code
from ilprouter.errors import AdminError, ConfigError, EndpointError, RouterError, StoreError

from .command import run

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("f", "k", 1, "2"), 78),
        (StoreError("fenced"), 78),
        (NotRunningError("m", "a"), 3),
        (RefusedError("m", "a", 409), 4),
        (AdminError("m", "a"), 4),
        (UnavailableError("m", "a"), 69),
        (EndpointError("taken"), 69),
        (NotAllowedError("m", "a"), 77),
        (RouterError("other"), 1),
    ],
)
def test_every_failure_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_usage_errors(capsys):
    code, _, err = run(capsys, "chekc")
    assert code == 2 and "Did you mean 'check'?" in err
    assert run(capsys, "check", "--nonsense")[0] == 2
    assert run(capsys, "decode")[0] == 2


@pytest.mark.parametrize(
    "command",
    ["run", "check", "config", "status", "route", "ping", "decode", "verify", "version"],
)
def test_help_of_every_command(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0 and out.startswith(f"Usage: ilprouter {command}")


def test_the_group_s_help_names_every_command_and_imports_none(capsys):
    code = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom ilprouter.cli import main\n"
            "try: main(['--help'])\nexcept SystemExit: pass\n"
            "bad = {'aiohttp', 'uvloop', 'msgspec', 'rich', 'prometheus_client', 'lmdb'}\n"
            "sys.exit(bool(bad & set(sys.modules)))",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ).returncode
    assert code == 0
    _, out, _ = run(capsys, "--help")

    for name, (_, text) in COMMANDS.items():
        assert name in out and text in out
