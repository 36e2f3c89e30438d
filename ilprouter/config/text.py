"""Configuration as text: the effective one as TOML or JSON, a commented default, the JSON Schema.

Owns the writing. A Secret is never written, whoever asks.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import msgspec

from ilprouter.config.keys import REQUIRED, Table, tables
from ilprouter.config.pipeline import Stage, stages
from ilprouter.config.secret import HIDDEN, Secret
from ilprouter.config.types import Config


def builtins(config: Config) -> dict[str, Any]:
    """The configuration as dicts and lists; tokens as (hidden), keys without a value left out."""
    found = msgspec.to_builtins(config, enc_hook=hidden, str_keys=True)
    return {name: without_none(part) for name, part in found.items()}


def hidden(value: object) -> str:
    """What a token looks like outside."""
    if isinstance(value, Secret):
        return HIDDEN
    raise NotImplementedError(type(value))


def without_none(part: Any) -> Any:
    """The same without keys that are not set: TOML has no null."""
    if isinstance(part, dict):
        return {key: without_none(value) for key, value in part.items() if value is not None}
    if isinstance(part, (list, tuple)):
        return [without_none(item) for item in part]
    return part


def pipelines(config: Config) -> list[dict[str, Any]]:
    """The stages of every peer, in order, as text."""
    return [
        {
            "peer": peer.name,
            "incoming": [stage_text(stage) for stage in stages(config, peer, "incoming")],
            "outgoing": [stage_text(stage) for stage in stages(config, peer, "outgoing")],
        }
        for peer in config.peers
    ]


def stage_text(stage: Stage) -> str:
    """A stage in one word: rate-limit(packets_per_second=5)."""
    options = ", ".join(f"{key}={value}" for key, value in stage.options.items())
    return f"{stage.name}({options})" if options else stage.name


def effective(config: Config) -> str:
    """The configuration in force as TOML, defaults included, each peer with its pipeline."""
    lines: list[str] = []
    orders = pipelines(config)
    for section, part in builtins(config).items():
        if isinstance(part, dict):
            lines += ["", f"[{section}]", *entries(part)]
            continue
        for number, item in enumerate(part):
            lines += ["", f"[[{section}]]"]
            if section == "peer":
                order = orders[number]
                lines.append(f"# incoming: {' > '.join(order['incoming']) or 'no stage'}")
                lines.append(f"# outgoing: {' > '.join(order['outgoing']) or 'no stage'}")
            lines += entries(item)
    return "\n".join(lines).lstrip("\n") + "\n"


def document(raw: Mapping[str, Any]) -> str:
    """Tables as a file has them: [table] and [[list]], tables inside inline, keys in their order.

    raw   of checked values: text, integers, booleans, lists and tables of them. Tokens that came
          as text are written as text: this is for a file that only the router may read
    """
    lines: list[str] = []
    for section, part in raw.items():
        for item in part if isinstance(part, list) else (part,):
            header = f"[[{section}]]" if isinstance(part, list) else f"[{section}]"
            lines += [header, *entries(item), ""]
    return "\n".join(lines)


def entries(table: dict[str, Any]) -> list[str]:
    """`key = value` lines of one table; tables inside it inline."""
    return [f"{key} = {toml(value)}" for key, value in table.items()]


def toml(value: Any) -> str:
    """One value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's, except that TOML has no surrogates and wants DEL escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors and other tools."""
    return msgspec.json.schema(Config, schema_hook=secret_schema)


def secret_schema(kind: type) -> dict[str, Any]:
    """A token is text in the file."""
    if kind is Secret:
        return {"type": "string", "pattern": "^[!-~]{1,1024}$"}
    raise NotImplementedError(kind)


def default() -> str:
    """A file with every key, commented out at its default, that `check` accepts as it is."""
    lines = [
        "# Configuration of ilprouter: every key, commented out at its default or with an example.",
        "# Check the file with: ilprouter check --config FILE",
    ]
    for table in tables():
        lines += ["", *default_table(table)]
    return "\n".join(lines) + "\n"


def default_table(table: Table) -> list[str]:
    """One table of the default file; only [node] is not commented out."""
    inside = "." in table.path
    header = f"[[{table.path}]]" if table.many else f"[{table.path}]"
    # Entries of a list are examples: nothing in them would be accepted without the rest.
    live = not table.many and not inside
    lines = [f"# {table.about}", header if live else f"#{header}"]
    for key in table.keys:
        of = f" [{key.endpoint}]" if key.endpoint else ""
        text = f"{key.about}{of} {key.accepted[0].upper()}{key.accepted[1:]}."
        lines += textwrap.wrap(text, 92, initial_indent="# ", subsequent_indent="#   ")
        shown = key.example if key.default in (REQUIRED, None) else key.default
        line = f"{key.path.rpartition('.')[2]} = {toml(shown)}"
        lines.append(line if key.path == "node.address" else f"#{line}")
    return lines
