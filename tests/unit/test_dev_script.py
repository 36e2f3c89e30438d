"""What ./dev promises on machines that lack something: one apt line, exit 69, nothing half done.

Owns a bare PATH made of links to the tools a minimal Debian has. Must not build the project.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = ["sh", "cat", "cksum", "dirname", "env", "find", "id", "rm", "sort", "xargs"]

Dev = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with a copy of ./dev and of the files it looks at, and bin/ with few programs."""
    shutil.copy(ROOT / "dev", tmp_path / "dev")
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "cext").mkdir()
    (tmp_path / "bin").mkdir()
    for name in MINIMAL:
        found = shutil.which(name)
        assert found, f"{name} is part of every Debian"
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


@pytest.fixture
def dev(machine: Path) -> Dev:
    """Run ./dev with that PATH and no other environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(machine / "dev"), *arguments],
            env={"PATH": str(machine / "bin"), "HOME": str(machine), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def program(machine: Path, name: str, script: str) -> None:
    """Put an executable shell script on the machine's PATH."""
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def apt_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "apt-get install" in line]


def test_forbidden_apt_prints_one_line_and_exits_69(machine: Path, dev: Dev) -> None:
    (machine / "bin" / "id").unlink()
    program(machine, "id", "echo 0")
    program(machine, "apt-get", f": >{machine}/apt-was-called")
    result = dev("build", ILPROUTER_NO_APT="1")
    assert result.returncode == 69
    (line,) = apt_lines(result.stderr)
    packages = line.split("--no-install-recommends ")[1].split()
    assert packages == [
        "python3",
        "python3-dev",
        "python3-venv",
        "gcc",
        "libc6-dev",
        "libnghttp2-dev",
    ]
    assert not (machine / "apt-was-called").exists()
    assert not (machine / ".venv").exists()


def test_no_right_to_install_exits_69(machine: Path, dev: Dev) -> None:
    (machine / "bin" / "id").unlink()
    program(machine, "id", "echo 1000")
    program(machine, "apt-get", f": >{machine}/apt-was-called")
    program(machine, "sudo", "exit 1")  # sudo that would ask for a password
    result = dev("run")
    assert result.returncode == 69
    (line,) = apt_lines(result.stderr)
    assert line.startswith("sudo apt-get install"), "who is not root needs sudo in the line"
    assert not (machine / "apt-was-called").exists()


def test_allowed_apt_is_asked_for_what_is_missing(machine: Path, dev: Dev) -> None:
    (machine / "bin" / "id").unlink()
    program(machine, "id", "echo 0")
    program(machine, "apt-get", f'echo "$@" >>{machine}/apt-log')
    result = dev("build")
    log = (machine / "apt-log").read_text().splitlines()
    assert log[0].startswith("update")
    assert log[1].startswith("install -y")
    assert log[1].endswith("python3 python3-dev python3-venv gcc libc6-dev libnghttp2-dev")
    assert result.returncode == 69, "this apt-get installs nothing: the line is printed after all"
    assert len(apt_lines(result.stderr)) == 1


def test_only_what_is_missing_is_named(machine: Path, dev: Dev) -> None:
    """A Python and a compiler are there; the compiler finds stdio.h and not nghttp2."""
    program(machine, "python3", "echo full")
    program(machine, "gcc", 'read -r line; [ "$line" = "#include <stdio.h>" ]')
    result = dev("build", ILPROUTER_NO_APT="1")
    assert result.returncode == 69
    assert apt_lines(result.stderr)[0].endswith("--no-install-recommends libnghttp2-dev")


def test_old_python_does_not_count(machine: Path, dev: Dev) -> None:
    program(machine, "python3", "exit 0")  # answers, and does not say that it is new enough
    result = dev("build", ILPROUTER_NO_APT="1")
    assert "python3-venv" in apt_lines(result.stderr)[0]


def test_python_of_pyenv_is_found(machine: Path, dev: Dev) -> None:
    pyenv = machine / ".pyenv" / "versions" / "3.12.1" / "bin"
    pyenv.mkdir(parents=True)
    (pyenv / "python3").write_text("#!/bin/sh\necho full\n")
    (pyenv / "python3").chmod(0o755)
    result = dev("build", ILPROUTER_NO_APT="1")
    (line,) = apt_lines(result.stderr)
    assert line.endswith("--no-install-recommends gcc libc6-dev libnghttp2-dev")


def test_unknown_command_is_a_usage_error(dev: Dev) -> None:
    result = dev("frobnicate")
    assert result.returncode == 2
    assert "no such command: frobnicate" in result.stderr


def test_help_names_every_command(dev: Dev) -> None:
    result = dev("help")
    makefile = (ROOT / "Makefile").read_text()
    commands = makefile.split("COMMANDS = ")[1].splitlines()[0].split()
    assert len(commands) >= 13
    missing = [name for name in commands if name != "help" and name not in result.stdout]
    assert (result.returncode, missing) == (0, [])


def test_nothing_changed_means_nothing_is_done(machine: Path, dev: Dev) -> None:
    """With a current state file neither a compiler nor apt is looked for."""
    python = machine / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n: >{machine}/python-was-called\n")
    python.chmod(0o755)
    first = dev("build", ILPROUTER_NO_APT="1")
    assert first.returncode == 69, "no compiler, and no state file yet"
    for name in ("gcc", "mkdir"):
        program(machine, name, "exit 0")
    (machine / "build").mkdir()
    assert dev("build").returncode == 0
    (machine / "python-was-called").unlink()
    (machine / "bin" / "gcc").unlink()
    again = dev("build", ILPROUTER_NO_APT="1")
    assert (again.returncode, again.stderr) == (0, "")
    assert not (machine / "python-was-called").exists()
    assert os.access(machine / "build" / "state", os.R_OK)
