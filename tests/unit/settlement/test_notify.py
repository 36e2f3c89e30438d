"""S1 to S7: what an engine reports is credited once, exactly, and never answered wrongly."""

import asyncio
import json

import aiohttp
import pytest

from ilprouter.errors import StoreError
from ilprouter.settlement.idempotency import KEEP_MS, PURGE_ROWS_MAX
from ilprouter.settlement.quantity import Quantity
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore
from tests.helpers.ledgers import FaultyStore
from tests.helpers.settling import Node, peer

DAY_MS = 86_400_000
TWO = peer("alice") + peer("bob") + peer("carol", engine=None)


@pytest.fixture(params=["memory", "lmdb"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else LmdbStore(tmp_path / "b", size=8 << 20)
    made.open()
    yield made
    made.close()


async def test_a_settlement_is_credited_and_echoed(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        assert await node.notify("1000", 9) == (201, b'{"amount":"1000","scale":9}')
        assert node.settled_in() == 1000
        assert node.ledger.describe("alice")["peer_owes"] == -1000


async def test_s1_replay_at_once_has_one_effect(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        answers = [await node.notify() for _ in range(3)]
        assert answers == [(201, b'{"amount":"1000","scale":9}')] * 3
        assert node.settled_in() == 1000


async def test_s1_fifty_replays_together_have_one_effect(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        # The admin API takes 32 connections, so the requests share 25.
        await node.session.close()
        connector = aiohttp.UnixConnector(str(node.path), limit=25)
        node.session = aiohttp.ClientSession(connector=connector)
        answers = await asyncio.gather(*(node.notify() for _ in range(50)))
        assert set(answers) == {(201, b'{"amount":"1000","scale":9}')}
        assert node.settled_in() == 1000


async def test_s1_replays_while_the_first_is_not_durable_wait_for_it(tmp_path):
    store = FaultyStore(MemoryStore())
    store.open()
    async with Node(tmp_path, store, TWO) as node:
        store.gate.clear()
        requests = [asyncio.ensure_future(node.notify()) for _ in range(5)]
        done, _ = await asyncio.wait(requests, timeout=0.2)
        assert not done, "an answer left before its commit"
        assert node.settled_in() == 0
        store.gate.set()
        assert set(await asyncio.gather(*requests)) == {(201, b'{"amount":"1000","scale":9}')}
        assert node.settled_in() == 1000


@pytest.mark.parametrize("later_ms", [0, 25 * 3_600_000, 89 * DAY_MS])
async def test_s1_replay_after_restart_and_long_after(tmp_path, store, later_ms):
    async with Node(tmp_path, store, TWO) as node:
        first = await node.notify("1500", 10)
    async with Node(tmp_path, store, TWO) as node:
        node.now_ms += later_ms
        # Other formatting, same value: the same request.
        assert await node.notify("150", 9) == first
        assert node.settled_in() == 150


async def test_s1_a_key_lives_90_days_after_its_last_use(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        await node.notify(key="old")
        node.now_ms += 80 * DAY_MS
        await node.notify(key="old")
        node.now_ms += 80 * DAY_MS
        await node.notify(key="other")
        assert await node.notify(key="old") == (201, b'{"amount":"1000","scale":9}')
        assert node.settled_in() == 2000


async def test_old_keys_are_forgotten_a_few_at_a_time(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        for number in range(PURGE_ROWS_MAX + 10):
            await node.notify("1", key=f"key {number}")
        node.now_ms += KEEP_MS + 2 * 3_600_000
        await node.notify("1", key="new")
        assert len(store.read("idem")) == 10 + 1
        await node.notify("1", key="newer")
        assert len(store.read("idem")) == len(store.read("idem_used")) == 2


async def test_s2_same_key_for_something_else_is_a_conflict(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        await node.notify("1000")
        before = store.read("row")
        assert (await node.notify("1001"))[0] == 409
        assert (await node.notify("1000", 8))[0] == 409
        assert (await node.notify("1000", account="bob"))[0] == 409
        assert node.settled_in() == 1000
        assert node.settled_in("bob") == 0
        assert store.read("row") == before


async def test_s2_third_parties_cannot_use_up_each_others_keys(tmp_path, store):
    own = ', token = "engine-of-{}"'
    toml = peer("alice", settlement=own.format("a")) + peer("bob", settlement=own.format("b"))
    async with Node(tmp_path, store, toml) as node:
        assert (await node.notify("1"))[0] == 201
        assert (await node.notify("7", account="bob"))[0] == 201
        assert (await node.notify("7", account="bob"))[0] == 201
        assert (await node.notify("2"))[0] == 409
        assert (node.settled_in(), node.settled_in("bob")) == (1, 7)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}])
async def test_s3_a_key_is_needed(tmp_path, store, headers):
    async with Node(tmp_path, store, TWO) as node:
        path, body = "/accounts/alice/settlements", {"amount": "1", "scale": 9}
        assert (await node.post(path, body, headers))[0] == 400
        assert node.settled_in() == 0
        assert store.read("idem") == []


async def test_s3_a_key_of_255_bytes_is_taken(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        assert (await node.notify(key="k" * 255))[0] == 201


async def test_s3_a_key_of_ten_thousand_bytes_is_refused(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        assert (await node.notify(key="k" * 10_000))[0] == 400
        assert node.settled_in() == 0


async def test_s4_a_failed_commit_cuts_the_connection(tmp_path):
    inner = MemoryStore()
    inner.open()
    store = FaultyStore(inner, StoreError("planted"))
    node = Node(tmp_path, store, TWO)
    async with node:
        store.fail_at = store.calls + 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await node.notify()
        assert isinstance(node.fenced, StoreError)
        # Fenced: nothing that was asked before or is asked now gets any answer.
        with pytest.raises(aiohttp.ClientConnectionError):
            await node.notify()
        with pytest.raises(aiohttp.ClientConnectionError):
            await node.notify(key="k2")
        # What may have happened since is no error either: an operator's order is cut as well.
        with pytest.raises(aiohttp.ClientConnectionError):
            await node.post("/v1/accounts/alice/settle", {"amount": "5"})
    inner.close()
    inner.open()
    async with Node(tmp_path, inner, TWO) as node:
        assert (await node.notify())[0] == 201
        assert node.settled_in() == 1000


BAD = [
    b'{"amount":"-1","scale":9}',
    b'{"amount":"1e9","scale":9}',
    '{"amount":"٣","scale":9}'.encode(),
    b'{"amount":" 1","scale":9}',
    b'{"amount":"' + b"9" * 1_000_000 + b'","scale":9}',
    b'{"amount":"1","scale":256}',
    b'{"amount":"1","scale":-1}',
    b'{"amount":"1","scale":9.0}',
    b'{"amount":"1","scale":true}',
    b"[" * 100_000,
    b"[" * 1000,
    b'{"amount":"1","amount":"2","scale":9}',
    b'{"amount":"1","scale":9,"scale":9}',
    b'{"amount":1,"scale":9}',
    b'{"amount":"1","scale":NaN}',
    b'{"amount":"1"}',
    b"\xff\xfe{",
    b"",
    b"null",
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body[:24]))
async def test_s5_hostile_quantities_are_400(tmp_path, body):
    store = MemoryStore()
    store.open()
    async with Node(tmp_path, store, TWO) as node:
        began = asyncio.get_running_loop().time()
        status, answer = await node.post(
            "/accounts/alice/settlements", body, {"Idempotency-Key": "k"}
        )
        assert status == 400
        assert json.loads(answer)["status"] == 400
        assert asyncio.get_running_loop().time() - began < 1
        assert node.settled_in() == 0
        assert store.read("idem") == []


@pytest.mark.parametrize(
    ("amount", "scale"), [("1" + "0" * 40, 0), ("18446744073709551616", 9), ("18446744074", 0)]
)
async def test_s6_overflow_is_422(tmp_path, store, amount, scale):
    async with Node(tmp_path, store, TWO) as node:
        assert (await node.notify(amount, scale))[0] == 422
        assert node.settled_in() == 0
        # Nothing was kept: the key may be used for what fits.
        assert (await node.notify("1", 9))[0] == 201


async def test_s6_what_leaves_the_accounts_range_is_422(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        assert (await node.notify(str(2**62), key="most"))[0] == 201
        assert (await node.notify("1", key="more"))[0] == 422
        assert node.settled_in() == 2**62


async def test_s7_a_finer_scale_leaves_over_and_adds_up(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        await node.notify("905", 11, "a")
        assert (node.settled_in(), node.leftover()) == (9, Quantity(5, 11))
        assert store.read("settlement") != []
    async with Node(tmp_path, store, TWO) as node:
        assert node.leftover() == Quantity(5, 11)
        await node.notify("95", 11, "b")
        assert (node.settled_in(), node.leftover()) == (10, Quantity(0, 0))
        await node.notify("9", 255, "c")
        assert (node.settled_in(), node.leftover()) == (10, Quantity(9, 255))


async def test_zero_is_taken_and_changes_nothing(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        assert await node.notify("0") == (201, b'{"amount":"0","scale":9}')
        assert node.settled_in() == 0
        assert (await node.notify("1"))[0] == 409


@pytest.mark.parametrize("account", ["nobody", "carol"])
async def test_unknown_account_is_404(tmp_path, store, account):
    async with Node(tmp_path, store, TWO) as node:
        assert (await node.notify(account=account))[0] == 404
        assert store.read("idem") == []


async def test_a_key_of_an_account_whose_engine_is_gone_is_still_known(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        first = await node.notify()
    async with Node(tmp_path, store, peer("alice", engine=None)) as node:
        assert await node.notify() == first
        assert (await node.notify(key="new"))[0] == 404


async def test_other_types_are_415(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        body, key = b'{"amount":"1","scale":9}', {"Idempotency-Key": "k"}
        path = "/accounts/alice/settlements"
        assert (await node.post(path, body, key, "text/plain"))[0] == 415
        assert (await node.post("/accounts/alice/messages", body, key))[0] == 415


async def test_a_third_party_may_credit_so_much_a_day(tmp_path, store):
    toml = peer(settlement=", credit_max_per_day = 1000")
    async with Node(tmp_path, store, toml) as node:
        assert (await node.notify("600", key="a"))[0] == 201
        assert (await node.notify("401", key="b"))[0] == 403
        assert (await node.notify("400", key="c"))[0] == 201
        assert (await node.notify("600", key="a"))[0] == 201
        assert node.settled_in() == 1000
    async with Node(tmp_path, store, toml) as node:
        assert (await node.notify("1", key="d"))[0] == 403
        node.now_ms += DAY_MS
        assert (await node.notify("1", key="d"))[0] == 201
        node.now_ms -= DAY_MS
        assert (await node.notify("1000", key="e"))[0] == 403
        assert node.settled_in() == 1001


async def test_a_token_opens_its_own_account_over_tcp(tmp_path, store):
    toml = peer("alice", settlement=', token = "token-of-alice"') + peer("bob")
    async with Node(tmp_path, store, toml, listen=True, admin='token = "token-of-admin"') as node:
        host, port = node.server.tcp_address
        seen = {}
        async with aiohttp.ClientSession() as session:
            for account in ("alice", "bob", "nobody"):
                for token in (None, "token-of-alice", "token-of-admin", "wrong"):
                    headers = {"Idempotency-Key": f"{account} {token}"}
                    if token is not None:
                        headers["Authorization"] = f"Bearer {token}"
                    async with session.post(
                        f"http://{host}:{port}/accounts/{account}/settlements",
                        json={"amount": "1", "scale": 9},
                        headers=headers,
                    ) as answer:
                        seen[account, token] = answer.status
            headers = {"Authorization": "Bearer token-of-alice"}
            async with session.get(f"http://{host}:{port}/v1/settlements", headers=headers) as got:
                assert got.status == 401
        assert {pair for pair, status in seen.items() if status == 201} == {
            ("alice", "token-of-alice"),
            ("alice", "token-of-admin"),
            ("bob", "token-of-admin"),
        }
        assert seen["nobody", "token-of-admin"] == 404
        assert seen["nobody", "token-of-alice"] == seen["bob", "token-of-alice"] == 401


async def test_without_an_admin_token_the_engines_token_is_still_needed(tmp_path, store):
    toml = peer("alice", settlement=', token = "token-of-alice"') + peer("bob")
    async with Node(tmp_path, store, toml, listen=True) as node:
        host, port = node.server.tcp_address
        async with aiohttp.ClientSession() as session:
            for account, expected in (("alice", 401), ("bob", 201)):
                async with session.post(
                    f"http://{host}:{port}/accounts/{account}/settlements",
                    json={"amount": "1", "scale": 9},
                    headers={"Idempotency-Key": account},
                ) as answer:
                    assert answer.status == expected


async def test_messages_go_out_and_come_back(tmp_path, store):
    async with Node(tmp_path, store, TWO) as node:
        kind = "application/octet-stream"
        path = "/accounts/alice/messages"
        assert await node.post(path, b"hello", kind=kind) == (201, b"answer to hello")
        assert node.sent == [("alice", b"hello")]
        assert (await node.post(path, b"x" * 32_768, kind=kind))[0] == 413
        assert (await node.post("/accounts/carol/messages", b"x", kind=kind))[0] == 404
        assert len(node.sent) == 1
