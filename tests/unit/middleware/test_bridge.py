"""PythonMiddleware: a Python class as a stage; whatever it does costs its own packet only."""

import logging

import pytest

from ilprouter.core.reject import Status
from ilprouter.middleware.base import PacketInfo, Refusal, Response
from ilprouter.middleware.bridge import PythonMiddleware, as_stage
from ilprouter.middleware.in_flight import InFlightIncoming
from ilprouter.middleware.max_amount import MaxAmount
from ilprouter.testing import OK, Probe

T0 = 10**12
SECOND = 10**9


class Recorder:
    """Lets everything pass and writes down what it saw."""

    def __init__(self) -> None:
        self.prepared: list[PacketInfo] = []
        self.answered: list[tuple[int, Response, str]] = []

    def on_prepare(self, packet: PacketInfo) -> Refusal | None:
        self.prepared.append(packet)
        return None

    def on_response(self, packet: PacketInfo, response: Response) -> None:
        self.answered.append((packet.handle, response, packet.destination))


class Answering:
    """Answers every Prepare with the same object, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def on_prepare(self, packet: PacketInfo) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_stage_sees_the_packet() -> None:
    recorder = Recorder()
    probe = Probe([PythonMiddleware(recorder)])
    probe.prepare(
        42, now_ns=T0, expires_in_ns=5 * SECOND, destination=b"test.bob.savings", data_len=7
    )
    (packet,) = recorder.prepared
    assert packet.amount_incoming == 42
    assert packet.destination == "test.bob.savings"
    assert packet.data_len == 7
    assert packet.received_ns == T0
    assert packet.expires_incoming_ns == T0 + 5 * SECOND
    assert packet.expires_outgoing_ns == T0 + 5 * SECOND


def test_stage_sees_every_ending_once() -> None:
    recorder = Recorder()
    probe = Probe([PythonMiddleware(recorder)], [PythonMiddleware(recorder)])
    probe.prepare(1).fulfill()
    assert probe.prepare(1).reject(b"untouched") == b"untouched"
    probe.prepare(1).abort()
    late = probe.prepare(1)
    late.fulfill()
    late.late()
    assert [response for _, response, _ in recorder.answered] == [
        *[Response.FULFILL] * 2,
        *[Response.REJECT] * 2,
        *[Response.ABORT] * 2,
        *[Response.FULFILL] * 2,
        Response.LATE,
    ]
    assert {destination for _, _, destination in recorder.answered} == {""}
    handles = [packet.handle for packet in recorder.prepared]
    assert [handle for handle, _, _ in recorder.answered] == [*handles, handles[-1]]
    assert len(set(handles)) == 4


def test_refusal_is_the_status_and_leaves_nothing() -> None:
    counted = InFlightIncoming(1)
    recorder = Recorder()
    refusing = PythonMiddleware(Answering(Refusal(Status.UNEXPECTED_PAYMENT)))
    probe = Probe([counted, PythonMiddleware(recorder), refusing])
    assert probe.prepare(1).status == Status.UNEXPECTED_PAYMENT
    assert counted.packets == 0
    assert [response for _, response, _ in recorder.answered] == [Response.ABORT]


def test_f08_carries_the_limit() -> None:
    stage = PythonMiddleware(Answering(Refusal(Status.AMOUNT_TOO_LARGE, amount_maximum=9)))
    assert Probe([stage]).prepare(10).amount_maximum == 9


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("a bug"),
        SystemExit(1),
        KeyboardInterrupt(),
        0,
        "F00",
        Refusal(0),
        Refusal(1),
        Refusal(15),
        Refusal(10**6),
        Refusal(2**40),
        Refusal(Status.AMOUNT_TOO_LARGE, amount_maximum=-1),
        Refusal(Status.AMOUNT_TOO_LARGE, amount_maximum=2**64),
    ],
)
def test_anything_else_is_t00_and_logged(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    stage = PythonMiddleware(Answering(answer))
    with caplog.at_level(logging.ERROR):
        assert Probe([stage]).prepare(1).status == Status.INTERNAL_ERROR
    assert stage.failures == 1
    assert "stage Answering failed" in caplog.text


def test_log_is_rate_limited(caplog: pytest.LogCaptureFixture) -> None:
    stage = PythonMiddleware(Answering(ValueError("a bug")))
    probe = Probe([stage])
    for number in range(100):
        probe.prepare(1, now_ns=T0 + number * SECOND)
    assert stage.failures == 100
    assert len(caplog.records) == 10


def test_log_handler_that_fails_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ilprouter.middleware.bridge.log.error", broken)
    stage = PythonMiddleware(Answering(ValueError("a bug")))
    assert Probe([stage]).prepare(1).status == Status.INTERNAL_ERROR


class FailingLater:
    """Fails on the way back."""

    side = "incoming"

    def on_response(self, packet: PacketInfo, response: Response) -> None:
        raise RuntimeError("a bug on the way back")


def test_failure_on_the_way_back_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    counted = InFlightIncoming(1)
    stage = PythonMiddleware(FailingLater())
    passage = Probe([counted, stage]).prepare(1)
    assert passage.status == OK
    assert passage.fulfill() == OK
    assert counted.packets == 0
    assert stage.failures == 1
    assert "a bug on the way back" in caplog.text


def test_side_of_the_class_is_kept() -> None:
    with pytest.raises(ValueError, match="incoming stage"):
        Probe(outgoing=[PythonMiddleware(FailingLater())])


def test_object_that_is_no_stage_is_refused() -> None:
    with pytest.raises(TypeError, match="object has neither on_prepare nor on_response"):
        PythonMiddleware(object())
    wrong = FailingLater()
    wrong.side = "left"
    with pytest.raises(ValueError, match="must be incoming, outgoing or either, got 'left'"):
        PythonMiddleware(wrong)


def test_as_stage_wraps_only_what_needs_it() -> None:
    compiled = MaxAmount(1)
    assert as_stage(compiled) is compiled
    assert isinstance(as_stage(Recorder()), PythonMiddleware)
