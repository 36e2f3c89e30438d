"""The documents keep what they promise: links lead somewhere, and Python examples run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    broken = [link for link in local if not (path.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_exist(path: Path) -> None:
    """Every `./dev WORD` in a document is a command of ./dev."""
    commands = set(re.findall(r"^  ([a-z-]+(?: \| [a-z-]+)*)\)", (ROOT / "dev").read_text(), re.M))
    known = {word for group in commands for word in group.split(" | ")}
    assert {"run", "test", "clean"} <= known
    used = set(re.findall(r"\./dev ([a-z-]+)", path.read_text()))
    assert used - known == set()


def test_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 -- our own text
