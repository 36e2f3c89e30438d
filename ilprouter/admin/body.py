"""Request bodies: strict JSON to a struct, without surprises for whoever wrote it.

Owns what is refused before a command sees it; knows no command.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from ilprouter.admin.problems import ProblemError

Kind = TypeVar("Kind")


def decode(body: bytes, kind: type[Kind]) -> Kind:
    """The body as a struct or a dict.

    raises   ProblemError 400 for what is not JSON (RFC 8259) of that shape, and for a name that
             comes twice in an object: which of two values was meant, nobody can say
    """
    try:
        found = msgspec.json.decode(body, type=kind)
        # msgspec is fast and strict but lets the last of two equal names win. Its success bounds
        # the nesting and the digits that the second reader meets.
        json.loads(body, object_pairs_hook=unique)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ProblemError(400, f"the body is not what is wanted here: {error}") from None
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, or ValueError when a name comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {name[:64]!r} comes twice")
            seen.add(name)
    return found
