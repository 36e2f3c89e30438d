"""ShortenExpiry: the earlier of (incoming - window) and (now + hold), or R02."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core.reject import Status
from ilprouter.middleware.expiry import ShortenExpiry
from ilprouter.testing import OK, Probe

MS = 10**6
T0 = 10**12
WALL = 1_800_000_000_000


def test_window_comes_off_the_incoming_expiry() -> None:
    passage = Probe(outgoing=[ShortenExpiry(1000, 30_000)]).prepare(1, expires_in_ns=10_000 * MS)
    assert passage.status == OK
    assert passage.expires_outgoing_ns == T0 + 9_000 * MS
    assert passage.expires_outgoing_ms == WALL + 9_000
    assert passage.expires_incoming_ns == T0 + 10_000 * MS


def test_hold_caps_a_far_expiry() -> None:
    passage = Probe(outgoing=[ShortenExpiry(1000, 30_000)]).prepare(1, expires_in_ns=3_600_000 * MS)
    assert passage.expires_outgoing_ns == T0 + 30_000 * MS
    assert passage.expires_outgoing_ms == WALL + 30_000


def test_never_later_than_the_switch_allows() -> None:
    stage = ShortenExpiry(1000, 30_000)
    passage = Probe(outgoing=[stage]).prepare(1, expires_in_ns=60_000 * MS, hold_max_ns=5_000 * MS)
    assert passage.expires_outgoing_ns == T0 + 5_000 * MS
    assert passage.expires_outgoing_ms == WALL + 5_000


@pytest.mark.parametrize(
    ("left_ms", "status"),
    [
        (2_000, OK),
        (1_999, Status.INSUFFICIENT_TIMEOUT),
        (1_500, Status.INSUFFICIENT_TIMEOUT),
        (1_000, Status.INSUFFICIENT_TIMEOUT),
        (1, Status.INSUFFICIENT_TIMEOUT),
    ],
)
def test_two_windows_are_needed_on_arrival(left_ms: int, status: int) -> None:
    """M13: between one and two windows the packet is refused before anything goes out."""
    passage = Probe(outgoing=[ShortenExpiry(1000)]).prepare(1, expires_in_ns=left_ms * MS)
    assert passage.status == status
    if status != OK:
        assert passage.expires_outgoing_ns == T0 + left_ms * MS
        assert passage.expires_outgoing_ms == WALL + left_ms


def test_window_of_zero_still_refuses_the_last_moment() -> None:
    stage = ShortenExpiry(0, 30_000)
    assert Probe(outgoing=[stage]).prepare(1, expires_in_ns=1).status == OK
    assert Probe(outgoing=[stage]).prepare(1, expires_in_ns=0).status == Status.INSUFFICIENT_TIMEOUT


def test_answers_pass_untouched() -> None:
    probe = Probe(outgoing=[ShortenExpiry()])
    assert probe.prepare(1).fulfill() == OK
    assert probe.prepare(1).reject(b"reject") == b"reject"
    probe.prepare(1).abort()


@given(
    window_ms=st.integers(0, 5_000),
    hold_ms=st.integers(1, 40_000),
    left_ns=st.integers(0, 60_000 * MS),
)
def test_both_clocks_move_together(window_ms: int, hold_ms: int, left_ns: int) -> None:
    passage = Probe(outgoing=[ShortenExpiry(window_ms, hold_ms)]).prepare(1, expires_in_ns=left_ns)
    target_ns = min(left_ns - window_ms * MS, hold_ms * MS)
    if target_ns < max(window_ms * MS, 1):
        assert passage.status == Status.INSUFFICIENT_TIMEOUT
        return
    assert passage.status == OK
    before_ms, before_ns = WALL + left_ns // MS, T0 + left_ns
    moved_ms = before_ms - passage.expires_outgoing_ms
    assert before_ns - passage.expires_outgoing_ns == moved_ms * MS
    assert T0 + target_ns - MS < passage.expires_outgoing_ns <= T0 + target_ns


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((-1,), "min_window_ms"), ((0, 0), "max_hold_ms"), ((0, 3_600_001), "max_hold_ms")],
)
def test_wrong_numbers_are_named(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be an integer from"):
        ShortenExpiry(*arguments)


def test_belongs_to_the_outgoing_side() -> None:
    with pytest.raises(ValueError, match="outgoing"):
        Probe(incoming=[ShortenExpiry()])
