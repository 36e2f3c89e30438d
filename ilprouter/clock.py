"""The only Python reader of clocks: wall time for people and packets, boot time for deadlines.

Knows nothing of what the time is for; whoever can take `now` as an argument does so instead.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Wall clock, milliseconds since 1970-01-01T00:00:00Z. May step: not for deadlines."""
    return time.time_ns() // 1_000_000


def boottime_ns() -> int:
    """CLOCK_BOOTTIME, nanoseconds: grows also while the machine sleeps, never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def rfc3339(ms: int) -> str:
    """UTC text of a wall-clock time, to the millisecond: 2026-11-22T14:28:00.123Z.

    ms   milliseconds since 1970, 0 up to year 9999
    """
    # Whole seconds and milliseconds apart: a float of both would round the last digit.
    second = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
