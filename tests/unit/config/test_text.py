"""Configuration as text: what is shown can be read back, hides tokens, and names every key."""

import json
from pathlib import Path

import pytest

from ilprouter.config import parse
from ilprouter.config.keys import REQUIRED, secret_paths, tables
from ilprouter.config.manual import manual
from ilprouter.config.text import builtins, default, effective, pipelines, schema, toml

from .test_load import EXAMPLE, MINIMAL

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def schema_paths(node, definitions, path=""):
    """Every key of the JSON Schema, dotted; lists by their name."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    for part in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())):
        yield from schema_paths(part, definitions, path)
    for name, part in node.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        yield inner
        yield from schema_paths(part, definitions, inner)


def all_paths():
    found = schema()
    return set(schema_paths(found, found["$defs"]))


def test_the_page_is_what_the_types_say():
    assert PAGE.read_text() == manual(), (
        "write it again: python -m ilprouter.config.manual > docs/configuration.md"
    )


@pytest.mark.parametrize("path", sorted(all_paths()))
def test_every_key_of_the_schema_is_in_the_page(path):
    page = PAGE.read_text()
    assert f"`{path}`" in page or f"`[{path}]`" in page or f"`[[{path}]]`" in page


def test_every_key_says_what_it_is_for():
    for table in tables():
        assert table.about, table.path
        for key in table.keys:
            assert key.about.endswith("."), key.path
            assert key.accepted, key.path
            assert key.example is not None and key.example is not REQUIRED, key.path


def test_the_default_file_is_accepted_and_is_the_default():
    assert parse(default()) == parse(MINIMAL)


def test_the_default_file_names_every_key():
    text = default()
    for path in all_paths():
        name = path.rpartition(".")[2]
        assert f"{name} = " in text or f"[{path}]" in text, path


def test_what_is_shown_reads_back_as_the_same_configuration():
    config = parse(EXAMPLE)
    shown = effective(config)
    assert "planted" not in shown
    again = parse(shown.replace('"(hidden)"]', '"planted-a"]').replace("(hidden)", "planted-b"))
    assert again == config


def test_each_peer_is_shown_with_its_pipeline():
    assert (
        "# incoming: rate-limit(packets_per_second=10000) > max-amount(amount_max=1000000) > "
        "in-flight(packets_max=4096) > balance(credit_limit=100000000) > exchange\n"
        "# outgoing: expiry(min_window_ms=1000, max_hold_ms=30000) > exchange > balance\n"
        'name = "alice"\n'
    ) in effective(parse(EXAMPLE))
    assert pipelines(parse(MINIMAL)) == []


def test_builtins_are_json_and_hide_tokens():
    text = json.dumps(builtins(parse(EXAMPLE)))
    assert "planted" not in text and "null" not in text and "(hidden)" in text


def test_every_token_in_the_types_is_known_as_one():
    assert secret_paths() == {
        "admin.token",
        "peer.link.incoming_tokens",
        "peer.link.outgoing_token",
        "peer.settlement.token",
        "peer.settlement.outgoing_token",
    }


@pytest.mark.parametrize("text", ['a"b\\c', "line\nbreak", "\x7f\x00", "\u20ac", ""])
def test_text_survives_toml(text):
    import tomllib

    assert tomllib.loads(f"key = {toml(text)}") == {"key": text}
