"""A JavaScript peer (ilp-plugin-http) asks us and is asked, in its own forms of HTTP."""

import asyncio
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from ilprouter.core.packet import Fulfill, Reject, parse
from ilprouter.core.reject import Status
from tests.helpers.http_peer import Node, until
from tests.helpers.packets import prepare

NODE = Path(__file__).parent / "node"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
    pytest.mark.skipif(
        not (NODE / "node_modules").is_dir(), reason="tests/interop/setup.sh has not been run"
    ),
]


class JavaScriptPeer:
    """peer.js as a process."""

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, **options):
        return cls(
            await asyncio.create_subprocess_exec(
                "node",
                "peer.js",
                json.dumps(options),
                cwd=NODE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    async def says(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), 20)
        return json.loads(line)

    async def stop(self):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@pytest.fixture
async def javascript():
    """A factory of JavaScript peers; all of them end with the test."""
    made = []

    async def make(**options):
        made.append(await JavaScriptPeer.start(**options))
        return made[-1]

    yield make
    for peer in made:
        await peer.stop()


@pytest.fixture
async def ours():
    node = Node()
    yield node
    await node.close()
    node.assert_empty()


def fulfill_from_data(packet):
    """The Fulfill whose preimage stands at the beginning of the Prepare's data."""
    request = parse(packet)
    preimage = bytes(request.data[:32])
    if hashlib.sha256(preimage).digest() != request.execution_condition:
        return Reject("F99", "g.us", "no preimage", b"").to_bytes()
    return Fulfill(preimage, b"").to_bytes()


@pytest.mark.parametrize(
    ("outgoing", "bare", "results"),
    [
        ({"staticToken": "js-token"}, False, {"fulfilled": 50}),
        ({"staticToken": "js-token", "http2": True}, False, {"fulfilled": 50}),
        ({"secretToken": "js-token"}, True, {"fulfilled": 50}),
        ({"secretToken": "js-token"}, False, {"failed to fetch. code=401": 50}),
        ({"staticToken": "wrong"}, True, {"failed to fetch. code=401": 50}),
    ],
    ids=["http1-bearer", "http2-bearer", "http1-bare", "bare-not-allowed", "wrong-token"],
)
async def test_javascript_asks_us(ours, javascript, outgoing, bare, results):
    ours.link("js", incoming_tokens=["js-token"], bare_token=bare)
    await ours.listen()
    ours.answer = fulfill_from_data
    peer = await javascript(
        url=f"http://127.0.0.1:{ours.port}/accounts/js/ilp",
        incoming={"staticToken": "unused"},
        outgoing=outgoing,
        destination="g.us.x",
        send=50,
    )
    assert "port" in await peer.says()
    assert await peer.says() == {"results": results}


@pytest.mark.parametrize("incoming", [{"staticToken": "our-token"}, {"secretToken": "our-token"}])
async def test_we_ask_javascript(ours, javascript, incoming):
    peer = await javascript(
        url="http://127.0.0.1:9/", incoming=incoming, outgoing={"staticToken": "unused"}
    )
    port = (await peer.says())["port"]
    await ours.endpoint.open()
    link = ours.link("js", url=f"http://127.0.0.1:{port}/", outgoing_token="our-token", http1=True)
    preimage = bytes(range(32))
    condition = hashlib.sha256(preimage).digest()
    for handle in range(50):
        await until(lambda: link.room, 10)
        ours.receiver.send(link, prepare("g.js.x", condition=condition, data=preimage), handle)
    await until(lambda: len(ours.answers) == 50, 10)
    for _, packet in ours.answers:
        assert parse(packet).fulfillment == preimage
    ours.receiver.send(link, prepare("g.js.x", data=b"other" * 10), 99)
    await until(lambda: len(ours.answers) == 51)
    assert parse(ours.answers[-1][1]).code == "F99"
    assert link.connections <= 16


async def test_javascript_refuses_our_token(ours, javascript):
    peer = await javascript(
        url="http://127.0.0.1:9/",
        incoming={"staticToken": "another"},
        outgoing={"staticToken": "unused"},
    )
    port = (await peer.says())["port"]
    await ours.endpoint.open()
    link = ours.link("js", url=f"http://127.0.0.1:{port}/", outgoing_token="ours", http1=True)
    ours.receiver.send(link, prepare(), 1)
    await until(lambda: ours.failures)
    assert ours.failures == [(1, Status.BAD_REQUEST)]
