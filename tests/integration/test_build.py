"""setup.py on a project of two files: what a build refuses, and what a change rebuilds.

Owns a miniature tree: a kernel function and a module that calls it. Must not build the real one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """[project]
name = "ilprouter"
version = "0"
[tool.setuptools]
packages = ["ilprouter"]
"""
KERNEL = "int answer(void);\nint answer(void) { return %d; }\n"
MODULE = '''"""Calls the kernel."""
cdef extern from "answer.h" nogil:
    int answer()


def ask():
    return answer()
'''

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "setup.py", tmp_path / "setup.py")
    for directory in ("cext/kernel", "cext/ilprouter", "ilprouter"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "ilprouter" / "__init__.py").touch()
    (tmp_path / "cext" / "ilprouter" / "__init__.pxd").touch()
    (tmp_path / "cext" / "kernel" / "answer.h").write_text("int answer(void);\n")
    (tmp_path / "cext" / "kernel" / "answer.c").write_text(KERNEL % 1)
    (tmp_path / "cext" / "ilprouter" / "small.pyx").write_text(MODULE)
    return tmp_path


@pytest.fixture
def build(tree: Path) -> Build:
    """Run the build that ./dev runs."""

    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "setup.py", "-q", "build_clib", "build_ext", "--inplace"],
            cwd=tree,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def ask(tree: Path) -> str:
    """The kernel's answer by way of the built module, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "import ilprouter.small as module; print(module.ask())"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def made(tree: Path, pattern: str) -> dict[str, int]:
    """When each built file that matches was written, ns."""
    return {path.name: path.stat().st_mtime_ns for path in (tree / "build").rglob(pattern)}


def test_a_changed_kernel_reaches_the_modules(tree: Path, build: Build) -> None:
    """setuptools alone leaves modules linked with the old library when only kernel C changed."""
    assert build().returncode == 0
    assert ask(tree) == "1"
    objects = made(tree, "small.o")
    (tree / "cext" / "kernel" / "answer.c").write_text(KERNEL % 2)
    assert build().returncode == 0
    assert ask(tree) == "2"
    assert made(tree, "small.o") == objects, "relinked, not compiled again"


def test_a_removed_kernel_source_leaves_the_library(tree: Path, build: Build) -> None:
    """An archive keeps old members unless it is made anew; modules would still find them."""
    other = tree / "cext" / "kernel" / "other.c"
    other.write_text("int other(void);\nint other(void) { return 3; }\n")
    assert build().returncode == 0
    (archive,) = (tree / "build").rglob("libilpkernel.a")
    assert b"other.o" in archive.read_bytes()
    other.unlink()
    assert build().returncode == 0
    assert b"other.o" not in archive.read_bytes()


def test_nothing_changed_builds_nothing(tree: Path, build: Build) -> None:
    assert build().returncode == 0
    before = made(tree, "*.*")
    assert build().returncode == 0
    assert made(tree, "*.*") == before


def test_other_flags_rebuild_everything(tree: Path, build: Build) -> None:
    assert build().returncode == 0
    before = made(tree, "answer.o")
    assert build(ILPROUTER_DEBUG="1").returncode == 0
    assert made(tree, "answer.o") != before
    assert ask(tree) == "1"


def test_a_performance_hint_fails_every_build(tree: Path, build: Build) -> None:
    """A void function without noexcept takes the GIL after each call; every build says so."""
    hidden_lock = "cdef void touch() nogil:\n    pass\n\n\ndef go():\n    touch()\n"
    (tree / "cext" / "ilprouter" / "small.pyx").write_text(f'"""Slow."""\n{hidden_lock}')
    for _ in range(2):
        result = build()
        assert result.returncode != 0
        assert "performance hints are errors" in result.stderr
        assert "small.pyx:2" in result.stderr
    (tree / "cext" / "ilprouter" / "small.pyx").write_text(MODULE)
    assert build().returncode == 0


def test_a_missing_library_names_the_package(tree: Path, build: Build) -> None:
    """A compiler that finds every header but nghttp2's."""
    compiler = tree / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *" -E "*) exit 1 ;; esac\nexec gcc "$@"\n')
    compiler.chmod(0o755)
    source = "# distutils: libraries = nghttp2\n" + MODULE
    (tree / "cext" / "ilprouter" / "small.pyx").write_text(source)
    result = build(CC=str(compiler))
    assert result.returncode != 0
    assert "sudo apt-get install libnghttp2-dev" in result.stderr
