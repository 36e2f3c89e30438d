"""The Python faces of the codec, beyond the vectors: values, limits, errors, round trips."""

from __future__ import annotations

import copy
import hashlib
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ilprouter.core import address, oer, packet, reject, timestamp
from ilprouter.core.packet import Fulfill, Prepare, Reject
from ilprouter.errors import AmountOverflowError, LocalProtocolError, RemoteProtocolError

CONDITION = bytes(range(32))
PREPARE = Prepare(107, 1528404522483, CONDITION, "g.alice", b"hello")
FULFILL = Fulfill(CONDITION, b"thanks")
REJECT = Reject("F02", "g.router", "no route", b"\x00")
ALL = [PREPARE, FULFILL, REJECT]

each = pytest.mark.parametrize("one", ALL, ids=lambda one: type(one).__name__)


@each
def test_bytes_and_back(one: Prepare | Fulfill | Reject) -> None:
    raw = one.to_bytes()
    assert packet.parse(raw) == one
    assert packet.parse(bytearray(raw)) == one
    assert packet.parse(memoryview(b"xx" + raw)[2:]) == one
    assert packet.parse(raw + b"trailing") == one


@each
def test_a_packet_is_a_value(one: Prepare | Fulfill | Reject) -> None:
    again = packet.parse(one.to_bytes())
    assert hash(again) == hash(one) and len({again, one}) == 1
    assert all(other == one for other in [copy.copy(one), pickle.loads(pickle.dumps(one))])  # noqa: S301
    assert eval(repr(one), vars(packet).copy()) == one  # noqa: S307
    assert one != one.to_bytes()
    assert sum(one == other for other in ALL) == 1
    for name in one.__match_args__:
        with pytest.raises(AttributeError):
            setattr(one, name, getattr(one, name))


@each
def test_truncated_bytes_are_refused(one: Prepare | Fulfill | Reject) -> None:
    raw = one.to_bytes()
    for cut in range(len(raw)):
        with pytest.raises(RemoteProtocolError) as caught:
            packet.parse(raw[:cut])
        assert caught.value.status == reject.Status.INVALID_PACKET


def test_fields_differ() -> None:
    other = Prepare(108, 1528404522483, CONDITION, "g.alice", b"hello")
    assert other != PREPARE and other.amount == 108


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ((1, timestamp.MS_MAX + 1, CONDITION, "g.a"), "expires_at"),
        ((1, timestamp.MS_MIN - 1, CONDITION, "g.a"), "expires_at"),
        ((1, 10**30, CONDITION, "g.a"), "expires_at"),
        ((1, 0, CONDITION[:31], "g.a"), "32 bytes"),
        ((1, 0, CONDITION, "g"), "destination"),
        ((1, 0, CONDITION, ""), "destination"),
        ((1, 0, CONDITION, "g.caf\u00e9"), "destination"),
        ((1, 0, CONDITION, "g.\ud800"), "destination"),
        ((1, 0, CONDITION, "g." + "x" * 1022), "destination"),
        ((1, 0, CONDITION, "g.a", bytes(packet.DATA_MAX + 1)), "data"),
    ],
)
def test_a_prepare_that_the_rfc_forbids(fields: tuple[object, ...], word: str) -> None:
    with pytest.raises(LocalProtocolError, match=word) as caught:
        Prepare(*fields)  # type: ignore[arg-type]
    assert caught.value.status == reject.Status.INVALID_PACKET


@pytest.mark.parametrize("amount", [-1, 2**64, 10**30])
def test_an_amount_outside_u64(amount: int) -> None:
    with pytest.raises(AmountOverflowError, match=str(amount)):
        Prepare(amount, 0, CONDITION, "g.a")


@pytest.mark.parametrize("amount", [0, 2**63, 2**64 - 1])
def test_amounts_at_the_limits(amount: int) -> None:
    found = packet.parse(Prepare(amount, 0, CONDITION, "g.a").to_bytes())
    assert isinstance(found, Prepare) and found.amount == amount


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        (("F2", "g.a"), "error code"),
        (("F0\u00e9", "g.a"), "error code"),
        (("F02", "g.a b"), "triggered_by"),
        (("F02", "x" * 1024), "triggered_by"),
        (("F02", "g.a", "\u00e9" * 4096), "message"),
        (("F02", "g.a", "\ud800"), "UTF-8"),
        (("F02", "g.a", "", bytes(packet.DATA_MAX + 1)), "data"),
    ],
)
def test_a_reject_that_the_rfc_forbids(fields: tuple[object, ...], word: str) -> None:
    with pytest.raises(LocalProtocolError, match=word):
        Reject(*fields)  # type: ignore[arg-type]


def test_a_fulfill_that_the_rfc_forbids() -> None:
    with pytest.raises(LocalProtocolError, match="32 bytes"):
        Fulfill(b"short")
    with pytest.raises(LocalProtocolError, match="data"):
        Fulfill(CONDITION, bytes(packet.DATA_MAX + 1))


def test_a_message_that_is_not_utf8_comes_back_as_it_was() -> None:
    raw = bytes.fromhex("0e0a 463032 00 04 63ff80e9 00".replace(" ", ""))
    found = packet.parse(raw)
    assert isinstance(found, Reject)
    assert found.message.encode("utf-8", "surrogateescape") == b"c\xff\x80\xe9"
    assert found.to_bytes() == raw


