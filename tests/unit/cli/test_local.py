"""Commands without a router: output, JSON and exit codes, through the real entry point."""

import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from ilprouter.cli import main

from ..config.test_load import EXAMPLE, MINIMAL

ROOT = Path(__file__).resolve().parents[3]
REJECT = "0e06463030000000"


def run(capsys, *args):
    """(exit code, stdout, stderr) of one command."""
    with pytest.raises(SystemExit) as caught:
        main(list(args))
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(EXAMPLE)
    return str(path)


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(EXAMPLE.replace('prefix = "g.bob"', 'prefix = "g.bob."'))
    return str(path)


def test_check(capsys, good, bad):
    assert run(capsys, "check", "-c", good) == (0, f"{good}: ok\n", "")
    code, out, err = run(capsys, "check", "--config", bad)
    assert (code, out) == (78, "")
    assert err == (
        f"error: {bad}: route[0].prefix = 'g.bob.'; accepted: an ILP address prefix such as g.bob, "
        "no dot at the end\n"
    )


def test_check_as_json(capsys, good, bad):
    code, out, _ = run(capsys, "check", "-c", good, "--json")
    assert code == 0 and json.loads(out) == {"ok": True, "errors": [], "warnings": []}
    code, out, _ = run(capsys, "check", "-c", bad, "--json")
    assert code == 78
    assert [error["key"] for error in json.loads(out)["errors"]] == ["route[0].prefix"]


@pytest.mark.parametrize("flag", ["-t", "--check-config"])
def test_run_can_only_check(capsys, good, bad, flag):
    assert run(capsys, "run", flag, "-c", good)[0] == 0
    assert run(capsys, "run", flag, "-c", bad)[0] == 78


def test_config_show(capsys, good, bad):
    code, out, _ = run(capsys, "config", "show", "-c", good)
    assert code == 0 and "planted" not in out
    assert tomllib.loads(out)["peer"][0]["name"] == "alice"
    assert "# incoming: rate-limit(" in out
    code, out, _ = run(capsys, "config", "show", "-c", good, "--json")
    assert json.loads(out)["pipelines"][0]["peer"] == "alice" and "planted" not in out
    code, out, err = run(capsys, "config", "show", "-c", bad)
    assert (code, out) == (78, "") and "route[0].prefix" in err


def test_config_default_passes_check(capsys, tmp_path):
    code, out, _ = run(capsys, "config", "default")
    path = tmp_path / "default.toml"
    path.write_text(out)
    assert code == 0 and run(capsys, "check", "-c", str(path))[0] == 0


def test_config_schema(capsys):
    code, out, _ = run(capsys, "config", "schema")
    assert code == 0 and "Peer" in json.loads(out)["$defs"]


def test_decode(capsys):
    code, out, _ = run(capsys, "decode", REJECT)
    assert code == 0 and "code          F00\n" in out
    code, out, _ = run(capsys, "decode", "0x0E 06 46:30:30 00 00 00", "--json")
    assert json.loads(out) == {
        "type": "reject",
        "code": "F00",
        "triggered_by": "",
        "message": "",
        "data": "",
        "length": 8,
        "canonical": True,
    }
    assert run(capsys, "decode", "0c00")[0] == 1
    assert run(capsys, "decode", "no hex")[0] == 2


PACKETS = [
    vector
    for vector in json.loads((ROOT / "tests" / "vectors" / "ilp.json").read_text())["vectors"]
    if vector["type"] == "ilp.packet"
]


@pytest.mark.parametrize("vector", PACKETS, ids=[vector["name"] for vector in PACKETS])
def test_decode_says_of_every_vector_whether_it_is_a_packet(capsys, vector):
    packet = vector.get("hex") or "".join(part * n for part, n in vector.get("hexRepeat", ()))
    code, out, err = run(capsys, "decode", packet, "--json")
    if vector["valid"]:
        assert code == 0 and json.loads(out)["type"] in ("prepare", "fulfill", "reject")
    else:
        assert code == (1 if packet else 2) and err


def test_version(capsys):
    code, out, _ = run(capsys, "version")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (code, out) == (0, f"ilprouter {project['version']}\n")
    code, out, _ = run(capsys, "version", "--json")
    found = json.loads(out)
    assert found["lmdb"].startswith("0.9.") and found["nghttp2"] and found["engine"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


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
    from ilprouter.cli.main import COMMANDS

    for name, (_, text) in COMMANDS.items():
        assert name in out and text in out


def process(*args, stdin=b""):
    """One command in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "ilprouter", *args], cwd=ROOT, input=stdin, capture_output=True
    )


def test_exit_codes_of_the_process(good, bad, tmp_path):
    assert process("check", "-c", good).returncode == 0
    failed = process("config", "show", "-c", bad)
    assert failed.returncode == 78
    assert failed.stderr.startswith(b"ilprouter: ") and b"Traceback" not in failed.stderr
    assert process("status", "--socket", str(tmp_path / "none")).returncode == 3
    assert process("nonsense").returncode == 2


@pytest.mark.parametrize("stdin", [bytes.fromhex(REJECT), REJECT.encode() + b"\n"])
def test_decode_reads_raw_bytes_and_hex_from_stdin(stdin):
    found = process("decode", "-", "--json", stdin=stdin)
    assert found.returncode == 0 and json.loads(found.stdout)["code"] == "F00"


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


def test_the_smallest_file_is_enough(capsys, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(MINIMAL)
    assert run(capsys, "check", "-c", str(path))[0] == 0
