"""Commands without a router: output, JSON and exit codes, through the real entry point."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from ..config.test_load import EXAMPLE, MINIMAL
from .command import run

ROOT = Path(__file__).resolve().parents[3]


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


def test_version(capsys):
    code, out, _ = run(capsys, "version")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (code, out) == (0, f"ilprouter {project['version']}\n")
    code, out, _ = run(capsys, "version", "--json")
    found = json.loads(out)
    assert found["lmdb"].startswith("0.9.") and found["nghttp2"] and found["engine"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_smallest_file_is_enough(capsys, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(MINIMAL)
    assert run(capsys, "check", "-c", str(path))[0] == 0
