"""S8 and S9: what we order is debited once, sent with one key for ever, and never refunded."""

import asyncio
import uuid

import aiohttp
import msgspec
import pytest

from ilprouter.settlement import settler as settler_module
from ilprouter.settlement.outbox import FINISHED_MAX
from ilprouter.settlement.quantity import Quantity
from ilprouter.settlement.settler import KEY_TRUSTED_MS, PAUSE_MAX_S, PAUSE_MIN_S, pause_s
from ilprouter.stores.memory import MemoryStore
from tests.helpers.fake_engine import FakeEngine
from tests.helpers.settling import Node, peer

BALANCE = ", settle_threshold = 100, settle_to = 0"


@pytest.fixture
async def engine():
    async with FakeEngine() as made:
        yield made


@pytest.fixture
def store():
    made = MemoryStore()
    made.open()
    return made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(settler_module, "pause_s", lambda failures: 0.01)


async def until(condition, timeout=5.0):
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.002)


def orders(node, state=None):
    found = node.settlements.list()
    return [order for order in found if state in (None, order.state)]


def toml(engine, balance=BALANCE, settlement="", scale=9):
    return peer(balance=balance, engine=engine.url, settlement=settlement, scale=scale)


async def test_the_threshold_settles_by_itself(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine)) as node:
        node.owe(99)
        await asyncio.sleep(0.05)
        assert engine.seen == []
        node.owe(1)
        await until(lambda: orders(node, "done"))
        assert engine.paid() == 100
        assert node.ledger.describe("alice")["settled_out"] == 100
        assert node.ledger.describe("alice")["we_owe"] == 0
        node.owe(250)
        await until(lambda: len(orders(node, "done")) == 2)
        assert engine.paid() == 350
        assert len({key for _, key in engine.seen}) == 2
        assert all(uuid.UUID(key) for _, key in engine.seen)


async def test_settle_to_keeps_some_debt(tmp_path, store, engine):
    balance = ", settle_threshold = 100, settle_to = 30"
    async with Node(tmp_path, store, toml(engine, balance)) as node:
        node.owe(110)
        await until(lambda: engine.paid() == 80)
        assert node.ledger.describe("alice")["we_owe"] == 30


async def test_a_threshold_of_zero_prepays_at_the_start(tmp_path, store, engine):
    balance = ", settle_threshold = 0, settle_to = -500"
    async with Node(tmp_path, store, toml(engine, balance)) as node:
        await until(lambda: orders(node, "done"))
        assert engine.paid() == 500
        assert node.ledger.describe("alice")["we_owe"] == -500
    async with Node(tmp_path, store, toml(engine, balance)) as node:
        await asyncio.sleep(0.05)
        assert engine.paid() == 500, "prepaid once, not once for each start"


async def test_an_engine_with_coarser_units_gets_whole_ones_and_the_rest_stays_owed(
    tmp_path, store, engine
):
    balance = ", settle_threshold = 1000, settle_to = 0"
    async with Node(tmp_path, store, toml(engine, balance, ", scale = 6")) as node:
        node.owe(12_345)
        await until(lambda: orders(node, "done"))
        assert list(engine.settled.values()) == [("alice", 12, 6)]
        assert node.ledger.describe("alice")["we_owe"] == 345


async def test_time_settles_what_is_owed(tmp_path, store, engine):
    balance = ", settle_every_s = 3600"
    async with Node(tmp_path, store, toml(engine, balance)) as node:
        node.owe(7)
        settler = node.settlements.settlers["alice"]
        settler.timer.cancel()
        settler.set_timer()
        await asyncio.sleep(0.05)
        assert engine.seen == [], "not before the hour"
        node.now_ms += 3_600_000
        settler.timer.cancel()
        settler.set_timer()
        await until(lambda: orders(node, "done"))
        assert [order.why for order in orders(node)] == ["time"]
    async with Node(tmp_path, store, toml(engine, balance)) as node:
        node.owe(5)
        await asyncio.sleep(0.05)
        assert engine.paid() == 7, "the hour has been used"
    node = Node(tmp_path, store, toml(engine, balance))
    node.now_ms += 2 * 3_600_000
    async with node:
        await until(lambda: engine.paid() == 12)


