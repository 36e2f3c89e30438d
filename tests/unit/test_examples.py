"""What examples/ ships is a configuration that the router accepts, warnings included."""

from pathlib import Path

import pytest

from ilprouter.config import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_example_is_accepted_without_a_warning(path: Path) -> None:
    warnings: list[str] = []
    config = load(path, warnings.append)
    assert warnings == []
    assert config.peers


def test_the_service_reads_the_example_where_it_is_copied_to() -> None:
    """The unit's paths and the example's paths are the same ones."""
    unit = (EXAMPLES.parent / "systemd" / "ilprouter.service").read_text()
    config = load(EXAMPLES / "ilprouter.toml", lambda line: None)
    assert "StateDirectory=ilprouter" in unit
    assert config.node.data_dir == "/var/lib/ilprouter"
    assert "RuntimeDirectory=ilprouter" in unit
    assert config.admin.socket == "/run/ilprouter/admin.sock"
