"""Log lines: one line per event, in UTC, bounded, without secrets."""

import io
import json
import logging
import os

import pytest

from ilprouter import clock, logs
from ilprouter.config.types import Log


@pytest.fixture
def stream():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream):
    return stream.getvalue().splitlines()


def test_logfmt(stream):
    logs.setup(Log(), stream)
    logging.getLogger("ilprouter.switch").warning("peer is gone", extra={"peer": "alice", "n": 3})
    [line] = lines(stream)
    stamp, rest = line.split(" ", 1)
    assert stamp.startswith("ts=2") and stamp.endswith("Z")
    assert rest == 'level=warning logger=switch msg="peer is gone" peer=alice n=3'


def test_json(stream):
    logs.setup(Log(format="json"), stream)
    logging.getLogger("ilprouter.switch").error("it's \u20ac", extra={"up": False})
    [line] = lines(stream)
    found = json.loads(line)
    assert (found["level"], found["msg"], found["up"]) == ("error", "it's \u20ac", False)


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_newline_in_a_value_starts_no_line_of_its_own(stream, form):
    logs.setup(Log(format=form), stream)
    logging.getLogger("x").error("one\nlevel=error msg=forged", extra={"peer": "a\r\nb"})
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_tokens_do_not_reach_a_line(stream, form):
    logs.setup(Log(format=form), stream)
    log = logging.getLogger("x")
    log.error("sent Authorization: Bearer planted1 to it")
    log.error("url", extra={"url": "https://user:planted2@host/path"})
    try:
        raise ValueError("bearer planted3")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "planted" not in text
    assert "https://(hidden)@host/path" in text and "ValueError" in text


def test_levels(stream):
    logs.setup(Log(level="error"), stream)
    logging.getLogger("x").warning("no")
    logging.getLogger("x").error("yes")
    assert len(lines(stream)) == 1


def test_lines_of_one_cause_are_bounded_and_the_rest_is_counted(stream, monkeypatch):
    now = 5_000_000_000
    monkeypatch.setattr(clock, "boottime_ns", lambda: now)
    logs.setup(Log(lines_per_second=3), stream)
    log = logging.getLogger("x")

    def cause(count):
        for i in range(count):
            log.warning("flood %s", i)

    cause(10)
    log.warning("another cause is not touched")
    assert len(lines(stream)) == 4
    now += 1_000_000_000
    cause(2)
    assert lines(stream)[-2].endswith("suppressed=7")
    assert "suppressed" not in lines(stream)[-1]


def test_priorities_only_when_the_stream_is_the_journal(stream, monkeypatch, tmp_path):
    with open(tmp_path / "journal", "w+") as journal:
        assert not logs.under_journald(journal)
        found = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert logs.under_journald(journal)
        logs.setup(Log(level="debug"), journal)
        for level in ("error", "warning", "info", "debug"):
            getattr(logging.getLogger("x"), level)("line")
        journal.seek(0)
        assert [line[:3] for line in journal] == ["<3>", "<4>", "<6>", "<7>"]
    assert not logs.under_journald(stream)
