"""The registry: names to classes, imported only when asked for, errors that list what there is."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from ilprouter import registry
from ilprouter.core.pipeline import Middleware
from ilprouter.errors import ConfigError
from ilprouter.middleware.exchange import ExchangeIncoming, ExchangeOutgoing
from ilprouter.middleware.max_amount import MaxAmount


def test_finds_the_class() -> None:
    assert registry.load(registry.MIDDLEWARE, "max-amount", "incoming") is MaxAmount


def test_finds_the_class_of_each_side() -> None:
    assert registry.load(registry.MIDDLEWARE, "exchange", "incoming") is ExchangeIncoming
    assert registry.load(registry.MIDDLEWARE, "exchange", "outgoing") is ExchangeOutgoing


@pytest.mark.parametrize("side", ["", "outgoing", "either", "index"])
def test_wrong_side_is_a_load_error(side: str) -> None:
    with pytest.raises(ConfigError, match=r"middleware max-amount, side = .*accepted: incoming$"):
        registry.load(registry.MIDDLEWARE, "max-amount", side)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (registry.MIDDLEWARE, "middleware"),
        (registry.ENDPOINTS, "endpoint"),
        (registry.STORES, "store"),
        (registry.RATES, "rate source"),
    ],
)
def test_unknown_name_lists_the_known(table: registry.Table, kind: str) -> None:
    with pytest.raises(ConfigError) as error:
        registry.load(table, "nonesuch", "incoming")
    assert error.value.key == kind
    assert error.value.value == "nonesuch"
    for name in table:
        assert name in error.value.accepted


STAGES = [(name, side) for name in registry.MIDDLEWARE for side in registry.sides(name)]
PARTS = [
    (table, name)
    for table in (registry.ENDPOINTS, registry.STORES, registry.RATES)
    for name in table
]


@pytest.mark.parametrize(("name", "side"), STAGES)
def test_every_stage_agrees_with_its_class(name: str, side: str) -> None:
    stage = registry.load(registry.MIDDLEWARE, name, side)
    assert issubclass(stage, Middleware)
    assert stage.side == side


@pytest.mark.parametrize(("table", "name"), PARTS)
def test_every_other_part_can_be_loaded(table: registry.Table, name: str) -> None:
    assert isinstance(registry.load(table, name), type)


class Prototype:
    """What a third-party package may offer: a plain Python class."""

    side = "incoming"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("prototype", f"{__name__}:Prototype", registry.MIDDLEWARE_GROUP),
        EntryPoint("max-amount", f"{__name__}:Prototype", registry.MIDDLEWARE_GROUP),
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


@pytest.mark.usefixtures("installed")
def test_entry_points_add_stages_but_replace_none() -> None:
    assert registry.load(registry.MIDDLEWARE, "prototype", "incoming") is Prototype
    assert registry.load(registry.MIDDLEWARE, "max-amount", "incoming") is MaxAmount
    assert registry.sides("prototype") == ("incoming",)
    assert "prototype" in registry.names(registry.MIDDLEWARE)
    assert "prototype" not in registry.names(registry.ENDPOINTS)


@pytest.mark.usefixtures("installed")
def test_entry_point_stands_only_on_its_side() -> None:
    with pytest.raises(ConfigError, match=r"accepted: incoming$"):
        registry.load(registry.MIDDLEWARE, "prototype", "outgoing")


def test_importing_the_registry_imports_no_part() -> None:
    code = (
        "import sys, ilprouter.registry;"
        "print([name for name in sys.modules if name.startswith('ilprouter.')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "['ilprouter.errors', 'ilprouter.registry']"
