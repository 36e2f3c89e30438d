"""The commands' way to a router: its answers, and one exception per way to fail."""

import asyncio
import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from ilprouter.admin.client import (
    AdminClient,
    NotAllowedError,
    NotRunningError,
    RefusedError,
    UnavailableError,
    refused,
)
from ilprouter.admin.server import AdminServer
from ilprouter.config import Admin

from .fake import FakeRouter


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        yield str(Path(directory) / "admin.sock")


@pytest.fixture
async def client(path):
    server = AdminServer(FakeRouter(), Admin(socket=path))
    await server.start()
    yield AdminClient(path)
    await server.stop()


async def test_reads_and_orders(client):
    status = await asyncio.to_thread(client.get, "/v1/status")
    assert status["state"] == "ready"
    found = await asyncio.to_thread(lambda: client.get("/v1/routes/trace", address="g.acme.alice"))
    assert found["peer"] == "alice"
    pong = await asyncio.to_thread(client.post, "/v1/ping", {"address": "g.x"})
    assert pong["outcome"] == "fulfill"
    assert "ilprouter_build_info" in await asyncio.to_thread(client.text, "/metrics")


async def test_a_refusal_carries_the_router_s_words(client):
    with pytest.raises(RefusedError, match="no link carries a ping") as caught:
        await asyncio.to_thread(client.post, "/v1/ping", {"address": "g.nowhere"})
    assert caught.value.status == 409
    with pytest.raises(UnavailableError, match="the command failed"):
        await asyncio.to_thread(client.post, "/v1/ping", {"address": "g.bug"})


def test_nobody_there(path):
    with pytest.raises(NotRunningError, match=f"no router answers on {path}"):
        AdminClient(path).get("/v1/status")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    with pytest.raises(NotRunningError):
        AdminClient(path).get("/v1/status")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_no_permission(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen()
        os.chmod(os.path.dirname(path), 0o711)  # noqa: S103 - the socket itself refuses
        child = os.fork()
        if child == 0:
            os.setuid(4711)
            try:
                AdminClient(path).get("/v1/status")
            except NotAllowedError:
                os._exit(0)
            except BaseException:
                os._exit(2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("content", [b"", b"SSH-2.0-x\r\n"])
def test_no_answer_and_a_strange_answer(path, content):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve():
            accepted, _ = listening.accept()
            with accepted:
                accepted.recv(4096)
                accepted.sendall(content)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnavailableError, match="did not answer"):
            AdminClient(path, timeout_s=2).get("/v1/status")
        thread.join()


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (401, b'{"detail": "who?"}', NotAllowedError, "who?"),
        (403, b"<html>", NotAllowedError, "HTTP status 403"),
        (400, b"[]", RefusedError, "HTTP status 400"),
        (503, b"{}", UnavailableError, "HTTP status 503"),
    ],
)
def test_error_answers(status, content, kind, message):
    error = refused(status, content)
    assert type(error) is kind and error.message == message
