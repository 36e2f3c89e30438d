"""The notification socket and the unit file; systemd-analyze is asked where it is installed."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ilprouter import systemd

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "ilprouter.service"

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """A datagram socket in the place of the service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(2)
        if request.param == "path":
            address = str(tmp_path / "notify")
            receiver.bind(address)
        else:
            receiver.bind("")  # the kernel chooses an abstract name
            name = receiver.getsockname()
            address = "@" + name[1:].decode()
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield receiver


def test_notify_reaches_the_manager(manager: socket.socket) -> None:
    assert systemd.notify("READY=1\nSTATUS=two peers up")
    assert manager.recv(1024) == b"READY=1\nSTATUS=two peers up"


@pytest.mark.parametrize("address", ["", "relative/path", "/nonexistent/notify"])
def test_no_manager_is_not_an_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert systemd.notify("READY=1") is False


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
        ("10000000", "", 5.0),
        pytest.param("10000000", str(os.getpid()), 5.0, id="our own pid"),
        ("10000000", "1", None),
    ],
)
def test_watchdog_interval(
    usec: str, pid: str, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert systemd.watchdog_interval_s() == expected


@pytest.fixture
def runnable_unit(tmp_path: Path) -> Path:
    """The unit with a program that exists in the place of the installed one."""
    copy = tmp_path / "ilprouter.service"
    copy.write_text(UNIT.read_text().replace("/usr/bin/ilprouter", sys.executable))
    return copy


@needs_analyze
def test_unit_is_valid(runnable_unit: Path) -> None:
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(runnable_unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in result.stderr.splitlines() if runnable_unit.name in line]
    assert (result.returncode, ours) == (0, [])


@needs_analyze
def test_unit_stays_hardened(runnable_unit: Path) -> None:
    """Exposure as systemd counts it, 0 (none) to 10; the unit has 1.1."""
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(runnable_unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", result.stdout)
    assert found, result.stdout[-500:]
    assert float(found.group(1)) <= 1.5


def test_unit_does_not_restart_what_a_restart_cannot_cure() -> None:
    (line,) = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert {"2", "78"} <= set(line.split())
