"""Stores for the ledger's tests."""

import pytest

from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore


@pytest.fixture
def memory_store():
    store = MemoryStore()
    store.open()
    return store


@pytest.fixture
def lmdb_store(tmp_path):
    store = LmdbStore(tmp_path / "books", size=8 << 20)
    store.open()
    yield store
    store.close()