async def test_by_hand(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine, "")) as node:
        node.owe(40)
        await node.committer.durable()
        path = "/v1/accounts/alice/settle"
        status, _ = await node.post(path, {"dry_run": True})
        assert (status, orders(node)) == (200, [])
        key = str(uuid.uuid4())
        assert (await node.post(path, {"id": key}))[0] == 200
        await until(lambda: orders(node, "done"))
        # The same order again, by its id, is the same order; without one there is nothing owed.
        assert (await node.post(path, {"id": key}))[0] == 200
        assert (await node.post(path, {}))[0] == 409
        assert (await node.post(path, {"amount": "60"}))[0] == 200
        await until(lambda: engine.paid() == 100)
        assert node.ledger.describe("alice")["we_owe"] == -60
        for body, expected in (
            ({"amount": "-1"}, 409),
            ({"amount": "0"}, 409),
            ({"amount": str(2**64)}, 422),
            ({"id": "no uuid"}, 409),
            ({"amount": 5}, 400),
            ({"sum": "5"}, 400),
        ):
            assert (await node.post(path, body))[0] == expected, body
        assert (await node.post("/v1/accounts/nobody/settle", {}))[0] == 404
        assert engine.paid() == 100


async def test_s8_debit_and_order_are_durable_before_the_first_request(tmp_path, store, engine):
    """At each request the store as it is then, opened by another router, knows the order."""
    rows = []

    class Witness(FakeEngine):
        async def settle(self, request):
            rows.append(store.contents())
            return await super().settle(request)

    async with Witness() as witness, Node(tmp_path, store, toml(witness)) as node:
        node.owe(100)
        await until(lambda: orders(node, "done"))
    crashed = MemoryStore(rows[0])
    crashed.open()
    async with Node(tmp_path, crashed, toml(engine)) as node:
        assert node.ledger.describe("alice")["settled_out"] == 100
        [order] = orders(node)
        assert (order.state, order.id, order.in_doubt) == ("sent", witness.seen[0][1], True)


STEPS = ["pay", "pay, then 500", "pay, then hang", "hang", "down", "refuse"]


@pytest.mark.parametrize("mode", STEPS)
async def test_s8_a_crash_at_any_commit_pays_once(tmp_path, mode):
    """Every durable state of a run, each with what the engine saw and paid until the next one."""
    moments = []
    async with FakeEngine() as engine:

        class Recorder(MemoryStore):
            def commit(self, batch):
                if self.commits:
                    moments.append((self.contents(), list(engine.seen), dict(engine.settled)))
                super().commit(batch)

        store = Recorder()
        store.open()
        config = toml(engine)
        engine.mode = {"down": "pay", "refuse": "503"}.get(mode, mode)
        async with Node(tmp_path, store, config) as node:
            await until(lambda: "alice" in engine.accounts)
            if mode == "down":
                await engine.stop()
            node.owe(100)
            await until(lambda: orders(node))
            await asyncio.sleep(0.05)
        moments.append((store.contents(), list(engine.seen), dict(engine.settled)))
        if mode == "down":
            await engine.start()
        assert len(moments) > 3
        ordered = 0
        for contents, seen, settled in moments:
            crashed = MemoryStore(contents)
            crashed.open()
            engine.mode, engine.settled = "pay", settled
            async with Node(tmp_path, crashed, config) as node:
                known = {order.id for order in orders(node)}
                assert {key for _, key in seen} <= known, "a request before its order was durable"
                if not node.ledger.describe("alice")["fulfilled_out"]:
                    continue  # a crash before there was anything to settle
                await until(lambda node=node: not node.settlements.outbox.open)
                assert node.ledger.describe("alice")["we_owe"] == 0
                assert len(orders(node)) == 1
                assert engine.paid() == 100, "paid once, before the crash or after it"
                ordered += 1
        assert ordered > 1


async def test_s8_an_answer_500_after_paying_pays_once(tmp_path, store, engine):
    engine.mode = "pay, then 500"
    async with Node(tmp_path, store, toml(engine)) as node:
        node.owe(100)
        await until(lambda: len(engine.seen) > 3)
        assert orders(node, "sent")[0].in_doubt
        engine.mode = "pay"
        await until(lambda: orders(node, "done"))
    assert len(set(engine.seen)) == 1
    assert engine.paid() == 100


