"""The octets of link frames: vectors, the examples of the page, and both implementations."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.endpoints.link_frames import decode_datagram
from ilprouter.errors import RemoteProtocolError
from tests.helpers import link_peer

ROOT = Path(__file__).parents[3]
VECTORS = json.loads((ROOT / "tests/vectors/link.json").read_text())["vectors"]
NAMES = ["PAD", "REQ", "ANS", "ACK", "LOW", "PING", "PONG", "CLOSE"]


def value(frame):
    """A decoded frame of a vector as decode_datagram shows it."""
    kind = frame["frame"]
    if kind in ("REQ", "ANS"):
        return kind, (int(frame["id"]), bytes.fromhex(frame["packet"]))
    if kind == "ACK":
        return kind, [(int(first), count) for first, count in frame["ranges"]]
    if kind == "LOW":
        return kind, int(frame["id"])
    if kind in ("PING", "PONG"):
        return kind, int(frame["time"], 16)
    return kind, frame["reason"]


def shown(frame):
    """A frame of the Python implementation as decode_datagram shows it."""
    if frame.type in (link_peer.REQ, link_peer.ANS):
        return NAMES[frame.type], (frame.id, frame.packet)
    if frame.type == link_peer.ACK:
        return NAMES[frame.type], list(frame.ranges)
    return NAMES[frame.type], next(
        field for field in (frame.id, frame.time, frame.reason) if field is not None
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector):
    octets = bytes.fromhex(vector["hex"])
    if not vector["valid"]:
        with pytest.raises(RemoteProtocolError):
            decode_datagram(octets)
        with pytest.raises((link_peer.MalformedError, link_peer.UnknownFrameError)):
            link_peer.decode(octets)
        return
    decoded = vector["decoded"]
    want = [value(frame) for frame in decoded["frames"]]
    sender, receiver = int(decoded["sender"], 16), int(decoded["receiver"], 16)
    assert decode_datagram(octets) == (sender, receiver, want)
    got = link_peer.decode(octets)
    assert (*got[:2], [shown(frame) for frame in got[2]]) == (sender, receiver, want)
    canonical = vector["hex"] if vector["canonical"] else vector["canonicalHex"]
    assert link_peer.datagram(sender, receiver, *got[2]).hex() == canonical


def test_the_examples_of_the_page_are_vectors():
    page = (ROOT / "docs/link-protocol.md").read_text().split("## 5.")[1]
    examples = [re.sub(r"\s", "", block) for block in re.findall(r"```\n([0-9a-f\s]+)```", page)]
    named = [v["hex"] for v in VECTORS if v["source"].endswith("section 5")]
    assert len(examples) == 5
    assert set(examples) <= set(named)


@pytest.mark.parametrize("size", [1, 55, 56, 16375, 16376, 65000])
def test_each_form_of_length(size):
    """55, 56 and 16 375, 16 376 octets of packet stand on the two borders between the forms."""
    frame = link_peer.Frame(link_peer.ANS, id=3, packet=b"\x0e" * size)
    octets = link_peer.datagram(1, 2, frame)
    assert len(octets) == 20 + 1 + (1 if size < 56 else 2 if size < 16376 else 4) + 8 + size
    assert decode_datagram(octets) == (1, 2, [("ANS", (3, frame.packet))])


IDS = st.integers(1, link_peer.ID_MAX)
TIMES = st.integers(0, 2**64 - 1)
FRAMES = st.one_of(
    st.builds(
        link_peer.Frame,
        st.sampled_from([link_peer.REQ, link_peer.ANS]),
        id=IDS,
        packet=st.binary(min_size=1, max_size=200),
    ),
    st.builds(
        link_peer.Frame,
        st.just(link_peer.ACK),
        ranges=st.lists(st.tuples(IDS, st.integers(1, 100)), min_size=1, max_size=8).map(tuple),
    ),
    st.builds(link_peer.Frame, st.just(link_peer.LOW), id=IDS),
    st.builds(link_peer.Frame, st.sampled_from([link_peer.PING, link_peer.PONG]), time=TIMES),
    st.builds(link_peer.Frame, st.just(link_peer.CLOSE), reason=st.integers(0, 255)),
)


@given(st.integers(1, 2**64 - 1), TIMES, st.lists(FRAMES, max_size=5))
def test_both_read_what_one_wrote(sender, receiver, frames):
    octets = link_peer.datagram(sender, receiver, *frames)
    want = (sender, receiver, [shown(frame) for frame in frames])
    assert decode_datagram(octets) == want


@given(st.lists(FRAMES, max_size=4), st.data())
def test_both_agree_on_damaged_datagrams(frames, data):
    octets = bytearray(link_peer.datagram(7, 9, *frames))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    octets = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    try:
        sender, receiver, found = link_peer.decode(octets)
    except (link_peer.MalformedError, link_peer.UnknownFrameError):
        with pytest.raises(RemoteProtocolError):
            decode_datagram(octets)
    else:
        assert decode_datagram(octets) == (sender, receiver, [shown(frame) for frame in found])
