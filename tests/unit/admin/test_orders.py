"""Orders over a real socket: what reaches the router, what is refused first, what is told."""

import json
import tempfile
import time
from pathlib import Path

import aiohttp
import pytest

from ilprouter.admin.body import decode
from ilprouter.admin.openapi import document
from ilprouter.admin.problems import ProblemError
from ilprouter.admin.server import AdminServer
from ilprouter.admin.table import OPERATIONS
from ilprouter.config import Admin, Secret
from ilprouter.errors import ConfigError, StoreError

from .fake import FakeRouter


@pytest.fixture
async def router():
    return FakeRouter()


@pytest.fixture
async def server(router):
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        server = AdminServer(router, Admin(socket=str(Path(directory) / "admin.sock")))
        await server.start()
        yield server
        await server.stop()


@pytest.fixture
async def session(server):
    connector = aiohttp.UnixConnector(server.admin.socket)
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session


ORDERS = [
    ("POST", "/v1/peers", {"name": "x"}, ("add_peer", {"name": "x"})),
    ("PUT", "/v1/peers/x", {"a": 1}, ("put_peer", "x", {"a": 1})),
    ("PATCH", "/v1/peers/x", {"a": None}, ("patch_peer", "x", {"a": None})),
    ("DELETE", "/v1/peers/x", None, ("remove_peer", "x")),
    ("POST", "/v1/peers/x/drain", None, ("drain_peer", "x", True)),
    ("POST", "/v1/peers/x/undrain", None, ("drain_peer", "x", False)),
    ("POST", "/v1/accounts/x/freeze", None, ("freeze", "x", True)),
    ("POST", "/v1/accounts/x/unfreeze", None, ("freeze", "x", False)),
    ("POST", "/v1/routes", {"prefix": "", "peer": "x"}, ("put_route", "", "x")),
    ("DELETE", "/v1/routes?prefix=g.x", None, ("remove_route", "g.x")),
    ("PUT", "/v1/rates", {"rates": []}, ("put_rates", ())),
    ("POST", "/v1/reload", None, ("reload",)),
    ("POST", "/v1/drain", None, ("drain", True)),
    ("POST", "/v1/undrain", None, ("drain", False)),
    ("POST", "/v1/doubts/00ff/resolve", {"note": "n"}, ("resolve_doubt", "00ff", "n")),
    ("PUT", "/v1/log-level", {"level": "debug"}, ("set_log_level", "debug")),
]


@pytest.mark.parametrize(("method", "path", "body", "order"), ORDERS)
async def test_each_order_reaches_the_router_once(session, router, method, path, body, order):
    headers = {"Content-Type": "application/json"}
    async with session.request(method, path, json=body or {}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["ETag"] == '"1-1"'
    assert router.orders == [order]
    dry = path + ("&" if "?" in path else "?") + "dry_run=true"
    async with session.request(method, dry, json=body or {}) as answer:
        assert answer.status == 200
    late = {**headers, "If-Match": '"1-0"'}
    async with session.request(method, path, json=body or {}, headers=late) as answer:
        assert answer.status == 412
    plain = {"Content-Type": "text/plain"}
    async with session.request(method, path, data=b"{}", headers=plain) as answer:
        assert answer.status == 415
    assert router.orders == [order]


async def test_every_operation_has_a_case_here():
    found = {
        (method, path.partition("?")[0].replace("/x", "/{name}").replace("00ff", "{id}"))
        for method, path, _, _ in ORDERS
    }
    wanted = {(item.method, item.path) for item in OPERATIONS if item.method != "GET"}
    assert wanted - found == {("POST", "/v1/ping")}


async def test_shows_of_one_thing(session):
    for path, status in (
        ("/v1/peers/alice", 200),
        ("/v1/peers/eve", 404),
        ("/v1/accounts/alice", 200),
        ("/v1/accounts/eve", 404),
        ("/v1/rates", 200),
        ("/v1/doubts", 200),
        ("/v1/log-level", 200),
        ("/v1/routes/trace?address=%FF%FE", 200),
        ("/v1/peers/%FF", 404),
    ):
        async with session.get(path) as answer:
            assert answer.status == status, (path, await answer.text())
    async with session.get("/v1/doubts?all=true") as answer:
        assert [doubt["note"] for doubt in (await answer.json())["doubts"]] == [None, "paid"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/status?verbose=1", "the query has 'verbose'; known here: none"),
        ("/v1/doubts?all=yes", "all is true or false"),
        ("/v1/doubts?dry_run=true", "the query has 'dry_run'; known here: all"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(session, path, detail):
    async with session.get(path) as answer:
        assert answer.status == 400 and (await answer.json())["detail"] == detail


async def test_a_refusal_of_the_configuration_says_where_and_what(session, router):
    async def add_peer(definition, how):
        error = ConfigError("f.toml", "peer[0].name", Secret("planted"), "a name")
        raise ProblemError(422, str(error), error)

    router.add_peer = add_peer
    async with session.post("/v1/peers", json={"name": "x"}) as answer:
        assert answer.status == 422
        found = await answer.json()
    assert {key: found[key] for key in ("file", "key", "value", "accepted")} == {
        "file": "f.toml",
        "key": "peer[0].name",
        "value": "(hidden)",
        "accepted": "a name",
    }
    assert "planted" not in str(found)


async def test_no_status_is_sent_when_nobody_knows_what_was_done(session, router):
    """The order may be on disk: an error status would promise that it is not."""

    async def freeze(name, frozen, how):
        raise StoreError("planted")

    router.freeze = freeze
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with session.post("/v1/accounts/x/freeze", json={}) as answer:
            assert answer.status is None


async def test_who_may_connect_changes_while_it_runs(router):
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        admin = Admin(socket=str(Path(directory) / "s"), listen="127.0.0.1:0", token=Secret("one"))
        server = AdminServer(router, admin)
        await server.start()
        base = "http://{}:{}".format(*server.tcp_address)
        try:
            async with aiohttp.ClientSession() as session:
                for token, status in (("one", 200), ("two", 401)):
                    headers = {"Authorization": f"Bearer {token}"}
                    async with session.get(f"{base}/v1/status", headers=headers) as answer:
                        assert answer.status == status
                server.configure(Admin(socket=admin.socket, token=Secret("two"), allow_uids=(7,)))
                for token, status in (("one", 401), ("two", 200)):
                    headers = {"Authorization": f"Bearer {token}"}
                    async with session.get(f"{base}/v1/status", headers=headers) as answer:
                        assert answer.status == status
            assert server.connections.admin.allow_uids == (7,)
        finally:
            await server.stop()


async def test_the_document_names_what_is_served(session):
    async with session.get("/v1/openapi.json") as answer:
        found = await answer.json()
    assert found == json.loads(json.dumps(document()))
    served = {(method.upper(), path) for path, item in found["paths"].items() for method in item}
    assert served == {(item.method, item.path) for item in OPERATIONS}
    for item in found["paths"].values():
        for operation in item.values():
            assert operation["summary"].endswith("."), operation
            assert "400" in operation["responses"]


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 1}', b'{"b": {"a": 1, "a": 2}}', b'[{"a": [], "a": []}]']
)
def test_a_name_that_comes_twice_is_refused(body):
    with pytest.raises(ProblemError, match="'a' comes twice"):
        decode(body, object)


def test_many_names_are_read_in_time():
    body = b"{" + b",".join(b'"%d":1' % number for number in range(6000)) + b',"7":1}'
    began = time.perf_counter()
    with pytest.raises(ProblemError, match="'7' comes twice"):
        decode(body, object)
    assert time.perf_counter() - began < 0.1
