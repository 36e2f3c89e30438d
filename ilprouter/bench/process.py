"""A router as a real child process: start, wait until ready, ask its admin socket, stop or kill.

Owns the child and its log file. Knows neither packets nor load.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ilprouter.bench.machine import Usage, usage
from ilprouter.bench.topology import Topology
from ilprouter.errors import RouterError

READY_TIMEOUT_S = 60.0


class BenchError(RouterError):
    """A child of a measurement failed; the message says how and ends with its last log lines."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def admin_get(path: Path, target: str, timeout: float = 5.0) -> tuple[int, Any]:
    """GET from an admin socket, blocking.

    returns  (HTTP status, decoded JSON, or the text when the body is not JSON)
    raises   OSError when nobody listens
    """
    connection = _UnixConnection(path, timeout)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, body


class Child:
    """A child process with a log file.

    command    argument vector
    directory  where the log goes
    name       of the log file, and in messages
    cpu        core to run on; None: any
    pass_fds   descriptors the child inherits
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        name: str,
        cpu: int | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
            )
        if cpu is not None:
            os.sched_setaffinity(self.process.pid, {cpu})

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Has the child not ended yet?"""
        return self.process.poll() is None

    def usage(self) -> Usage:
        """CPU time and memory so far."""
        return usage(self.pid)

    def last_lines(self, count: int = 12) -> str:
        """The end of the log."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])

    def fail(self, what: str) -> BenchError:
        """An error that says what went wrong and shows the log."""
        return BenchError(f"{self.name} {what}\n{self.last_lines()}")

    def stop(self, timeout: float = 45.0) -> int:
        """Ask the child to end (SIGTERM), then insist; returns its exit code."""
        if self.running:
            self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.fail(f"did not stop within {timeout:.0f} s") from None

    def kill(self) -> None:
        """End the child at once (SIGKILL): what a crash looks like."""
        if self.running:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class RouterProcess(Child):
    """`ilprouter run` with the configuration of a topology."""

    def __init__(self, topology: Topology, cpu: int | None = None) -> None:
        self.topology = topology
        config = topology.write()
        command = [sys.executable, "-m", "ilprouter", "run", "-c", str(config)]
        super().__init__(command, topology.directory, "router", cpu)

    def ready(self) -> bool:
        """Does the router say that it serves?"""
        try:
            return admin_get(self.topology.admin_socket, "/readyz")[0] == 200
        except OSError:
            return False

    def wait_ready(self, timeout: float = READY_TIMEOUT_S) -> None:
        """Block until the router serves. Raises BenchError when it ends or takes too long."""
        deadline = time.monotonic() + timeout
        while not self.ready():
            if not self.running:
                raise self.fail(f"ended with exit code {self.process.returncode} at its start")
            if time.monotonic() > deadline:
                raise self.fail(f"was not ready within {timeout:.0f} s")
            time.sleep(0.02)

    def get(self, target: str) -> Any:
        """GET from the admin socket; raises BenchError for an error status."""
        status, answer = admin_get(self.topology.admin_socket, target)
        if status != 200:
            raise self.fail(f"answered {status} to GET {target}: {answer}")
        return answer

    async def wait_up(self, names: Collection[str], timeout: float = READY_TIMEOUT_S) -> None:
        """Wait until the router can send to all of these peers; their endpoints run meanwhile.

        raises   BenchError that names a peer whose link stays down
        """
        deadline = time.monotonic() + timeout
        while True:
            peers = (await asyncio.to_thread(self.get, "/v1/peers"))["peers"]
            down = [peer["name"] for peer in peers if peer["name"] in names and not peer["up"]]
            if not down:
                return
            if time.monotonic() > deadline:
                raise self.fail(f"has no link to {down[0]} after {timeout:.0f} s")
            await asyncio.sleep(0.05)

    def accounts(self) -> list[dict[str, Any]]:
        """The router's books, as its admin API shows them; empty without balances."""
        return list(self.get("/v1/accounts")["accounts"])
