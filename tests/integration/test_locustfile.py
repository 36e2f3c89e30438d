"""The Locust file against receivers that are right and wrong: it must tell the two apart.

Owns a small HTTP receiver on a real socket. Locust runs as a program, because importing it patches
the whole process.
"""

import asyncio
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ilprouter.core.packet import Fulfill, Prepare, Reject, parse

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-test"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("locust"), reason="locust is not installed"),
]

Answer = Callable[[Prepare], bytes]


def fulfill(prepare: Prepare) -> bytes:
    return Fulfill(prepare.data[:32]).to_bytes()


def fulfill_wrongly(prepare: Prepare) -> bytes:
    return Fulfill(bytes(32)).to_bytes()


def reject(prepare: Prepare) -> bytes:
    return Reject("F02", "g.test", "no route").to_bytes()


def garbage(prepare: Prepare) -> bytes:
    return b"not an ILP packet"


class Receiver:
    """Answers POST /ilp with what `answer` makes of the Prepare; 401 without the token."""

    def __init__(self) -> None:
        self.answer: Answer = fulfill
        self.prepares: list[Prepare] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        packet = parse(await request.read())
        assert isinstance(packet, Prepare)
        self.prepares.append(packet)
        return web.Response(body=self.answer(packet), content_type="application/octet-stream")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/ilp", receiver.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    receiver.url = f"http://{host}:{port}"
    yield receiver
    await runner.cleanup()


async def locust(url: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """Two users for one second: exit code, the one entry of the JSON report, and the log."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--host", url,
        "--headless", "--json", "-u", "2", "-r", "2", "-t", "1s", "--ilp-rate", "20", *options,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, log = await process.communicate()
    assert process.returncode is not None
    report = json.loads(out)
    assert len(report) == 1, log.decode()
    return process.returncode, report[0], log.decode()


async def test_fulfills_are_successes_at_the_asked_rate(receiver: Receiver) -> None:
    code, entry, log = await locust(receiver.url, "--ilp-token", TOKEN, "--ilp-amount", "77")
    assert (code, entry["num_failures"]) == (0, 0), log
    assert 10 <= entry["num_requests"] <= 50, "two users, twenty a second, one second"
    assert len({packet.execution_condition for packet in receiver.prepares}) == len(
        receiver.prepares
    ), "every Prepare has its own condition"
    assert {packet.amount for packet in receiver.prepares} == {77}
    assert {packet.destination for packet in receiver.prepares} == {"g.bob.receiver"}


@pytest.mark.parametrize(
    ("answer", "options", "problem"),
    [
        (fulfill_wrongly, [], "Fulfill with a wrong preimage"),
        (reject, [], "Reject F02 from g.test: no route"),
        (garbage, [], "not an ILP packet"),
        (fulfill, ["--ilp-expect", "reject"], "Fulfill where a Reject was expected"),
        (fulfill, ["--ilp-token", "another-token"], "HTTP 401"),
    ],
    ids=["preimage", "reject", "garbage", "unexpected", "token"],
)
async def test_failures_are_told_apart(
    receiver: Receiver, answer: Answer, options: list[str], problem: str
) -> None:
    receiver.answer = answer
    code, entry, log = await locust(receiver.url, "--ilp-token", TOKEN, *options)
    assert code == 1
    assert entry["num_failures"] == entry["num_requests"] > 0
    assert problem in log


async def test_rejects_can_be_the_success(receiver: Receiver) -> None:
    receiver.answer = reject
    options = ["--ilp-token", TOKEN, "--ilp-expect", "reject"]
    code, entry, log = await locust(receiver.url, *options)
    assert (code, entry["num_failures"]) == (0, 0), log
