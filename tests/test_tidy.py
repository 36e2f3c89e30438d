"""The tree keeps its shape: who imports whom, what the core may name, and that nothing is missing.

Reads sources as text; imports only the registry.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ilprouter import registry

ROOT = Path(__file__).parent.parent
CEXT = ROOT / "cext"
PACKAGE = ROOT / "ilprouter"
TESTS = ROOT / "tests"

COMPILED = sorted((CEXT / "ilprouter").rglob("*.py[xd]"))
PYTHON = sorted(PACKAGE.rglob("*.py"))
KERNEL = sorted(path for path in (CEXT / "kernel").iterdir() if path.suffix in (".c", ".h"))

# Layer -> what it may import of the project besides itself, where that is a promise.
MAY_IMPORT = {
    "errors": set(),
    "bindings": set(),
    "core": {"bindings", "errors"},
    "rates": {"bounds", "errors"},
    "middleware": {"bindings", "bounds", "core", "errors", "ledger", "rates"},
    "endpoints": {"bindings", "clock", "core", "errors"},
    "stores": {"clock", "errors"},
}

# The words of policy: no name in the kernel or the core may contain one.
POLICY = {"account", "accounts", "asset", "assets", "balance", "balances", "ccp", "credit"}
POLICY |= {"currency", "exchange", "ledger", "price", "prices", "rate", "rates"}
POLICY |= {"settle", "settlement"}
# Error names of IL-RFC 27: T05 is "rate limited", T00 may be "rate unavailable".
STATUS_NAMES = {"ILP_RATE_LIMITED", "ILP_RATE_UNAVAILABLE"}

# Sources that no test names, and where they are tested: a prefix of the path, a test, and why.
WHOLE = ("tests/crash", "composition: tested as a whole process")
TESTED_ELSEWHERE = {
    "ilprouter/admin/": ("tests/unit/admin", "through the server, over a real socket"),
    "ilprouter/assembly": WHOLE,
    "ilprouter/bench/": ("tests/unit/bench", "starts router processes; its parts are tested"),
    "ilprouter/config/": ("tests/unit/config", "through load, with whole files"),
    "ilprouter/controllers/local": WHOLE,
    "ilprouter/daemon": WHOLE,
    "ilprouter/endpoints/": ("tests/unit/endpoints", "inner loops, through their sockets"),
    "ilprouter/ledger/": ("tests/unit/ledger", "through the book and the committer"),
    "ilprouter/reload": ("tests/integration", "changes a whole router while packets flow"),
    "ilprouter/router": WHOLE,
    "ilprouter/settlement/": ("tests/unit/settlement", "through the admin socket and an engine"),
    "ilprouter/stores/": ("tests/unit/stores", "through the stores built on it"),
    "ilprouter/transports": WHOLE,
    "ilprouter/view": WHOLE,
}
# Parts whose page lands with the rest of them.
PAGES_TO_COME = {"balance", "lmdb"}


def module_of(path: Path) -> str:
    """The name a source is imported by: cext/ilprouter/core/packet.pyx is ilprouter.core.packet."""
    base = CEXT if path.is_relative_to(CEXT) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module of the project that a source imports, anywhere in it."""
    text = path.read_text()
    if path.suffix != ".py":
        pattern = r"^\s*(?:from\s+(ilprouter[\w.]*)\s+c?import|c?import\s+(ilprouter[\w.]*))"
        return {first or second for first, second in re.findall(pattern, text, re.M)}
    found, relative = set(), False
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative |= node.level > 0
            found.add(node.module or "")
            found.update(f"{node.module}.{name.name}" for name in node.names)
    assert not relative or path.is_relative_to(TESTS), f"{path}: imports are absolute"
    return {name for name in found if name.split(".")[0] == "ilprouter"}


def layer_of(module: str) -> str:
    """ "core" of ilprouter.core.packet; "" of ilprouter itself."""
    return module.partition(".")[2].partition(".")[0]


def code_of(path: Path) -> str:
    """A C or Cython source without comments, docstrings and strings: what is left is names."""
    text = path.read_text()
    if path.suffix in (".c", ".h"):
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
        return re.sub(r'"(\\.|[^"\\])*"', " ", text)
    text = re.sub(r'""".*?"""', " ", text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])*\'', " ", text)
    return re.sub(r"#[^\n]*", " ", text)


