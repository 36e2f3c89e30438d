"""Properties of the codec and of routing, over whatever hypothesis makes up."""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core import address, oer, packet, timestamp
from ilprouter.core.packet import Fulfill, Prepare, Reject
from ilprouter.core.routes import RouteTable
from ilprouter.errors import RemoteProtocolError

U64 = st.integers(0, 2**64 - 1)
SCHEME = st.sampled_from(["g", "test", "test1", "private", "peer", "local", "self", "example"])
SEGMENT = st.text("abcXYZ019_~-", min_size=1, max_size=12)
ADDRESS = st.builds(
    lambda scheme, segments: ".".join([scheme, *segments]),
    SCHEME,
    st.lists(SEGMENT, min_size=1, max_size=6),
)
DATA = st.binary(max_size=400) | st.just(bytes(packet.DATA_MAX))
HASH = st.binary(min_size=32, max_size=32)
TIME = st.integers(timestamp.MS_MIN, timestamp.MS_MAX)

PREPARE = st.builds(Prepare, U64, TIME, HASH, ADDRESS, DATA)
FULFILL = st.builds(Fulfill, HASH, DATA)
REJECT = st.builds(
    Reject,
    st.text(st.characters(max_codepoint=127), min_size=3, max_size=3),
    ADDRESS | st.just("") | SEGMENT,
    st.text(st.characters(codec="utf-8"), max_size=300),
    DATA,
)


def length(value: int, octets: int) -> bytes:
    """A length determinant with exactly that many octets of length, needed or not."""
    return bytes([0x80 | octets]) + value.to_bytes(octets, "big")


@given(PREPARE | FULFILL | REJECT)
def test_what_is_encoded_parses_to_itself(one: Prepare | Fulfill | Reject) -> None:
    raw = one.to_bytes()
    assert packet.parse(raw) == one
    assert packet.parse(raw).to_bytes() == raw


@given(PREPARE, st.integers(3, 8), st.integers(3, 8), st.integers(3, 8), st.binary(max_size=5))
def test_padded_lengths_mean_the_same(
    one: Prepare, outer: int, first: int, second: int, trailing: bytes
) -> None:
    destination = one.destination.encode()
    content = (
        oer.encode_uint64(one.amount)
        + timestamp.format_timestamp(one.expires_at)
        + one.execution_condition
        + length(len(destination), first)
        + destination
        + length(len(one.data), second)
        + one.data
        + trailing
    )
    assert packet.parse(b"\x0c" + length(len(content), outer) + content + trailing) == one


@given(PREPARE | FULFILL | REJECT, st.data())
def test_damaged_bytes_are_refused_or_parse_canonically(
    one: Prepare | Fulfill | Reject, data: st.DataObject
) -> None:
    raw = bytearray(one.to_bytes())
    raw[data.draw(st.integers(0, min(len(raw), 120) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = packet.parse(raw)
    except RemoteProtocolError:
        return
    again = found.to_bytes()
    assert len(again) <= len(raw)
    assert packet.parse(again) == found


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_a_packet(raw: bytes) -> None:
    try:
        found = packet.parse(raw)
    except RemoteProtocolError:
        return
    assert packet.parse(found.to_bytes()) == found


@given(HASH)
def test_conditions(fulfillment: bytes) -> None:
    assert packet.condition_of(fulfillment) == sha256(fulfillment).digest()


@given(TIME)
def test_timestamps(ms: int) -> None:
    digits = timestamp.format_timestamp(ms)
    when = timestamp.to_datetime(ms)
    assert when.tzinfo is UTC
    assert digits.decode() == f"{when.year:04}{when:%m%d%H%M%S}{when.microsecond // 1000:03}"
    assert timestamp.parse_timestamp(digits) == ms
    assert timestamp.from_datetime(when) == ms


@given(TIME, TIME)
def test_timestamps_sort_as_bytes(one: int, other: int) -> None:
    formatted = timestamp.format_timestamp
    assert (one < other) == (formatted(one) < formatted(other))


@given(U64, st.binary(max_size=300))
def test_oer(number: int, value: bytes) -> None:
    for encode, decode in (
        (oer.encode_length, oer.decode_length),
        (oer.encode_uint64, oer.decode_uint64),
        (oer.encode_varuint, oer.decode_varuint),
    ):
        raw = encode(number)
        assert decode(raw + b"?") == (number, len(raw))
    raw = oer.encode_varstring(value)
    assert oer.decode_varstring(b"?" + raw, 1) == (value, 1 + len(raw))


PREFIX = st.builds(
    lambda scheme, segments: ".".join([scheme, *segments]),
    st.sampled_from(["g", "test"]),
    st.lists(st.sampled_from(["a", "b", "ab", "abcdefgh", "abcdefghi"]), max_size=4),
)
ROUTES = st.lists(st.tuples(PREFIX | st.just(""), st.integers(0, 2**32 - 2)), max_size=30)


@given(ROUTES, PREFIX.map(lambda prefix: prefix + ".a"))
def test_routes_against_a_plain_search(routes: list[tuple[str, int]], destination: str) -> None:
    table = RouteTable(routes)
    plain = dict(routes)
    covering = [prefix for prefix in plain if address.has_prefix(destination, prefix)]
    longest = max(covering, key=len, default=None)
    expected = None if longest is None else (longest, plain[longest])
    assert table.match(destination) == expected
    assert table.find(destination) == (None if expected is None else expected[1])
    assert dict(table) == plain and len(table) == len(plain)
