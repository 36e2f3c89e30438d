"""The admin API over real sockets: answers, errors, health, limits, who may connect."""

import asyncio
import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import aiohttp
import pytest

from ilprouter.admin import guard
from ilprouter.admin.server import AdminServer, host_is_number
from ilprouter.config import Admin, Secret
from ilprouter.errors import EndpointError

from .fake import FakeRouter


@pytest.fixture
def path():
    # A Unix socket's path has at most 107 bytes: pytest's own directories can be longer.
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        yield Path(directory) / "run" / "admin.sock"


@pytest.fixture
async def router():
    return FakeRouter()


@pytest.fixture
async def server(router, path):
    server = AdminServer(router, Admin(socket=str(path)))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session(server, path):
    async with aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(path)), base_url="http://localhost"
    ) as session:
        yield session


async def test_every_read_answers_json(session):
    async with session.get("/v1/status") as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        status = await response.json()
    assert status["state"] == "ready" and status["in_flight"] == 3 and status["epoch"] == 7
    for name in ("peers", "accounts", "routes"):
        async with session.get(f"/v1/{name}") as response:
            assert (await response.json())[name]
    async with session.get("/v1/pipeline") as response:
        assert await response.json() == {
            "pipelines": [
                {"peer": "alice", "incoming": ["max-amount(amount_max=5)"], "outgoing": ["expiry"]}
            ]
        }


async def test_amounts_beyond_64_bits_are_exact(session):
    async with session.get("/v1/accounts") as response:
        account = (await response.json())["accounts"][0]
    assert account["peer_owes"] == str(2**128 - 1)


async def test_trace_needs_an_address_and_takes_any_text(session):
    async with session.get("/v1/routes/trace", params={"address": "g.acme.alice.x"}) as response:
        assert (await response.json())["peer"] == "alice"
    async with session.get("/v1/routes/trace", params={"address": "not an address"}) as response:
        assert response.status == 200
        assert (await response.json())["code"] == "F01"
    async with session.get("/v1/routes/trace") as response:
        assert response.status == 400
        assert response.content_type == "application/problem+json"
        assert await response.json() == {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "the query needs address=, an ILP address",
        }


@pytest.mark.parametrize("path_name", ["/readyz", "/healthz"])
@pytest.mark.parametrize(
    ("state", "reasons", "code"),
    [
        ("ready", (), 200),
        ("ready", ("the store is not open",), 503),
        ("starting", ("replaying the ledger",), 503),
        ("draining", ("a stop was ordered",), 503),
        ("fenced", ("a commit failed",), 503),
    ],
)
async def test_readiness(session, router, path_name, state, reasons, code):
    router.state, router.reasons = state, reasons
    async with session.get(path_name) as response:
        assert response.status == code
        assert await response.json() == {"state": state, "reasons": list(reasons)}
    async with session.get("/livez") as response:
        assert response.status == 200


async def test_ping(session, router):
    body = {"address": "g.x", "amount": 5, "timeout_ms": 100}
    async with session.post("/v1/ping", json=body) as response:
        assert (await response.json())["outcome"] == "fulfill"
    assert router.pings[0].amount == 5


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body is not what is wanted here"),
        (b"{", 400, "the body is not what is wanted here"),
        (b"[" * 60_000, 400, "the body is not what is wanted here"),
        (b'{"adress": "g.x"}', 400, "the body is not what is wanted here"),
        (b'{"address": "\xff"}', 400, "the body is not what is wanted here"),
        (b'{"address": "nonsense"}', 400, "address is not an ILP address"),
        (b'{"address": "g.x\\n"}', 400, "address is not an ILP address"),
        (b'{"address": "g.x", "amount": -1}', 400, "amount is an integer from 0"),
        (b'{"address": "g.x", "amount": 18446744073709551616}', 400, ""),
        (b'{"address": "g.x", "timeout_ms": 0}', 400, "timeout_ms is an integer from 1"),
        (b'{"address": "g.nowhere"}', 409, "no link carries a ping. Add a peer."),
        (b'{"address": "g.bug"}', 500, "the command failed; the log has the reason"),
        (b" " * 70_000, 413, ""),
    ],
)
async def test_bad_orders_change_nothing(session, router, body, status, detail):
    headers = {"Content-Type": "application/json"}
    async with session.post("/v1/ping", data=body, headers=headers) as response:
        text = await response.text()
        assert response.status == status
        assert response.content_type == "application/problem+json"
    problem = json.loads(text)
    assert problem["status"] == status and problem["detail"].startswith(detail)
    assert "planted" not in text
    assert router.pings == []


async def test_wrong_type_path_and_method(session):
    async with session.post("/v1/ping", data=b"{}") as response:
        assert response.status == 415
    async with session.get("/v2/status") as response:
        assert response.status == 404
        assert (await response.json())["title"] == "Not Found"
    async with session.delete("/v1/status") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET,HEAD"
        assert response.content_type == "application/problem+json"


