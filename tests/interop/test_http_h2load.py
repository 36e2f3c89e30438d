"""h2load posts the same Prepare many times: every one is answered, and nothing is left over."""

import asyncio
import shutil

import pytest

from tests.helpers.http_peer import PREPARE, TOKEN, Node

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed"),
]


@pytest.mark.parametrize(
    ("options", "requests"),
    [(["-m", "100"], 20_000), (["-m", "1"], 4_000), (["--h1"], 2_000)],
    ids=["h2-many-streams", "h2-one-stream", "http1"],
)
async def test_every_post_is_answered(tmp_path, options, requests):
    node = Node(connections_per_source_max=100)
    node.link("alice", incoming_tokens=[TOKEN])
    await node.listen()
    body = tmp_path / "prepare"
    body.write_bytes(PREPARE)
    process = await asyncio.create_subprocess_exec(
        "h2load",
        *options,
        *("-n", str(requests), "-c", "10", "-d", str(body)),
        *("-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/octet-stream"),
        f"http://127.0.0.1:{node.port}/accounts/alice/ilp",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 50)
    assert f"requests: {requests} total" in output.decode(), output.decode()
    assert f"{requests} succeeded, 0 failed, 0 errored, 0 timeout" in output.decode()
    assert f"status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx" in output.decode()
    assert len(node.asked) == requests
    await node.close()
    node.assert_empty()
