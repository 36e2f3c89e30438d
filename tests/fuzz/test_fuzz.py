"""Run every fuzz target for a short time: ILPROUTER_FUZZ_SECONDS each (2 when not set).

Owns the call of run.sh; must not know a target.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SECONDS = int(os.environ.get("ILPROUTER_FUZZ_SECONDS", "2"))
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.c"))


def fuzz(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FOLDER / "run.sh", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * len(TARGETS) + SECONDS * len(TARGETS))
def test_no_target_finds_anything() -> None:
    done = fuzz(str(SECONDS))
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    for target in TARGETS:
        report = re.search(rf"^{target} ok: (\d+) executions", done.stdout, re.MULTILINE)
        assert report is not None and int(report[1]) > 100, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("compiler", ["clang", "gcc"])
def test_a_finding_fails_the_run(compiler: str, tmp_path: Path) -> None:
    """A fuzzer that cannot fail proves nothing: plant a read past the end and see it reported."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    tree = tmp_path / "tests" / "fuzz"
    tree.mkdir(parents=True)
    for path in FOLDER.glob("*"):
        if path.is_file() and not path.name.startswith("fuzz_"):
            shutil.copy(path, tree)
    shutil.copytree(FOLDER.parent / "vectors", tmp_path / "tests" / "vectors")
    (tmp_path / "cext").mkdir()
    (tmp_path / "cext" / "empty.c").write_text("extern int nothing;\n")
    (tree / "fuzz_planted.c").write_text(
        '#include "fuzz.h"\n'
        "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {\n"
        "    volatile uint8_t seen = size > 2 ? data[size] : 0;\n"
        "    return seen & 0;\n"
        "}\n"
    )
    done = subprocess.run(
        [tree / "run.sh", "5"],
        env={**os.environ, "CC": compiler},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "planted FAILED" in done.stderr and "heap-buffer-overflow" in done.stderr
    assert list((tmp_path / "build/fuzz/crashes").iterdir())
