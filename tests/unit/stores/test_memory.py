"""MemoryStore beyond the common suite: emergencies are kept, contents are copies."""

import pytest

from ilprouter.errors import StoreError
from ilprouter.stores.base import Batch
from ilprouter.stores.memory import MemoryStore


def test_contents_are_a_copy():
    store = MemoryStore({"row": {b"a": b"1"}})
    store.open()
    copy = store.contents()
    change = Batch()
    change.put("row", [(b"a", b"2")])
    store.commit(change)
    assert copy["row"] == {b"a": b"1"}
    assert store.contents()["row"] == {b"a": b"2"}


def test_emergencies_are_kept():
    store = MemoryStore()
    store.emergency(b"group")
    assert store.emergencies == [b"group"]


def test_it_opens_once():
    store = MemoryStore()
    store.open()
    with pytest.raises(StoreError):
        store.open()
