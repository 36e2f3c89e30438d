"""`python -m ilprouter` as a process: exit codes, speed, and no traceback."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def process(*args, stdin=b""):
    """One command in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "ilprouter", *args], cwd=ROOT, input=stdin, capture_output=True
    )


def test_exit_codes_of_the_process(tmp_path):
    good = tmp_path / "r.toml"
    good.write_text('[node]\naddress = "g.acme"\n')
    assert process("check", "-c", str(good)).returncode == 0
    bad = tmp_path / "bad.toml"
    bad.write_text("[node]\n")
    failed = process("config", "show", "-c", str(bad))
    assert failed.returncode == 78
    assert failed.stderr.startswith(b"ilprouter: ") and b"Traceback" not in failed.stderr
    assert process("status", "--socket", str(tmp_path / "none")).returncode == 3
    assert process("nonsense").returncode == 2


def test_a_reader_that_goes_away_is_no_traceback():
    script = f"{sys.executable} -m ilprouter config schema | head -c 10"
    found = subprocess.run(["/bin/sh", "-c", script], cwd=ROOT, capture_output=True)
    assert b"Traceback" not in found.stderr and b"Exception" not in found.stderr


def test_a_simple_command_starts_fast():
    """Best of three: 150 ms is the promise on a quiet machine, tests share theirs."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert process("version").returncode == 0
        times.append(time.perf_counter() - began)
    assert min(times) < 0.6
