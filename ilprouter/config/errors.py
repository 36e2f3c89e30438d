"""From msgspec's words to ConfigError: file, key, value, accepted range, did-you-mean.

Knows types, never a rule between keys.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

import msgspec
from msgspec import inspect

from ilprouter.config.secret import Secret
from ilprouter.config.types import Config
from ilprouter.errors import ConfigError

LATER = ("quic", "btp")  # endpoints of the design that this version does not carry
STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[([0-9]+)\]")
UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at|$)")
MISSING = re.compile(r"Object missing required field `(.*?)`")
VISIBLE_TEXT = "text of 1 to 1024 visible ASCII characters, no spaces"


def explain(file: str, raw: dict[str, Any], error: msgspec.ValidationError) -> ConfigError:
    """The ConfigError for what msgspec found in one file.

    file    name for the message
    raw     the parsed TOML the error is about
    error   as msgspec raised it; its text ends in ` - at `$.peer[0].link``
    """
    text = str(error)
    path = text.rpartition(" - at `$")[2].rstrip("`") if " - at `$" in text else ""
    steps: list[str | int] = [
        name or int(number) for name, number in (match.groups() for match in STEP.finditer(path))
    ]
    key = path.removeprefix(".")
    value, node = walk(raw, steps)
    if found := UNKNOWN.search(text):
        return unknown_key(file, key, found[1], value, node)
    if found := MISSING.search(text):
        name = found[1]
        return ConfigError(file, join(key, name), None, describe(child(node, name, value)))
    if steps and steps[-1] == "endpoint" and value in LATER:
        return ConfigError(
            file, key, value, f'"http" or "udp"; {value} is not available in this version'
        )
    if steps and steps[-1] == "endpoint":
        return ConfigError(file, key, value, '"http" or "udp"')
    if is_secret(node):
        return ConfigError(file, key, Secret(""), VISIBLE_TEXT)
    return ConfigError(file, key, shown(value), describe(node))


def unknown_key(
    file: str, key: str, name: str, value: Any, node: inspect.Type | None
) -> ConfigError:
    """The error for a key that does not exist, with the nearest one that does."""
    struct = struct_for(node, value)
    known = keys_of(node, value)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    found = shown(value[name])
    # Where tokens live, a misspelt key may hold one.
    if isinstance(struct, inspect.StructType) and any(is_secret(f.type) for f in struct.fields):
        found = Secret("")
    return ConfigError(file, join(key, name), found, f"{hint}keys here: {', '.join(known)}")


def join(key: str, name: str) -> str:
    """The dotted key of `name` below `key`, which may be empty."""
    return f"{key}.{name}" if key else name


def shown(value: Any) -> Any:
    """The value as a message repeats it: tables and lists by kind, lest a secret inside shows."""
    if isinstance(value, dict):
        return "(a table)"
    if isinstance(value, list):
        return "(a list)"
    return value


def walk(raw: Any, steps: list[str | int]) -> tuple[Any, inspect.Type | None]:
    """The raw value at a path and the type expected there."""
    node: inspect.Type | None = inspect.type_info(Config)
    for step in steps:
        node = child(node, step, raw)
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            raw = None
    return raw, node


def child(node: inspect.Type | None, step: str | int, raw: Any) -> inspect.Type | None:
    """The type one step below `node`; `raw` picks the member of a tagged union."""
    node = struct_for(node, raw) if isinstance(step, str) else bare(node)
    if isinstance(node, inspect.VarTupleType):
        return node.item_type
    if isinstance(node, inspect.StructType):
        if step == node.tag_field:
            return None
        return next((f.type for f in node.fields if f.encode_name == step), None)
    return None


def bare(node: inspect.Type | None) -> inspect.Type | None:
    """The type without its annotations and without `null`, which TOML does not have."""
    if isinstance(node, inspect.Metadata):
        return bare(node.type)
    if isinstance(node, inspect.UnionType):
        members = [m for m in node.types if not isinstance(m, inspect.NoneType)]
        if len(members) == 1:
            return bare(members[0])
    return node


def struct_for(node: inspect.Type | None, raw: Any) -> inspect.Type | None:
    """The struct a table at `node` is read as; of a tagged union the one its `endpoint` names."""
    node = bare(node)
    if isinstance(node, inspect.UnionType):
        tag = raw.get("endpoint") if isinstance(raw, dict) else None
        return next((m for m in node.types if getattr(m, "tag", None) == tag), None)
    return node


def keys_of(node: inspect.Type | None, raw: Any) -> list[str]:
    """The keys a table takes."""
    struct = struct_for(node, raw)
    if not isinstance(struct, inspect.StructType):
        return []
    tag = [struct.tag_field] if struct.tag_field else []
    return tag + [field.encode_name for field in struct.fields]


def is_secret(node: inspect.Type | None) -> bool:
    """Is this a token, or a list of them?"""
    node = bare(node)
    if isinstance(node, inspect.VarTupleType):
        return is_secret(node.item_type)
    return isinstance(node, inspect.CustomType) and node.cls is Secret


def words(node: inspect.Type | None) -> str | None:
    """The annotation's own words for what it accepts, the innermost first."""
    if isinstance(node, inspect.Metadata):
        inner = words(node.type)
        extra = node.extra or {}
        return inner or extra.get("accepted")
    if isinstance(node, inspect.UnionType):
        return next((found for member in node.types if (found := words(member))), None)
    return None


def describe(node: inspect.Type | None) -> str:
    """What a key accepts, in words."""
    if own := words(node):
        return own
    node = bare(node)
    match node:
        case inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            return f"an integer from {low} to {high}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " or ".join(f'"{value}"' for value in values)
        case inspect.StrType(min_length=low, max_length=high):
            return f"text of {low or 0} to {high} characters"
        case inspect.VarTupleType(item_type=item):
            return f"a list; each: {describe(item)}"
        case inspect.StructType():
            return f"a table with the keys {', '.join(keys_of(node, None))}"
        case inspect.UnionType():
            return 'a table with endpoint = "http" or "udp"'
        case inspect.CustomType():
            return VISIBLE_TEXT
        case _:
            return '"http" or "udp"'
