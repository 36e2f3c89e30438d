"""Every wire vector that the packet codec answers for, from every file of tests/vectors.

Owns the mapping from a type of vector to the decoder under test; must not repair what it returns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ilprouter.core import address, oer, packet, timestamp
from ilprouter.errors import RemoteProtocolError

FOLDER = Path(__file__).parents[2] / "vectors"

Decoder = Callable[[bytes], tuple[dict[str, Any], bytes]]


def whole(found: tuple[Any, int], raw: bytes) -> Any:
    """The value of an OER decoder that must have used every byte."""
    value, end = found
    assert end == len(raw)
    return value


def decode_packet(raw: bytes) -> tuple[dict[str, Any], bytes]:
    found = packet.parse(raw)
    match found:
        case packet.Prepare(amount, expires_at, condition, destination, data):
            when = timestamp.to_datetime(expires_at)
            fields = {
                "type": 12,
                "amount": str(amount),
                "expiresAt": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "executionCondition": condition.hex(),
                "destination": destination,
                "data": data.hex(),
            }
        case packet.Fulfill(fulfillment, data):
            fields = {"type": 13, "fulfillment": fulfillment.hex(), "data": data.hex()}
        case packet.Reject(code, triggered_by, message, data):
            fields = {
                "type": 14,
                "code": code,
                "triggeredBy": triggered_by,
                "message": message,
                "data": data.hex(),
            }
    return fields, found.to_bytes()


def decode_f08(raw: bytes) -> tuple[dict[str, Any], bytes]:
    received, maximum = packet.parse_amount_too_large_data(raw)
    fields = {"receivedAmount": str(received), "maximumAmount": str(maximum)}
    return fields, packet.amount_too_large_data(received, maximum)


def decode_address(raw: bytes) -> tuple[dict[str, Any], bytes]:
    text = raw.decode("latin-1")
    if not address.valid_address(text):
        raise RemoteProtocolError("no address", 0)
    return {"address": text}, raw


def decode_prefix(raw: bytes) -> tuple[dict[str, Any], bytes]:
    text = raw.decode("latin-1")
    if not address.valid_prefix(text):
        raise RemoteProtocolError("no prefix", 0)
    return {"prefix": text}, raw


def decode_timestamp(raw: bytes) -> tuple[dict[str, Any], bytes]:
    ms = timestamp.parse_timestamp(raw)
    when = timestamp.to_datetime(ms)
    assert timestamp.from_datetime(datetime.fromisoformat(when.isoformat())) == ms
    text = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": text}, timestamp.format_timestamp(ms)


def decode_length(raw: bytes) -> tuple[dict[str, Any], bytes]:
    value = whole(oer.decode_length(raw), raw)
    return {"length": str(value)}, oer.encode_length(value)


def decode_varuint(raw: bytes) -> tuple[dict[str, Any], bytes]:
    value = whole(oer.decode_varuint(raw), raw)
    return {"value": str(value)}, oer.encode_varuint(value)


def decode_varstring(raw: bytes) -> tuple[dict[str, Any], bytes]:
    value = whole(oer.decode_varstring(raw), raw)
    return {"value": value.hex()}, oer.encode_varstring(value)


def decode_uint64(raw: bytes) -> tuple[dict[str, Any], bytes]:
    value = whole(oer.decode_uint64(raw), raw)
    return {"value": str(value)}, oer.encode_uint64(value)


DECODERS: dict[str, Decoder] = {
    "ilp.packet": decode_packet,
    "ilp.f08-data": decode_f08,
    "ilp.address": decode_address,
    "ilp.prefix": decode_prefix,
    "ilp.timestamp": decode_timestamp,
    "oer.length": decode_length,
    "oer.varuint": decode_varuint,
    "oer.varstring": decode_varstring,
    "oer.uint64": decode_uint64,
}

VECTORS = [
    vector
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text())["vectors"]
    if vector["type"] in DECODERS
]


def bytes_of(vector: dict[str, Any]) -> bytes:
    if "hexRepeat" in vector:
        return b"".join(bytes.fromhex(part) * count for part, count in vector["hexRepeat"])
    return bytes.fromhex(vector["hex"])


def shortened(fields: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """`fields`, with the values that `like` describes by length alone replaced by their length.

    The vectors count octets in `data`, and characters (also of hex) everywhere else.
    """
    result = dict(fields)
    for key, value in like.items():
        if isinstance(value, dict):
            result[key] = {"length": len(fields[key]) // (2 if key == "data" else 1)}
    return result


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    raw = bytes_of(vector)
    decode = DECODERS[vector["type"]]
    if not vector["valid"]:
        with pytest.raises(RemoteProtocolError):
            decode(raw)
        return
    fields, encoded = decode(raw)
    assert shortened(fields, vector["decoded"]) == vector["decoded"]
    assert (encoded == raw) == vector["canonical"]
    if not vector["canonical"]:
        assert encoded.hex() == vector["canonicalHex"]


def test_every_type_has_vectors() -> None:
    """A renamed folder or type would otherwise turn the test above into nothing at all."""
    assert {vector["type"] for vector in VECTORS} == set(DECODERS)
    assert len(VECTORS) >= 220
