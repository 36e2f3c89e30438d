"""Upkeep: a store that fills up is reported, grows, refuses in time, and resumes by itself (X1)."""

import asyncio

import pytest

from ilprouter.errors import StoreFullError
from ilprouter.ledger import GroupCommitter, upkeep
from ilprouter.ledger.upkeep import Upkeep
from ilprouter.stores.base import Usage
from ilprouter.stores.memory import MemoryStore
from tests.helpers.ledgers import CountingBarrier, ledger_over, pay


class SmallStore(MemoryStore):
    """A store whose fullness is set by the test; it grows when there is space."""

    used, size, space = 0, 1000, True

    def usage(self):
        return Usage(self.used, self.size)

    def grow(self):
        if not self.space:
            raise StoreFullError("no space left on device")
        self.size += self.size // 2


@pytest.fixture
async def running():
    store = SmallStore()
    store.open()
    ledger = ledger_over(store)
    committer = GroupCommitter(
        ledger.journal, CountingBarrier(), asyncio.get_running_loop(), interval_ms=0
    )
    committer.start()
    told: list[bool] = []
    watched = Upkeep(committer, asyncio.get_running_loop(), told.append)
    watched.start()
    yield store, ledger, watched, told
    watched.stop()
    await committer.close()


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come")


async def test_alarms_come_once_each_and_the_second_lets_the_store_grow(running, caplog):
    store, _, watched, told = running
    for used, level in ((699, 0), (700, 1), (701, 1), (850, 2)):
        store.used = used
        watched.watch()
        assert watched.level == level
    await until(lambda: store.size == 1500)
    watched.watch()
    assert watched.level == 0
    assert told == []
    levels = [record.levelname for record in caplog.records if "fills up" in record.message]
    assert levels == ["WARNING", "ERROR"]


async def test_a_full_store_refuses_until_space_appears(running, monkeypatch):
    store, _, watched, told = running
    monkeypatch.setattr(upkeep, "SPACE_S", 0.01)
    monkeypatch.setattr(upkeep, "GROW_S", 0.05)
    store.space, store.used = False, 960
    watched.watch()
    assert told == [True]
    await asyncio.sleep(0.2)
    assert told == [True] and store.size == 1000
    store.space = True
    await until(lambda: told == [True, False])
    assert store.size == 1500


async def test_idle_leases_shrink_and_the_smaller_ones_are_durable(running, monkeypatch):
    _, ledger, watched, _ = running
    monkeypatch.setattr(upkeep, "SHRINK_S", 0.01)
    assert ledger.book.hold_out(1, 100_000) == 1
    await watched._committer.durable()
    before = ledger.book.account(1)["lease"]
    assert before >= 100_000
    watched.shrink()
    await until(lambda: ledger.book.account(1)["lease"] <= 1024)
    pay(ledger, 0, 1, 10, 10)
    await watched._committer.durable()
    assert ledger.book.account(1)["fulfilled_out"] == 10