def test_wrong_types() -> None:
    with pytest.raises(TypeError):
        Prepare(1, 0, CONDITION, b"g.a")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Prepare("1", 0, CONDITION, "g.a")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        packet.parse("0c3e")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        packet.parse(None)  # type: ignore[arg-type]


def test_condition_of() -> None:
    for fulfillment in (bytes(32), CONDITION, b"\xff" * 32):
        assert packet.condition_of(fulfillment) == hashlib.sha256(fulfillment).digest()
    with pytest.raises(LocalProtocolError):
        packet.condition_of(bytes(31))


def test_amounts_of_f08() -> None:
    data = packet.amount_too_large_data(2**64 - 1, 5)
    assert data == b"\xff" * 8 + bytes(7) + b"\x05"
    assert packet.parse_amount_too_large_data(data + b"more") == (2**64 - 1, 5)
    with pytest.raises(OverflowError):
        packet.amount_too_large_data(2**64, 0)


def test_datetimes_round_down_and_need_a_zone() -> None:
    east = timezone(timedelta(hours=2))
    when = datetime(2018, 6, 7, 22, 48, 42, 483999, tzinfo=east)
    assert timestamp.from_datetime(when) == 1528404522483
    before = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert timestamp.from_datetime(before) == -1
    assert timestamp.to_datetime(-1) == datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        timestamp.from_datetime(datetime(2018, 6, 7))
    assert timestamp.to_datetime(timestamp.MS_MAX).year == 9999
    assert timestamp.to_datetime(timestamp.MS_MIN).year == 1


@pytest.mark.parametrize("ms", [timestamp.MS_MIN - 1, timestamp.MS_MAX + 1, 10**40])
def test_times_out_of_range(ms: int) -> None:
    with pytest.raises(LocalProtocolError):
        timestamp.format_timestamp(ms)
    with pytest.raises(LocalProtocolError):
        timestamp.to_datetime(ms)


def test_addresses_of_other_alphabets_are_no_addresses() -> None:
    for text in ("g.caf\u00e9", "g.\ud800", "g.\x00", "\uff47.alice"):
        assert not address.valid_address(text)
        assert not address.valid_prefix(text)
        assert address.scheme(text) is None


def test_prefixes_cover_whole_segments() -> None:
    assert address.has_prefix("g.alice.bob", "g.alice")
    assert address.has_prefix("g.alice", "g.alice")
    assert address.has_prefix("g.alice", "")
    assert not address.has_prefix("g.alice", "g.al")
    assert not address.has_prefix("g.al", "g.alice")


def test_schemes() -> None:
    assert address.scheme("g.alice") == address.scheme("g") == "g"
    assert address.scheme("test2.alice") == "test"
    assert address.scheme("peer.config") == "peer"
    assert address.scheme("what.alice") is None
    assert set(address.SCHEMES.values()) >= {"private", "example", "self", "local"}


def test_oer_at_an_offset() -> None:
    data = b"??" + oer.encode_varuint(256) + oer.encode_varstring(b"abc") + oer.encode_uint64(9)
    count, at = oer.decode_varuint(data, 2)
    text, at = oer.decode_varstring(data, at)
    number, at = oer.decode_uint64(data, at)
    assert (count, text, number, at) == (256, b"abc", 9, len(data))


def test_oer_limits() -> None:
    with pytest.raises(IndexError):
        oer.decode_length(b"\x01", 2)
    with pytest.raises(IndexError):
        oer.decode_length(b"\x01", -1)
    with pytest.raises(RemoteProtocolError):
        oer.decode_length(b"\x01", 1)
    with pytest.raises(RemoteProtocolError):
        oer.decode_varstring(b"\x03abc", max=2)
    for encode in (oer.encode_length, oer.encode_uint64, oer.encode_varuint):
        for value in (-1, 2**64):
            with pytest.raises(AmountOverflowError):
                encode(value)


def test_the_reject_table() -> None:
    assert [status.value for status in reject.Status] == list(reject.STATUSES)
    entry = reject.reject_entry(reject.Status.AMOUNT_TOO_LARGE)
    assert entry == ("F08", "amount_too_large", "Amount too large") and entry.code == "F08"
    assert reject.reject_entry(0) == reject.reject_entry(reject.Status.INTERNAL_ERROR)
    names = {reject.reject_entry(status).name for status in reject.STATUSES}
    assert len(names) == len(reject.STATUSES)


@pytest.mark.parametrize("status", list(reject.Status), ids=lambda status: status.name)
def test_our_own_rejects(status: reject.Status) -> None:
    found = packet.parse(reject.make_reject(status, "g.me", 9, 8))
    entry = reject.reject_entry(status)
    data = packet.amount_too_large_data(9, 8) if entry.name == "amount_too_large" else b""
    assert found == Reject(entry.code, "g.me", entry.message, data)


def test_our_own_rejects_name_us() -> None:
    for name in ("", "g", "no address", "g." + "x" * 2000):
        with pytest.raises(LocalProtocolError):
            reject.make_reject(reject.Status.UNREACHABLE, name)
    with pytest.raises(ValueError, match="no status"):
        reject.make_reject(0, "g.me")
