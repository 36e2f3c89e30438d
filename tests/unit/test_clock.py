"""The clock: right epoch, right unit, exact text."""

import time

from ilprouter import clock


def test_now_ms_is_the_wall_clock_in_milliseconds():
    before = int(time.time() * 1000) - 1
    assert before <= clock.now_ms() <= before + 5000


def test_boottime_never_goes_back():
    first = clock.boottime_ns()
    assert 0 < first <= clock.boottime_ns()


def test_rfc3339_is_exact_to_the_millisecond():
    assert clock.rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert clock.rfc3339(1_795_357_680_123) == "2026-11-22T14:28:00.123Z"
    assert clock.rfc3339(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
