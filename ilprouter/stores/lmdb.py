"""The durable store: LMDB 0.9 as py-lmdb bundles it, in full-sync mode, in a file that has its
final size from the start.

Owns the environment, its identity row and the translation of errors. Must not know what the tables
hold.

The identity row is rewritten by every commit with the number of its own transaction. A tree that is
older than its meta page (a damaged root, a damaged meta page) is thereby seen at the next open,
instead of being a quietly older balance.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from ilprouter.errors import StoreCorruptError, StoreError, StoreFullError
from ilprouter.stores.base import SCHEMA_VERSION, TABLES, Batch, Item, Usage
from ilprouter.stores.checksum import check, protect
from ilprouter.stores.files import DirectoryLock, HighWater, allocate, check_file_system
from ilprouter.stores.schema import Rewrite

__all__ = ["LmdbStore"]

SIZE_DEFAULT = 256 << 20
IDENTITY = struct.Struct(
    "<I16sQI"
)  # schema version, node id, transaction number, crc32 of the fields before
IDENTITY_KEY = b"store"
GROW_MIN = 16 << 20
READERS_WAIT_S = 1.0  # a map is replaced only while nobody reads in it


class LmdbStore:
    """One LMDB environment in its own directory.

    directory   created with mode 0700 when missing; on a local file system
    size        bytes of the file, reserved at first open; a larger file stays as large as it is
    readonly    read and check only: nothing is created, written or reserved (`ilprouter verify`)
    schema      version to expect; None: whatever it is, for `rewrite` and for telling it
    copied      the file is a copy that LMDB made: its transactions are counted from one again
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        size: int = SIZE_DEFAULT,
        readonly: bool = False,
        schema: int | None = SCHEMA_VERSION,
        copied: bool = False,
    ) -> None:
        self.directory = Path(directory)
        self.size = size
        self.readonly = readonly
        self.schema = schema
        self.copied = copied
        self.node_id = b""
        self.commits = 0
        self._writing = False
        self._readers = 0
        self._turn = threading.Condition()
        self._lock = DirectoryLock(self.directory)
        self._mark = HighWater(self.directory)
        self._env: lmdb.Environment | None = None
        self._tables: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """The data file."""
        return self.directory / "data.mdb"

    def open(self) -> None:
        """Lock, map, check. Raises StoreError (in use, newer schema, not a local disk),
        StoreCorruptError, StoreFullError."""
        if not self.readonly:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self.path.exists():
            raise StoreError(f"{self.path} does not exist")
        check_file_system(self.directory)
        self._lock.acquire()
        try:
            self._map()
            self._identify()
        except lmdb.Error as error:
            self.close()
            raise StoreCorruptError(f"{self.path}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _map(self) -> None:
        present = self.path.stat().st_size if self.path.exists() else 0
        self.size = max(self.size, present)
        # sync, metasync, writemap and map_async are the defaults spelled out: durability depends on
        # each of them. lib_version=0 is the 0.9 engine, also for a new file. A read-only open takes
        # no reader slot: the directory is locked.
        self._env = lmdb.open(
            str(self.directory),
            map_size=self.size,
            max_dbs=len(TABLES) + 4,
            max_readers=16,
            mode=0o600,
            readonly=self.readonly,
            lock=not self.readonly,
            create=not self.readonly,
            sync=True,
            metasync=True,
            writemap=False,
            map_async=False,
            lib_version=0,
        )
        if not self.readonly:
            allocate(self.path, self.size)
            self._env.reader_check()

    def _identify(self) -> None:
        env = self._environment()
        fresh = env.stat()["entries"] == 0
        if fresh and self.readonly:
            raise StoreCorruptError(f"{self.path} holds no tables")
        if not fresh:
            self._tables["meta"] = env.open_db(b"meta", create=False)
            with env.begin(db=self._tables["meta"]) as txn:
                self._check_identity(txn.get(IDENTITY_KEY))
        elif (mark := self._mark.read()) > 0:
            raise StoreCorruptError(f"{self.path} is empty, but transaction {mark} was committed")
        self.schema = self.schema or SCHEMA_VERSION
        self.node_id = self.node_id or secrets.token_bytes(16)
        if self.readonly:
            self._tables = {name: env.open_db(name.encode(), create=False) for name in TABLES}
            return
        self._mark.open()
        with env.begin(write=True) as txn:
            self._tables = {name: env.open_db(name.encode(), txn=txn) for name in TABLES}
            if fresh:
                self._stamp(txn)

    def _check_identity(self, row: bytes | None) -> None:
        if (
            row is None
            or len(row) != IDENTITY.size
            or zlib.crc32(row[:-4]) != IDENTITY.unpack(row)[3]
        ):
            raise StoreCorruptError(f"{self.path}: the identity row is missing or damaged")
        version, self.node_id, txnid, _ = IDENTITY.unpack(row)
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema {version}; this ilprouter knows up to {SCHEMA_VERSION}"
            )
        if self.schema not in (None, version):
            raise StoreError(
                f"{self.path} has schema {version}; bring it to {self.schema} with "
                "`ilprouter store upgrade`"
            )
        self.schema = version
        if self.copied:
            return
        last = self._environment().info()["last_txnid"]
        if txnid != last:
            raise StoreCorruptError(
                f"{self.path}: transaction {last} shows the state of transaction {txnid}"
            )
        if (mark := self._mark.read()) > last:
            raise StoreCorruptError(
                f"{self.path} is at transaction {last}, but {mark} was committed: an older state"
            )

    def _stamp(self, txn: lmdb.Transaction[bytes]) -> None:
        row = IDENTITY.pack(self.schema, self.node_id, txn.id(), 0)[:-4]
        txn.put(IDENTITY_KEY, row + zlib.crc32(row).to_bytes(4, "little"), db=self._tables["meta"])

    def _environment(self) -> lmdb.Environment:
        if self._env is None:
            raise StoreError("the store is closed")
        return self._env

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Environment]:
        """The map stays where it is while anyone is in here."""
        with self._turn:
            self._readers += 1
        try:
            yield self._environment()
        finally:
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value, or None."""
        with self._reading() as env, env.begin(db=self._tables[table]) as txn:
            stored = txn.get(key)
        return None if stored is None else check(table, key, stored)

    def read(self, table: str) -> Sequence[Item]:
        """Every item of a table, by ascending key."""
        try:
            with (
                self._reading() as env,
                env.begin(db=self._tables[table]) as txn,
                txn.cursor() as cursor,
            ):
                stored: list[Item] = list(cursor)
        except lmdb.Error as error:
            raise StoreCorruptError(f"{self.path}: table {table}: {error}") from error
        return [
            (key, check(table, key, value))
            for key, value in stored
            if key != IDENTITY_KEY or table != "meta"
        ]

    def first(self, table: str, count: int) -> Sequence[Item]:
        """The first `count` items of a table, by ascending key."""
        with (
            self._reading() as env,
            env.begin(db=self._tables[table]) as txn,
            txn.cursor() as cursor,
        ):
            stored = list(itertools.islice(cursor, count))
        return [(key, check(table, key, value)) for key, value in stored]

    def commit(self, batch: Batch) -> None:
        """Apply a batch and flush it, data first, then the meta page. Raises StoreFullError,
        StoreError; see `Store.commit`.

        The whole transaction runs on the calling thread; the GIL is released while it waits for the
        disk.
        """
        self._writing = True
        try:
            try:
                number = self._write(batch)
            except lmdb.MapFullError:
                # LMDB looks for pages before it writes the first one: nothing of this was written.
                self.grow()
                number = self._write(batch)
            self._mark.write(number)
        except OSError as error:
            raise StoreError(f"{self.directory}: {error}") from error
        except lmdb.Error as error:
            full = (
                isinstance(error, (lmdb.MapFullError, lmdb.DiskError)) or error.code == errno.ENOSPC
            )
            raise (StoreFullError if full else StoreError)(f"{self.path}: {error}") from error
        finally:
            self._writing = False
        self.commits += 1

    def _write(self, batch: Batch) -> int:
        """One transaction, flushed; returns its number."""
        with self._environment().begin(write=True) as txn:
            for table, keys in batch.deletes.items():
                for key in keys:
                    txn.delete(key, db=self._tables[table])
            for table, items in batch.puts.items():
                with txn.cursor(self._tables[table]) as cursor:
                    cursor.putmulti(protected(table, items))
            for table, items in batch.appends.items():
                with txn.cursor(self._tables[table]) as cursor:
                    done = cursor.putmulti(protected(table, items), append=True)
                    if done != (len(items), len(items)):
                        raise StoreError(f"{table}: an append must ascend")
            self._stamp(txn)
            number: int = txn.id()
        return number

    def grow(self) -> None:
        """Make the file larger by half, at least 16 MiB: first on the disk, then in the map. See
        `Store.grow`."""
        size = self.size + max(self.size // 2, GROW_MIN)
        allocate(self.path, size)
        with self._turn:
            if not self._turn.wait_for(lambda: self._readers == 0, READERS_WAIT_S):
                raise StoreFullError(f"{self.path} cannot grow while a copy is taken")
            self._environment().set_mapsize(size)
        self.size = size

    def rewrite(self, changes: Sequence[Rewrite], schema: int) -> None:
        """Give every item a new value in one transaction, then the store another version. It must
        be opened again before it is used. Raises StoreCorruptError, lmdb.Error."""
        with self._environment().begin(write=True) as txn:
            for table, handle in self._tables.items():
                with txn.cursor(handle) as cursor:
                    items: list[Item] = list(cursor)
                for key, value in items:
                    if table == "meta" and key == IDENTITY_KEY:
                        continue
                    for change in changes:
                        value = change(table, key, value)
                    txn.put(key, value, db=handle)
            self.schema = schema
            self._stamp(txn)
            number: int = txn.id()
        self._mark.write(number)

    def emergency(self, record: bytes) -> None:
        """Append the bytes to `unsaved.log` beside the data file, as well as is still possible.
        Never raises."""
        try:
            with (self.directory / "unsaved.log").open("ab") as file:
                file.write(len(record).to_bytes(4, "little") + record)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return

    def usage(self) -> Usage:
        """Bytes of pages ever used (LMDB reuses freed pages below that mark), and the size of the
        file."""
        with self._reading() as env:
            return Usage((env.info()["last_pgno"] + 1) * env.stat()["psize"], self.size)

    def close(self) -> None:
        """Unmap and unlock. Safe to call twice.

        A commit that hangs in another thread keeps the map and the lock until the process ends:
        taking them away would not stop it, and another instance could write beside it.
        """
        if self._writing:
            return
        if self._env is not None:
            self._env.close()
            self._env = None
        self._tables = {}
        self._mark.close()
        self._lock.release()


def protected(table: str, items: Iterable[Item]) -> list[Item]:
    """Items as they are stored."""
    return [(key, protect(table, key, value)) for key, value in items]
