"""A store is entirely of one version: up, down, refused, and never half-way."""

import pytest

from ilprouter.errors import StoreCorruptError, StoreError
from ilprouter.ledger import verify
from ilprouter.stores.base import SCHEMA_VERSION, TABLES
from ilprouter.stores.checksum import check, protect
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.schema import STEPS, Step, plan
from tests.helpers.ledgers import commit, ledger_over, pay

SIZE = 4 << 20


@pytest.fixture
def path(tmp_path):
    store = LmdbStore(tmp_path / "books", size=SIZE)
    store.open()
    ledger = ledger_over(store)
    pay(ledger, 0, 1, 100, 90)
    commit(ledger)
    store.close()
    return store.directory


def change(path, version):
    store = LmdbStore(path, schema=None)
    store.open()
    store.rewrite([rewrite for _, rewrite in plan(store.schema, version)], version)
    store.close()


def raw(path):
    store = LmdbStore(path, readonly=True, schema=None)
    store.open()
    with store._env.begin() as txn:
        items = {name: dict(txn.cursor(store._tables[name])) for name in TABLES}
    store.close()
    del items["meta"][b"store"]
    return items


def test_every_version_has_its_step():
    assert sorted(STEPS) == list(range(1, SCHEMA_VERSION))


def test_down_and_up_again_is_the_same_store(path):
    before, report = raw(path), verify(path)
    change(path, 1)
    assert raw(path)["row"][bytes(4)] == before["row"][bytes(4)][:-4]
    change(path, SCHEMA_VERSION)
    assert raw(path) == before
    assert verify(path) == report


def test_an_older_version_is_refused_with_what_to_do(path):
    change(path, 1)
    with pytest.raises(StoreError, match="has schema 1; bring it to 2 with `ilprouter store upg"):
        LmdbStore(path, size=SIZE).open()
    report = verify(path)
    assert not report["ok"] and "store upgrade" in report["problems"][0]["message"]


def test_a_step_that_fails_leaves_the_store_as_it_was(path):
    before = raw(path)

    def damaged(table, key, value):
        if table == "row":
            raise StoreCorruptError("no")
        return b""

    store = LmdbStore(path, schema=None)
    store.open()
    with pytest.raises(StoreCorruptError):
        store.rewrite([damaged], SCHEMA_VERSION + 1)
    store.close()
    assert raw(path) == before
    assert verify(path)["ok"]


def test_a_damaged_item_does_not_go_down_unseen(path):
    store = LmdbStore(path, size=SIZE)
    store.open()
    with store._env.begin(write=True) as txn:
        stored = bytearray(txn.get(b"bob", db=store._tables["account"]))
        stored[3] ^= 1
        txn.put(b"bob", bytes(stored), db=store._tables["account"])
        store._stamp(txn)
    store.close()
    with pytest.raises(StoreCorruptError, match="b'bob' is damaged"):
        change(path, 1)


def test_a_plan_names_what_changes_and_refuses_what_loses():
    steps = {
        1: Step("one", lambda table, key, value: value + b"1", lambda table, key, value: value),
        2: Step("two", lambda table, key, value: value + b"2", None),
    }
    ways = plan(1, 3, steps)
    assert [about for about, _ in ways] == ["1 -> 2: one", "2 -> 3: two"]
    value = b""
    for _, rewrite in ways:
        value = rewrite("row", b"k", value)
    assert value == b"12"
    assert [about for about, _ in plan(2, 1, steps)] == ["2 -> 1: without one"]
    with pytest.raises(StoreError, match="no way back from schema 3 to 2"):
        plan(3, 1, steps)
    with pytest.raises(StoreError, match="no way from schema 3 to 4"):
        plan(1, 4, steps)


def test_a_checksum_binds_value_key_and_table():
    stored = protect("row", b"k", b"value")
    assert check("row", b"k", stored) == b"value"
    for place in (("row", b"l"), ("log", b"k")):
        with pytest.raises(StoreCorruptError):
            check(*place, stored)
    for bit in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreCorruptError):
            check("row", b"k", bytes(damaged))
    with pytest.raises(StoreCorruptError):
        check("row", b"k", b"abc")
