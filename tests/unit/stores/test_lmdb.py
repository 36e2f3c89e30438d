"""LmdbStore beyond the common suite: one instance, known schema, reserved space, damage seen."""

import os
import struct
import subprocess
import sys
import zlib

import lmdb
import pytest

from ilprouter.errors import StoreCorruptError, StoreError, StoreFullError, StoreInUseError
from ilprouter.stores.base import Batch
from ilprouter.stores.lmdb import IDENTITY, LmdbStore

SIZE = 4 << 20


def put(table, key, value):
    change = Batch()
    change.put(table, [(key, value)])
    return change


@pytest.fixture
def path(tmp_path):
    store = LmdbStore(tmp_path / "books", size=SIZE)
    store.open()
    for number in range(5):
        store.commit(put("row", b"k", b"%d" % number))
    store.close()
    return store.directory


def reopen(path, **options):
    store = LmdbStore(path, size=SIZE, **options)
    store.open()
    return store


def test_the_directory_is_private_and_the_space_reserved(path):
    assert path.stat().st_mode & 0o777 == 0o700
    status = (path / "data.mdb").stat()
    assert status.st_size == SIZE
    assert status.st_blocks * 512 >= SIZE


def test_the_environment_is_fully_synchronous(path):
    store = reopen(path)
    flags = store._env.flags()
    assert flags["sync"] and flags["metasync"] and flags["lock"]
    assert not flags["writemap"] and not flags["map_async"]
    assert store._env.lib_version()[:2] == (0, 9)
    store.close()