async def test_s9_an_engine_that_is_down_stops_nothing(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine)) as node:
        await until(lambda: "alice" in engine.accounts)
        await engine.stop()
        node.owe(100)
        await until(lambda: orders(node) and orders(node)[0].reason)
        for _ in range(5):
            node.owe(100)
            await node.committer.durable()
        # During an attempt it counts as sent; that nobody was reached takes this back.
        await until(lambda: orders(node, "queued"))
        [order] = orders(node)
        assert (order.amount, order.in_doubt) == ("100", False)
        # Debt that is not ordered stays debt, for the limits to see.
        assert node.ledger.describe("alice")["we_owe"] == 500
        await engine.start()
        await until(lambda: len(orders(node, "done")) == 2)
        assert engine.paid() == 600
        assert node.ledger.describe("alice")["we_owe"] == 0
        assert order.id == engine.seen[0][1]


def test_s9_pauses_have_full_jitter_up_to_an_hour():
    for failures in (1, 5, 16, 10_000):
        bound = min(PAUSE_MAX_S, PAUSE_MIN_S * 2**failures) if failures < 100 else PAUSE_MAX_S
        drawn = [pause_s(failures) for _ in range(2000)]
        assert all(PAUSE_MIN_S <= seconds <= bound for seconds in drawn)
        assert max(drawn) > 0.9 * bound
    assert min(pause_s(16) for _ in range(2000)) < PAUSE_MAX_S / 10


@pytest.mark.parametrize("status", ["400", "404", "409"])
async def test_a_definite_refusal_parks_and_is_never_refunded(tmp_path, store, engine, status):
    engine.mode = status
    async with Node(tmp_path, store, toml(engine)) as node:
        node.owe(100)
        await until(lambda: orders(node, "parked"))
        asked = len(engine.seen)
        node.owe(100)
        await asyncio.sleep(0.05)
        assert len(engine.seen) == asked
        assert node.ledger.describe("alice")["settled_out"] == 100
        [order] = orders(node)
        assert status in order.reason
    engine.mode = "pay"
    async with Node(tmp_path, store, toml(engine)) as node:
        await asyncio.sleep(0.05)
        assert orders(node, "parked"), "a person decides, not a restart"
        assert (await node.post(f"/v1/settlements/{order.id}/retry", {}))[0] == 200
        await until(lambda: len(orders(node, "done")) == 2)
    assert {key for _, key in engine.seen[:asked]} == {order.id}
    assert engine.paid() == 200


async def test_an_engine_that_lost_its_accounts_gets_them_again(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine)) as node:
        await until(lambda: "alice" in engine.accounts)
        engine.accounts.clear()
        node.owe(100)
        await until(lambda: orders(node, "done"))
    assert engine.created == ["alice", "alice"]
    assert len(set(engine.seen)) == 1
    assert engine.paid() == 100


async def test_an_order_in_doubt_for_too_long_is_parked(tmp_path, store, engine):
    engine.mode = "pay, then 500"
    async with Node(tmp_path, store, toml(engine)) as node:
        node.owe(100)
        await until(lambda: engine.seen)
    engine.mode = "pay"
    asked = len(engine.seen)
    node = Node(tmp_path, store, toml(engine))
    node.now_ms += KEY_TRUSTED_MS + 1
    async with node:
        await until(lambda: orders(node, "parked"))
        assert len(engine.seen) == asked


async def test_a_standby_takes_over_what_no_engine_has_seen(tmp_path, store, engine):
    async with FakeEngine() as standby:
        extra = f', standby_engines = ["{standby.url}"]'
        async with Node(tmp_path, store, toml(engine, settlement=extra)) as node:
            await until(lambda: "alice" in engine.accounts and "alice" in standby.accounts)
            await engine.stop()
            node.owe(100)
            await until(lambda: orders(node, "done"))
            assert (engine.paid(), standby.paid()) == (0, 100)
            await engine.start()
            node.owe(100)
            await until(lambda: len(orders(node, "done")) == 2)
            assert (engine.paid(), standby.paid()) == (100, 100), "the active one comes first again"


@pytest.mark.parametrize("shared", [False, True])
async def test_an_order_in_doubt_changes_engines_only_when_they_share_keys(
    tmp_path, store, engine, shared
):
    async with FakeEngine() as standby:
        standby.settled = engine.settled  # one ledger behind both
        extra = f', standby_engines = ["{standby.url}"]'
        extra += ", engines_share_state = true" if shared else ""
        engine.mode = "pay, then 500"
        async with Node(tmp_path, store, toml(engine, settlement=extra)) as node:
            node.owe(100)
            await until(lambda: orders(node) and engine.seen)
            await engine.stop()
            await asyncio.sleep(0.1)
            assert bool(standby.seen) is shared
            assert len(orders(node, "done")) == shared
    assert len({key for _, key in engine.seen + standby.seen}) == 1
    assert engine.paid() == 100


