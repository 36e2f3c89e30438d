"""Write the wire vectors as seeds for the fuzz targets: seeds.py FOLDER fills FOLDER/<target>/.

Owns the choice of vectors for each target; must not invent inputs. A target that is not named here
keeps its seeds in tests/fuzz/seeds/<target>/, as does every input that once broke something.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "vectors"


def bytes_of(vector: dict[str, Any]) -> bytes:
    """The input of a vector, spelt out or as a list of repeated parts."""
    if "hexRepeat" in vector:
        return b"".join(bytes.fromhex(part) * count for part, count in vector["hexRepeat"])
    return bytes.fromhex(vector["hex"])


def targets_of(kind: str, raw: bytes) -> list[str]:
    """The fuzz targets that can use an input of this type of vector."""
    if kind.endswith("packet") and not kind.startswith("btp"):
        names = {12: "prepare", 13: "fulfill", 14: "reject"}
        return [names[raw[0]]] if raw and raw[0] in names else []
    if kind in ("ilp.address", "ilp.prefix"):
        return ["address", "routes"]
    if kind == "ilp.timestamp":
        return ["time"]
    return ["oer"] if kind.startswith("oer.") else []


def main(folder: Path) -> None:
    """Write every seed; the routes target gets a table of all prefixes in front of each address."""
    vectors = [
        vector
        for path in sorted(VECTORS.glob("*.json"))
        for vector in json.loads(path.read_text())["vectors"]
    ]
    prefixes = [bytes_of(vector) for vector in vectors if vector["type"] == "ilp.prefix"]
    for vector in vectors:
        raw = bytes_of(vector)
        for target in targets_of(vector["type"], raw):
            seed = b"\n".join([*prefixes, raw]) if target == "routes" else raw
            (folder / target).mkdir(parents=True, exist_ok=True)
            (folder / target / vector["name"]).write_bytes(seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