def words_of(name: str) -> set[str]:
    """The words of an identifier: base_rate, baseRate and RATE_MAX all contain "rate"."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def core_sources() -> Iterator[Path]:
    """cext/ilprouter/core and every kernel file behind bindings/kernel.pxd.

    Parts that are not the core keep plain C beside the kernel (token buckets, HTTP paths, account
    slots) under bindings of their own. The core reaches its own binding, what those headers
    include, and their .c files.
    """
    yield from sorted((CEXT / "ilprouter/core").iterdir())
    quoted = re.compile(r'"(\w+\.h)"')
    found: set[str] = set()
    todo = set(quoted.findall((CEXT / "ilprouter/bindings/kernel.pxd").read_text()))
    while todo:
        header = todo.pop()
        found.add(header)
        todo |= set(quoted.findall((CEXT / "kernel" / header).read_text())) - found
    yield from (path for path in KERNEL if f"{path.stem}.h" in found)


def sources() -> Iterator[Path]:
    """Compiled and Python modules with something in them."""
    for path in (*COMPILED, *PYTHON):
        if path.suffix != ".pxd" and path.stem != "__init__":
            yield path


def test_tree_is_where_this_test_looks() -> None:
    assert len(COMPILED) > 20
    assert len(PYTHON) > 20
    assert len(KERNEL) > 20


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_layer_imports_only_what_it_may(layer: str) -> None:
    allowed = MAY_IMPORT[layer] | {layer}
    broken = [
        f"{module_of(path)} imports {name}"
        for path in (*COMPILED, *PYTHON)
        if layer_of(module_of(path)) == layer
        for name in sorted(imports_of(path))
        if layer_of(name) not in allowed
    ]
    assert broken == []


def test_only_middleware_and_the_composition_know_middleware() -> None:
    composition = {"assembly", "daemon", "registry", "router", "testing"}
    broken = [
        f"{module_of(path)} imports {name}"
        for path in (*COMPILED, *PYTHON)
        if layer_of(module_of(path)) not in composition | {"middleware"}
        for name in sorted(imports_of(path))
        if layer_of(name) == "middleware"
    ]
    assert broken == []


def test_kernel_is_plain_c() -> None:
    """Other C programs link it: nothing of Python, and of ours only its own headers."""
    own = {path.name for path in KERNEL}
    for path in KERNEL:
        quoted = re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M)
        assert set(quoted) <= own, path
        assert "Python.h" not in path.read_text(), path


@pytest.mark.parametrize("path", list(core_sources()), ids=lambda path: path.name)
def test_core_has_no_word_for_policy(path: Path) -> None:
    names = set(re.findall(r"[A-Za-z_]\w*", code_of(path))) - STATUS_NAMES
    assert {name for name in names if words_of(name) & POLICY} == set()


def test_core_sources_are_found() -> None:
    names = {path.name for path in core_sources()}
    assert {"switch.pyx", "pipeline.pxd", "ilp_context.h", "ilp_packet.c", "ilp_oer.h"} <= names
    assert not {"ilp_ratio.h", "ilp_bucket.h"} & names


def test_policy_words_would_be_found() -> None:
    """The check above can fail: in the exchange it finds what it looks for."""
    names = re.findall(r"[A-Za-z_]\w*", code_of(CEXT / "ilprouter/middleware/exchange.pyx"))
    assert {"Rate", "LiveRate", "rate_value"} <= {name for name in names if words_of(name) & POLICY}


def test_packet_path_takes_the_gil_only_in_the_bridges() -> None:
    """Endpoints may take it once per batch; a hook would take it once per packet."""
    layers = {"core", "middleware", "ledger"}
    taking = {module_of(path) for path in COMPILED if re.search(r"\bwith gil\b", code_of(path))}
    bridges = {"ilprouter.core.bridge", "ilprouter.middleware.bridge"}
    assert {module for module in taking if layer_of(module) in layers} == bridges


def test_no_function_has_two_entries() -> None:
    """cpdef hides which of the two calls is made, and at what price."""
    assert [module_of(path) for path in COMPILED if re.search(r"\bcpdef\b", code_of(path))] == []


def test_compiled_modules_have_stubs() -> None:
    """All that Python code imports; a few are only ever cimported."""
    used = {name for path in (*PYTHON, *TESTS.rglob("*.py")) for name in imports_of(path)}
    compiled = {path: module_of(path) for path in COMPILED if path.suffix == ".pyx"}
    bare = [
        module
        for path, module in compiled.items()
        if module in used and not (ROOT / path.relative_to(CEXT)).with_suffix(".pyi").is_file()
    ]
    assert bare == []


def test_no_stub_without_a_module() -> None:
    compiled = {module_of(path) for path in COMPILED}
    assert [path for path in PACKAGE.rglob("*.pyi") if module_of(path) not in compiled] == []


def test_no_python_module_beside_a_compiled_name() -> None:
    compiled = {module_of(path) for path in COMPILED if path.suffix == ".pyx"}
    assert [path for path in PYTHON if module_of(path) in compiled] == []


@pytest.mark.parametrize("path", list(sources()), ids=module_of)
def test_source_says_what_it_owns(path: Path) -> None:
    assert re.match(r'(#!.*\n|# distutils:.*\n)*"""[A-Z`]', path.read_text()), path


@pytest.mark.parametrize("path", list(sources()), ids=module_of)
def test_source_is_tested(path: Path) -> None:
    """By a test of its name, by a test that imports it, or where TESTED_ELSEWHERE says."""
    module = module_of(path)
    mirror = TESTS / "unit" / Path(*module.split(".")[1:-1]) / f"test_{path.stem}.py"
    if mirror.is_file() or module in imported_by_tests():
        return
    assert module.replace(".", "/").startswith(tuple(TESTED_ELSEWHERE)), "no test imports it"


@cache
def imported_by_tests() -> set[str]:
    return {name for path in TESTS.rglob("*.py") for name in imports_of(path)}


@pytest.mark.parametrize(("prefix", "test"), TESTED_ELSEWHERE.items())
def test_list_of_exceptions_is_true(prefix: str, test: tuple[str, str]) -> None:
    assert any(module_of(path).replace(".", "/").startswith(prefix) for path in sources())
    assert list((ROOT / test[0]).rglob("test_*.py"))


@pytest.mark.parametrize(
    "name",
    sorted({*registry.MIDDLEWARE, *registry.ENDPOINTS, *registry.STORES, *registry.RATES}),
)
def test_registered_part_has_a_page(name: str) -> None:
    page = ROOT / "docs" / "parts" / f"{name}.md"
    if name in PAGES_TO_COME and not page.is_file():
        pytest.skip("its page is being written")
    assert page.is_file(), f"write {page.relative_to(ROOT)}: purpose, options, rejects, example"
    assert page.read_text().startswith("# ")


def test_no_page_without_a_part() -> None:
    parts = {*registry.MIDDLEWARE, *registry.ENDPOINTS, *registry.STORES, *registry.RATES}
    pages = {path.stem for path in (ROOT / "docs" / "parts").glob("*.md")}
    assert pages - parts <= {"python", "settlement"}