async def test_the_engine_is_shown_our_token(tmp_path, store, engine):
    config = toml(engine, settlement=', outgoing_token = "token-of-ours"')
    async with Node(tmp_path, store, config) as node:
        node.owe(100)
        await until(lambda: orders(node, "done"))
    assert engine.tokens == {"Bearer token-of-ours"}


async def test_capacity_lowers_what_we_may_owe_while_it_is_fresh(tmp_path, store, engine):
    config = toml(engine, ", settle_threshold = 100, settle_to = 0, we_owe_limit = 5000")
    async with Node(tmp_path, store, config) as node:
        number = node.ledger.account("alice").number

        def limit():
            return node.ledger.book.account(number)["own_limit"]

        async def push(amount, ttl_ms):
            path = "/v1/accounts/alice/capacity"
            body = {"amount": amount, "ttl_ms": ttl_ms}
            return (await node.post(path, body, method="PUT"))[0]

        assert await push("1000", 60_000) == 204
        assert limit() == 1000
        assert node.settlements.capacities.ages().keys() == {"alice"}
        node.owe(100)
        await until(lambda: orders(node, "done"))
        assert limit() == 900, "the order uses up what the engine had"
        assert await push("9000", 60_000) == 204
        assert limit() == 5000, "never more than the configuration"
        assert await push("0", 50) == 204
        assert limit() == 0
        await until(lambda: limit() == 5000)
        assert node.settlements.capacities.ages() == {}
        for amount, ttl_ms in (("-1", 10), ("1", 0), ("1", 10**9), (1, 10)):
            assert await push(amount, ttl_ms) == 400


async def test_a_record_of_a_peer_that_was_removed_ends_quietly(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine)) as node:
        node.settlements.push_capacity("alice", 10, 20)
        node.settlements.take_up(node.config, msgspec.structs.replace(node.config, peers=()))
        await until(lambda: not node.settlements.settlers)
        await until(lambda: node.settlements.capacities.ages() == {})
        assert (await node.post("/v1/accounts/alice/settle", {}))[0] == 404


async def test_the_list_shows_states_and_forgets_the_oldest(tmp_path, store, engine):
    async with Node(tmp_path, store, toml(engine, "")) as node:
        outbox, account = node.settlements.outbox, node.ledger.account("alice")
        for _ in range(FINISHED_MAX + 5):
            order = outbox.order(account, 1, Quantity(1, 9), "hand")
            outbox.change(order, state="done")
            if order.seq % 100 == 0:
                await outbox.durable()
        await outbox.durable()
        await node.post("/v1/accounts/alice/settle", {"amount": "1"})
        await until(lambda: not outbox.open)
        await outbox.durable()
        assert len(outbox.orders) == len(store.read("outbox")) == FINISHED_MAX
        url = "http://localhost/v1/settlements"
        async with node.session.get(url) as answer:
            assert len((await answer.json())["settlements"]) == FINISHED_MAX


async def test_orders_of_a_peer_without_engine_are_kept(tmp_path, store, engine):
    engine.mode = "503"
    async with Node(tmp_path, store, toml(engine)) as node:
        node.owe(100)
        await until(lambda: engine.seen)
    async with Node(tmp_path, store, peer(engine=None)) as node:
        [order] = orders(node)
        assert [orphan.id for orphan in node.settlements.orphans()] == [order.id]
        status, _ = await node.post(f"/v1/settlements/{order.id}/retry", {})
        assert status == 409


async def test_an_engine_that_speaks_ends_the_pause(tmp_path, store, engine, monkeypatch):
    monkeypatch.setattr(settler_module, "pause_s", lambda failures: 3600)
    async with Node(tmp_path, store, toml(engine)) as node:
        await until(lambda: "alice" in engine.accounts)
        await engine.stop()
        node.owe(100)
        await until(lambda: orders(node) and orders(node)[0].reason)
        await engine.start()
        with pytest.raises(TimeoutError):
            await until(lambda: orders(node, "done"), 0.2)
        assert (await node.notify("1"))[0] == 201
        await until(lambda: orders(node, "done"))
        assert isinstance(node.session, aiohttp.ClientSession)
