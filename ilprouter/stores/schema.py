"""From one version of a store's layout to the next, and back where nothing is lost by it.

Owns the table of steps. Must not know how a store keeps its items: `LmdbStore.rewrite` applies a
step to all of them in one transaction, so a store is always entirely of one version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ilprouter.errors import StoreError
from ilprouter.stores.base import SCHEMA_VERSION
from ilprouter.stores.checksum import check, protect

__all__ = ["STEPS", "Rewrite", "Step", "plan"]

Rewrite = Callable[[str, bytes, bytes], bytes]  # table, key, value as stored -> value as stored


@dataclass(frozen=True, slots=True)
class Step:
    """One version to the next one.

    about   what changes, for operators
    up      every item's new value
    down    the way back; None: what the newer version can say, the older one cannot
    """

    about: str
    up: Rewrite
    down: Rewrite | None


# Version -> the step from it to the next one.
STEPS: Mapping[int, Step] = {
    1: Step("a checksum in every item", up=protect, down=check),
}


def plan(
    found: int, wanted: int = SCHEMA_VERSION, steps: Mapping[int, Step] = STEPS
) -> list[tuple[str, Rewrite]]:
    """What leads from one version to another, in order: [(what changes, rewrite)].

    raises   StoreError when a step is not known, or has no way back
    """
    ways: list[tuple[str, Rewrite]] = []
    for version in range(found, wanted):
        if version not in steps:
            raise StoreError(f"there is no way from schema {version} to {version + 1}")
        ways.append((f"{version} -> {version + 1}: {steps[version].about}", steps[version].up))
    for version in range(found - 1, wanted - 1, -1):
        step = steps.get(version)
        if step is None or step.down is None:
            raise StoreError(f"there is no way back from schema {version + 1} to {version}")
        ways.append((f"{version + 1} -> {version}: without {step.about}", step.down))
    return ways
