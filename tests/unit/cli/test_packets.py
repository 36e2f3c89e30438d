"""decode: hex in any usual form, raw bytes, and every vector."""

import io
import json
from pathlib import Path

import pytest

from ilprouter.cli.packets import octets

from .command import run

ROOT = Path(__file__).resolve().parents[3]
REJECT = "0e06463030000000"


def test_decode(capsys):
    code, out, _ = run(capsys, "decode", REJECT)
    assert code == 0 and "code          F00\n" in out
    code, out, _ = run(capsys, "decode", "0x0E 06 46:30:30 00 00 00", "--json")
    assert json.loads(out) == {
        "type": "reject",
        "code": "F00",
        "triggered_by": "",
        "message": "",
        "data": "",
        "length": 8,
        "canonical": True,
    }
    assert run(capsys, "decode", "0c00")[0] == 1
    assert run(capsys, "decode", "no hex")[0] == 2


PACKETS = [
    vector
    for vector in json.loads((ROOT / "tests" / "vectors" / "ilp.json").read_text())["vectors"]
    if vector["type"] == "ilp.packet"
]


@pytest.mark.parametrize("vector", PACKETS, ids=[vector["name"] for vector in PACKETS])
def test_decode_says_of_every_vector_whether_it_is_a_packet(capsys, vector):
    packet = vector.get("hex") or "".join(part * n for part, n in vector.get("hexRepeat", ()))
    code, out, err = run(capsys, "decode", packet, "--json")
    if vector["valid"]:
        assert code == 0 and json.loads(out)["type"] in ("prepare", "fulfill", "reject")
    else:
        assert code == (1 if packet else 2) and err


@pytest.mark.parametrize("stdin", [bytes.fromhex(REJECT), REJECT.encode() + b"\n"])
def test_decode_reads_raw_bytes_and_hex_from_stdin(capsys, monkeypatch, stdin):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    code, out, _ = run(capsys, "decode", "-", "--json")
    assert code == 0 and json.loads(out)["code"] == "F00"


def test_decode_reads_no_more_than_it_can_need(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"0" * (2 << 20))))
    assert run(capsys, "decode", "-")[0] == 2


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"0e06", b"\x0e\x06"),
        (b"0x0E06", b"\x0e\x06"),
        (b" 0e:06\n", b"\x0e\x06"),
        (b"0e0", b"0e0"),
        (b"\x0e\x06", b"\x0e\x06"),
    ],
)
def test_octets(typed, found):
    assert octets(typed) == found