def test_a_second_instance_is_refused(path):
    first = reopen(path)
    code = (
        "import sys; from ilprouter.errors import StoreInUseError\n"
        "from ilprouter.stores.lmdb import LmdbStore\n"
        "try: LmdbStore(sys.argv[1]).open()\n"
        "except StoreInUseError: sys.exit(42)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == 42
    with pytest.raises(StoreInUseError):
        reopen(path)
    with pytest.raises(StoreInUseError):
        reopen(path, readonly=True)
    first.close()
    reopen(path).close()


def test_a_newer_schema_is_refused(path):
    store = reopen(path)
    with store._env.begin(write=True) as txn:
        row = IDENTITY.pack(99, store.node_id, txn.id(), 0)[:-4]
        row += zlib.crc32(row).to_bytes(4, "little")
        txn.put(b"store", row, db=store._tables["meta"])
    store.close()
    with pytest.raises(StoreError, match="schema 99"):
        reopen(path)
    with pytest.raises(StoreError, match="schema 99"):
        reopen(path, readonly=True)


def test_the_identity_stays(path):
    store = reopen(path)
    node_id = store.node_id
    store.close()
    store = reopen(path, readonly=True)
    assert store.node_id == node_id and len(node_id) == 16
    store.close()


def test_a_write_past_the_store_is_seen(path):
    """Every commit stamps its own transaction number: a transaction without it is not ours."""
    store = reopen(path)
    with store._env.begin(write=True) as txn:
        txn.put(b"k", b"forged", db=store._tables["row"])
    store.close()
    with pytest.raises(StoreCorruptError, match="shows the state of transaction"):
        reopen(path)


@pytest.mark.parametrize("bit", [0, 1, 5, 40])
def test_a_damaged_meta_page_does_not_bring_back_the_state_before(path, bit):
    """LMDB takes the meta page with the higher number: a flipped bit there is a step back."""
    data = path / "data.mdb"
    store = reopen(path, readonly=True)
    number = store._env.info()["last_txnid"]
    store.close()
    with data.open("r+b") as file:
        # Page header, magic, version, address, map size, two trees, last page: then the number.
        file.seek(number % 2 * 4096 + 16 + 24 + 2 * 48 + 8)
        assert struct.unpack("<Q", file.read(8)) == (number,)
        file.seek(-8, os.SEEK_CUR)
        file.write(struct.pack("<Q", number ^ (1 << bit)))
    with pytest.raises(StoreCorruptError):
        reopen(path)


def test_an_older_copy_put_back_is_refused(path):
    older = (path / "data.mdb").read_bytes()
    store = reopen(path)
    store.commit(put("row", b"k", b"newer"))
    store.close()
    (path / "data.mdb").write_bytes(older)
    with pytest.raises(StoreCorruptError, match="an older state"):
        reopen(path)


def test_a_missing_mark_is_tolerated_and_a_damaged_one_is_not(path):
    (path / "mark").unlink()
    store = reopen(path)
    store.commit(put("row", b"k", b"v"))
    store.close()
    (path / "mark").write_bytes(b"\0" * 12)
    with pytest.raises(StoreCorruptError, match="mark is damaged"):
        reopen(path)


def no_space(path, size):
    raise StoreFullError(f"cannot reserve {size} bytes")


def test_full_is_its_own_error_and_leaves_the_last_commit(tmp_path, monkeypatch):
    """X1."""
    store = LmdbStore(tmp_path / "small", size=1 << 20)
    store.open()
    monkeypatch.setattr("ilprouter.stores.lmdb.allocate", no_space)
    with pytest.raises(StoreFullError):
        for number in range(1000):
            store.commit(put("doubt", b"%d" % number, os.urandom(20_000)))
    kept = store.commits
    store.close()
    store = LmdbStore(tmp_path / "small", size=1 << 20, readonly=True)
    store.open()
    assert len(store.read("doubt")) == kept > 0
    store.close()


def test_a_full_store_grows_and_the_same_batch_is_tried_once_more(tmp_path):
    store = LmdbStore(tmp_path / "small", size=1 << 20)
    store.open()
    for number in range(100):
        store.commit(put("doubt", b"%03d" % number, os.urandom(20_000)))
    assert store.size == (1 << 20) + (16 << 20)
    assert store.path.stat().st_blocks * 512 >= store.size
    store.close()
    store = LmdbStore(tmp_path / "small", size=1 << 20)
    store.open()
    assert len(store.read("doubt")) == 100
    assert store.usage().ratio < 0.5
    store.close()


def test_a_store_does_not_grow_under_a_reader(tmp_path, monkeypatch):
    monkeypatch.setattr("ilprouter.stores.lmdb.READERS_WAIT_S", 0.01)
    store = LmdbStore(tmp_path / "small", size=1 << 20)
    store.open()
    with store._reading(), pytest.raises(StoreFullError, match="while a copy is taken"):
        store.grow()
    assert store.size == 1 << 20
    store.grow()
    store.close()


@pytest.mark.parametrize("table", ["account", "idem", "outbox", "doubt"])
def test_a_damaged_item_is_refused_and_named(path, table):
    """Also where the item itself has no checksum: a flipped bit in a name is another account."""
    store = reopen(path)
    store.commit(put(table, b"alice", b"value"))
    with store._env.begin(write=True) as txn:
        stored = txn.pop(b"alice", db=store._tables[table])
        txn.put(b"alicf", stored, db=store._tables[table])
    for read in (lambda: store.read(table), lambda: store.get(table, b"alicf")):
        with pytest.raises(StoreCorruptError, match=f"table {table}: the item b'alicf' is damaged"):
            read()
    store.close()


def test_a_lost_data_file_is_not_taken_for_a_new_store(path):
    (path / "data.mdb").unlink()
    with pytest.raises(StoreCorruptError, match="is empty, but transaction"):
        reopen(path)


def test_readonly_creates_nothing(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        LmdbStore(tmp_path / "none", readonly=True).open()
    assert not (tmp_path / "none").exists()


def test_emergency_keeps_the_bytes_and_never_raises(path):
    store = reopen(path)
    store.emergency(b"group 7")
    store.emergency(b"group 8")
    assert (path / "unsaved.log").read_bytes() == b"\x07\0\0\0group 7\x07\0\0\0group 8"
    store.directory = path / "gone"
    store.emergency(b"nowhere")
    store.close()


def test_a_hanging_commit_keeps_the_lock(path, monkeypatch):
    """A fenced router closes its store while the commit still hangs in the other thread."""
    store = reopen(path)
    monkeypatch.setattr(store._mark, "write", lambda number: store.close())
    store.commit(put("row", b"k", b"v"))
    assert store.get("row", b"k") == b"v"
    with pytest.raises(StoreInUseError):
        reopen(path)
    store.close()
    reopen(path).close()


def test_a_mark_that_cannot_be_written_is_a_failed_commit(path):
    store = reopen(path)
    os.close(store._mark._descriptor)
    with pytest.raises(StoreError):
        store.commit(put("row", b"k", b"v"))
    store._mark._descriptor = -1
    store.close()


def test_garbage_is_refused(tmp_path):
    directory = tmp_path / "garbage"
    directory.mkdir()
    (directory / "data.mdb").write_bytes(os.urandom(3) * 20_000)
    with pytest.raises(StoreCorruptError):
        reopen(directory)


def test_an_empty_file_of_the_right_kind_is_not_a_ledger(tmp_path):
    directory = tmp_path / "other"
    directory.mkdir()
    with lmdb.open(str(directory), map_size=SIZE, max_dbs=2, lib_version=0) as env:
        for number in range(4):
            with env.begin(write=True) as txn:
                txn.put(b"meta%d" % number, b"x")
    with pytest.raises(StoreCorruptError):
        reopen(directory)