async def test_metrics_are_served(session):
    async with session.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await response.text()
    assert 'ilprouter_packets_total{direction="in",peer="alice",type="prepare"} 10.0' in text


async def test_modes_of_socket_and_directory(server, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


async def test_the_socket_is_removed_at_stop(router, path):
    server = AdminServer(router, Admin(socket=str(path)))
    await server.start()
    await server.stop()
    assert not path.exists()


async def test_a_stale_socket_is_replaced(router, path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    server = AdminServer(router, Admin(socket=str(path)))
    await server.start()
    await server.stop()


async def test_a_live_socket_is_left_alone(server, router, path):
    with pytest.raises(EndpointError, match="another router answers there"):
        await AdminServer(router, Admin(socket=str(path))).start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        async with session.get("http://localhost/livez") as response:
            assert response.status == 200


async def test_another_file_is_left_alone(router, path):
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(EndpointError, match="is not a socket"):
        await AdminServer(router, Admin(socket=str(path))).start()
    assert path.read_text() == "precious"


async def test_a_stranger_gets_403_and_nothing_else(server, path, monkeypatch):
    monkeypatch.setattr(guard, "peer_allowed", lambda sock, admin: False)
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"g.acme" not in answer


@pytest.mark.parametrize(
    ("admin", "allowed"),
    [
        (Admin(), False),
        (Admin(allow_uids=(4711,)), True),
        (Admin(allow_uids=(4712,)), False),
        (Admin(allow_gids=(4713,)), True),
        (Admin(allow_gids=(4714,)), False),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_peer_credentials_decide(admin, allowed, monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o711)  # noqa: S103 - the other user must reach the socket
        name = f"{directory}/s"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(name)
            os.chmod(name, 0o666)  # noqa: S103
            listening.listen()
            child = os.fork()
            if child == 0:
                os.setgroups([4713])
                os.setgid(4715)
                os.setuid(4711)
                with socket.socket(socket.AF_UNIX) as stranger:
                    stranger.connect(name)
                    stranger.recv(1)
                os._exit(0)
            accepted, _ = listening.accept()
            with accepted:
                assert guard.peer_allowed(accepted, admin) is allowed
            os.waitpid(child, 0)


async def test_connections_are_capped(server, path, monkeypatch):
    monkeypatch.setattr(guard, "CONNECTIONS_MAX", 3)
    held = [await asyncio.open_unix_connection(str(path)) for _ in range(3)]
    reader, extra = await asyncio.open_unix_connection(str(path))
    assert (await reader.read()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    extra.close()
    held.pop()[1].close()
    async with asyncio.timeout(5):
        while len(server.connections.open) > 2:
            await asyncio.sleep(0.01)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        async with session.get("http://localhost/livez") as response:
            assert response.status == 200
    for _, writer in held:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTT", b"POST /v1/ping HTTP/1.1\r\nHost: x\r\n"])
async def test_a_slow_client_is_cut(server, path, monkeypatch, sent):
    monkeypatch.setattr(guard, "DEADLINE_S", 0.1)
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    async with asyncio.timeout(3):
        with pytest.raises(ConnectionResetError):
            if await reader.read() == b"":
                raise ConnectionResetError
    writer.close()


async def test_tcp_wants_the_token_except_for_health(router, path):
    admin = Admin(socket=str(path), listen="127.0.0.1:0", token=Secret("planted"))
    server = AdminServer(router, admin)
    await server.start()
    base = "http://{}:{}".format(*server.tcp_address)
    try:
        async with aiohttp.ClientSession() as session:
            for headers, status in [
                ({}, 401),
                ({"Authorization": "Bearer wrong"}, 401),
                ({"Authorization": "Basic planted"}, 401),
                ({"Authorization": "Bearer plant\u00e9d"}, 401),
                ({"Authorization": "bearer  planted"}, 200),
            ]:
                async with session.get(base + "/v1/status", headers=headers) as response:
                    assert response.status == status
                    assert status != 401 or response.headers["WWW-Authenticate"] == "Bearer"
            for name in ("/livez", "/readyz", "/healthz"):
                async with session.get(base + name) as response:
                    assert response.status == 200
            async with session.get(base + "/metrics") as response:
                assert response.status == 401
    finally:
        await server.stop()


async def test_tcp_refuses_a_host_name_that_a_web_page_chose(router, path):
    server = AdminServer(router, Admin(socket=str(path), listen="127.0.0.1:0"))
    await server.start()
    url = "http://{}:{}/v1/status".format(*server.tcp_address)
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                assert response.status == 200
            async with session.get(url, headers={"Host": "evil.example"}) as response:
                assert response.status == 421
    finally:
        await server.stop()


async def test_a_taken_port_is_named(router, path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        server = AdminServer(router, Admin(socket=str(path), listen=listen))
        with pytest.raises(EndpointError, match=f"admin.listen = {listen}"):
            await server.start()
        await server.stop()


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:7771", True),
        ("[::1]:7771", True),
        ("[::1]", True),
        ("localhost:7771", True),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_host_is_number(host, number):
    assert host_is_number(host) is number
