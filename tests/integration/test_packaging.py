"""The sdist and the wheel: what they contain, and that a fresh environment can use them.

Owns a copy of the source tree; builds from the copy, so that a build in progress is not disturbed.
Must not need the network: dependencies come from the environment that runs the tests.
"""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "build", "dist", "node_modules",
    "*.so", "*.egg-info", "__pycache__",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str, cwd: Path) -> str:
    """Run and return stdout; on failure show both streams."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and with the wheel that was built from the sdist."""
    work = tmp_path_factory.mktemp("packaging")
    shutil.copytree(ROOT, work / "source", ignore=LEFT_OUT)
    dist = work / "dist"
    run(sys.executable, "-m", "build", "--no-isolation", "-o", str(dist), cwd=work / "source")
    return dist


@pytest.fixture(scope="module")
def sdist_names(packages: Path) -> set[str]:
    (path,) = packages.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def wheel(packages: Path) -> Path:
    (path,) = packages.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(pattern: str) -> set[str]:
    """Source files below cext/ and ilprouter/, relative to the project."""
    return {
        str(path.relative_to(ROOT))
        for top in ("cext", "ilprouter")
        for path in (ROOT / top).rglob(pattern)
    }


def test_sdist_has_every_source(sdist_names: set[str]) -> None:
    wanted = set().union(*(sources(f"*.{kind}") for kind in ("c", "h", "pyx", "pxd", "py", "pyi")))
    assert len(wanted) > 30
    assert wanted - sdist_names == set()


def test_sdist_has_what_a_packager_needs(sdist_names: set[str]) -> None:
    wanted = {
        "CHANGELOG.md", "LICENSE", "README.md", "dev", "pyproject.toml", "setup.py",
        "examples/ilprouter.toml", "loadtests/locustfile.py", "systemd/ilprouter.service",
        "tests/integration/test_packaging.py", "tests/vectors/ilp.json",
    }  # fmt: skip
    assert wanted - sdist_names == set()


def test_sdist_has_nothing_built(sdist_names: set[str]) -> None:
    built = {
        name
        for name in sdist_names
        if name.startswith("build/")
        or name.endswith((".so", ".o", ".a", ".pyc"))
        or "node_modules" in name
    }
    assert built == set()


def test_wheel_has_every_module_and_its_types(wheel_names: set[str]) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    compiled = {
        name.removeprefix("cext/").removesuffix(".pyx") + suffix for name in sources("*.pyx")
    }
    plain = sources("*.py") | sources("*.pyi")
    assert compiled
    assert compiled - wheel_names == set()
    assert plain - wheel_names == set()
    assert "ilprouter/py.typed" in wheel_names


def test_wheel_has_no_sources_of_compiled_code(wheel_names: set[str]) -> None:
    unwanted = {name for name in wheel_names if name.endswith((".c", ".h", ".pyx", ".a"))}
    strangers = {name for name in wheel_names if not name.startswith(("ilprouter/", "ilprouter-"))}
    assert (unwanted, strangers) == (set(), set())


def test_wheel_carries_the_licence(wheel_names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_modules_are_hardened(wheel: Path, tmp_path: Path) -> None:
    """Relocations are bound at load and then read-only; the stack is not executable."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # noqa: S202 -- we built it
    modules = sorted(tmp_path.rglob("*.so"))
    assert modules
    for module in modules:
        segments = run("readelf", "-lW", str(module), cwd=tmp_path)
        dynamic = run("readelf", "-dW", str(module), cwd=tmp_path)
        assert "GNU_RELRO" in segments, module
        assert "BIND_NOW" in dynamic or " NOW" in dynamic, module
        (stack,) = [line for line in segments.splitlines() if "GNU_STACK" in line]
        assert "RWE" not in stack, module


def test_wheel_installs_and_runs_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = (str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-index")
    run(*pip, str(wheel), cwd=tmp_path)
    # Its dependencies are those of this environment. A .pth line adds the directory and nothing
    # else, so an editable install of the project next to them stays out of sight.
    (place,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (place / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ask = "import ilprouter.core.endpoint as module; print(module.__file__)"
    found = run(str(python), "-c", ask, cwd=tmp_path)
    assert found.startswith(str(tmp_path)), "imported from the wheel, not from the source tree"
    command = tmp_path / "env" / "bin" / "ilprouter"
    assert "ilprouter" in run(str(command), "version", cwd=tmp_path)
    run(str(command), "check", "-c", str(ROOT / "examples" / "ilprouter.toml"), cwd=tmp_path)
