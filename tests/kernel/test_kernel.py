"""Run the kernel's C tests under sanitizers; use its public header as a C or C++ daemon would.

Owns the calls of compilers; must not test any behaviour that a C test can reach.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNEL = sorted((ROOT / "cext/kernel").glob("*.c"))
HEADERS = sorted([*(ROOT / "cext/kernel").glob("*.h"), *(ROOT / "cext/include").glob("*.h")])
INCLUDE = ["-Icext/include", "-Icext/kernel"]
STRICT = ["-Wall", "-Wextra", "-Werror"]


def run(*command: str | Path, code: int = 0) -> str:
    """What a command prints on both streams; it must exit with `code`."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_c_tests_pass_under_sanitizers() -> None:
    report = run("tests/kernel/run.sh")
    for path in (ROOT / "tests/kernel").glob("test_*.c"):
        assert f"{path.stem} ok" in report


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libilpkernel.a, made in a folder of its own."""
    folder = tmp_path_factory.mktemp("kernel")
    objects = []
    for source in KERNEL:
        objects.append(folder / f"{source.stem}.o")
        run("gcc", "-std=gnu11", "-O2", *STRICT, *INCLUDE, "-c", source, "-o", objects[-1])
    run("ar", "rcs", folder / "libilpkernel.a", *objects)
    return folder / "libilpkernel.a"


PREPARE = (
    "0c3e00000000000000003230313830363037323034383432343833"
    "117b434f1a54e9044f4f54923b2cff9e4a6d420ae281d5025d7bb040c4b4c04a03672e6100"
)


@pytest.mark.parametrize(
    "compiler", [["gcc", "-std=gnu11"], ["g++", "-std=c++17", "-x", "c++"]], ids=["c", "c++"]
)
def test_the_example_decodes_packets(compiler: list[str], library: Path, tmp_path: Path) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no {compiler[0]} here")
    program = tmp_path / "decode"
    source = "cext/examples/decode.c"
    run(*compiler, *STRICT, *INCLUDE, source, "-x", "none", library, "-o", program)
    assert run(program, PREPARE).splitlines() == [
        "type: prepare",
        "amount: 0",
        "expires_at_ms: 1528404522483",
        "execution_condition: 117b434f1a54e9044f4f54923b2cff9e4a6d420ae281d5025d7bb040c4b4c04a",
        "destination: g.a",
        "data: ",
        "canonical: yes",
    ]
    shown = run(program, "0d21", "00" * 32, "00", "ff").splitlines()
    assert shown == [
        "type: fulfill",
        f"fulfillment: {'00' * 32}",
        "fulfils condition: 66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
        "data: ",
        "canonical: no",
    ]
    assert "message: \\x1b[31m" in run(program, "0e0b", "463032", "00", "051b5b33316d", "00")
    assert "no valid ILPv4 packet" in run(program, PREPARE[:-2], code=1)
    assert "not hex" in run(program, "0c3", code=2)
    assert "usage" in run(program, code=2)


def test_the_benchmark_runs(library: Path, tmp_path: Path) -> None:
    """Its figures mean something on a quiet machine only; here it must build and measure."""
    program = tmp_path / "bench"
    run(
        "gcc",
        "-std=gnu11",
        "-O2",
        *STRICT,
        *INCLUDE,
        "tests/bench/kernel.c",
        library,
        "-o",
        program,
    )
    lines = run(program, "0.1").splitlines()
    figures = [float(line.split()[-2]) for line in lines if line.endswith(" ns")]
    assert len(figures) == 15 and all(figure > 0 for figure in figures)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "compiler", [["gcc", "-std=gnu11"], ["g++", "-std=c++17"]], ids=["c", "c++"]
)
def test_each_header_stands_alone(compiler: list[str], header: Path, tmp_path: Path) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no {compiler[0]} here")
    source = tmp_path / ("alone.cc" if compiler[0] == "g++" else "alone.c")
    source.write_text(f'#include "{header.name}"\n#include "{header.name}"\n')
    run(*compiler, *STRICT, *INCLUDE, "-fsyntax-only", source)
