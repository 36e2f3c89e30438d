"""Log lines on stderr: logfmt or JSON, UTC, bounded per cause, without secrets.

Owns the form of a line; never called per packet, knows no router.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from typing import Any, Literal, TextIO

from ilprouter import clock
from ilprouter.config.types import Log

# syslog's numbers, which journald reads from a line's start: error, warning, info, debug.
PRIORITIES = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,\[\]~-]+\Z")
# What must not stay in a line, whoever wrote it there: bearer tokens and the password of a URL.
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+\S+")
USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


def redact(text: str) -> str:
    """The text without bearer tokens and without user names and passwords in URLs."""
    return USERINFO.sub("(hidden)@", BEARER.sub(r"\1 (hidden)", text))


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a line says, in order: time, level, logger, message, the record's `extra` fields."""
    line: dict[str, Any] = {
        "ts": clock.rfc3339(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "logger": record.name.removeprefix("ilprouter."),
        "msg": redact(record.getMessage()),
    }
    for key, value in record.__dict__.items():
        if key not in STANDARD and not key.startswith("_"):
            line[key] = value if isinstance(value, (int, float, bool)) else redact(str(value))
    if record.exc_info:
        line["error"] = redact(logging.Formatter().formatException(record.exc_info))
    return line


class Formatter(logging.Formatter):
    """One record to one line.

    form       "logfmt" or "json"
    priority   write the `<N>` journald reads a line's severity from
    """

    def __init__(self, form: Literal["logfmt", "json"], priority: bool) -> None:
        super().__init__()
        self.form = form
        self.priority = priority

    def format(self, record: logging.LogRecord) -> str:
        line = fields(record)
        # A newline inside a value would let a peer's text start a line of its own: JSON escapes it.
        text = (
            json.dumps(line, ensure_ascii=False)
            if self.form == "json"
            else " ".join(f"{key}={logfmt(value)}" for key, value in line.items())
        )
        return f"<{PRIORITIES.get(record.levelname, 6)}>{text}" if self.priority else text


def logfmt(value: Any) -> str:
    """A value as logfmt writes it: bare when it is plain, else quoted with escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if PLAIN.match(text) else json.dumps(text, ensure_ascii=False)


class RateLimit(logging.Filter):
    """At most so many lines a second of one cause; the rest is counted and said in the next line.

    lines_per_second   1 or more
    cause              the place in the source that logs: what the line says may differ
    """

    def __init__(self, lines_per_second: int) -> None:
        super().__init__()
        self.lines_per_second = lines_per_second
        self._windows: dict[tuple[str, int], list[int]] = {}  # cause -> [second, written, left out]

    def filter(self, record: logging.LogRecord) -> bool:
        second = clock.boottime_ns() // 1_000_000_000
        window = self._windows.setdefault((record.pathname, record.lineno), [second, 0, 0])
        if window[0] != second:
            window[0], window[1] = second, 0
        if window[1] >= self.lines_per_second:
            window[2] += 1
            return False
        window[1] += 1
        if window[2]:
            record.suppressed = window[2]
            window[2] = 0
        return True


def under_journald(stream: TextIO) -> bool:
    """Is this stream the journal? JOURNAL_STREAM holds the device and inode systemd connected."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def setup(log: Log, stream: TextIO | None = None) -> None:
    """Send everything that is logged to one stream, replacing what was set up before.

    log      the [log] table
    stream   stderr when None
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(Formatter(log.format, under_journald(target)))
    handler.addFilter(RateLimit(log.lines_per_second))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    # aiohttp's access lines would be one per request of a metrics scraper.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
