"""One suite for every store: batches are atomic, tables ordered, commits are there again."""

import pytest

from ilprouter.errors import StoreError
from ilprouter.stores.base import TABLES, Batch
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore


class MemoryDisk:
    """Opens memory stores over the same contents."""

    def __init__(self, _path):
        self.last = MemoryStore()

    def open(self):
        self.last = MemoryStore(self.last.contents())
        self.last.open()
        return self.last


class LmdbDisk:
    """Opens LMDB stores in the same directory."""

    def __init__(self, path):
        self.path = path / "books"

    def open(self):
        store = LmdbStore(self.path, size=4 << 20)
        store.open()
        return store


@pytest.fixture(params=[MemoryDisk, LmdbDisk])
def disk(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture
def store(disk):
    store = disk.open()
    yield store
    store.close()


def batch(**tables):
    result = Batch()
    for table, items in tables.items():
        result.put(table, items)
    return result


def test_a_new_store_has_empty_tables(store):
    for table in TABLES:
        if table != "meta":
            assert list(store.read(table)) == []
    assert store.get("row", b"x") is None
    assert store.commits == 0


def test_puts_overwrite_and_reads_are_ordered(store):
    store.commit(batch(row=[(b"b", b"2"), (b"a", b"1")], house=[(b"h", b"")]))
    store.commit(batch(row=[(b"a", b"3")]))
    assert list(store.read("row")) == [(b"a", b"3"), (b"b", b"2")]
    assert store.get("house", b"h") == b""
    assert store.commits == 2


def test_deletes_tolerate_missing_keys(store):
    store.commit(batch(log=[(b"a", b"1"), (b"b", b"2")]))
    change = Batch()
    change.deletes["log"] = [b"a", b"zz"]
    store.commit(change)
    assert list(store.read("log")) == [(b"b", b"2")]


def test_deletes_come_before_puts(store):
    store.commit(batch(idem=[(b"a", b"1")]))
    change = batch(idem=[(b"a", b"2")])
    change.deletes["idem"] = [b"a"]
    store.commit(change)
    assert list(store.read("idem")) == [(b"a", b"2")]


def test_first_reads_only_so_many(store):
    store.commit(batch(idem=[(b"c", b"3"), (b"a", b"1"), (b"b", b"2")]))
    assert list(store.first("idem", 2)) == [(b"a", b"1"), (b"b", b"2")]
    assert list(store.first("idem", 9)) == list(store.read("idem"))
    assert list(store.first("outbox", 9)) == []


@pytest.mark.parametrize("keys", [[b"5"], [b"4"], [b"6", b"6"], [b"7", b"6"]])
def test_an_append_that_does_not_ascend_changes_nothing(store, keys):
    change = Batch()
    change.appends["log"] = [(b"5", b"five")]
    store.commit(change)
    wrong = batch(row=[(b"r", b"r")])
    wrong.appends["log"] = [(key, b"") for key in keys]
    with pytest.raises(StoreError):
        store.commit(wrong)
    assert list(store.read("log")) == [(b"5", b"five")]
    assert store.get("row", b"r") is None
    assert store.commits == 1


def test_contents_survive_a_reopen(disk):
    store = disk.open()
    store.commit(batch(doubt=[(b"k", b"v" * 1900)]))
    store.close()
    store.close()
    again = disk.open()
    assert list(again.read("doubt")) == [(b"k", b"v" * 1900)]
    again.close()


def test_a_closed_store_refuses_commits(store):
    store.close()
    with pytest.raises(StoreError):
        store.commit(batch(row=[(b"a", b"b")]))


def test_usage_is_within_the_size_and_growth_keeps_the_contents(store):
    store.commit(batch(row=[(b"a", b"b" * 1000)]))
    usage = store.usage()
    assert 1000 <= usage.used
    assert 0 <= usage.ratio < 1
    store.grow()
    assert store.get("row", b"a") == b"b" * 1000
