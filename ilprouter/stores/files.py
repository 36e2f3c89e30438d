"""The directory of a store: who may use it, and how its space is taken.

Owns the lock file, the check of the file system, the allocation. Must not know LMDB's calls nor what is stored.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ilprouter.errors import StoreCorruptError, StoreError, StoreFullError, StoreInUseError

__all__ = ["DirectoryLock", "allocate", "check_file_system", "last_txnids"]

# File systems on which a lock, a memory map or a flush does not mean what it means on a local disk.
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "fuse.sshfs", "lustre"}

PAGE_HEADER = 16  # LMDB 0.9: page header, then MDB_meta
META_PAGE_SIZE = PAGE_HEADER + 24  # md_pad of the first of two MDB_db, which holds the page size
META_TXNID = PAGE_HEADER + 24 + 2 * 48 + 8


def check_file_system(directory: Path, mounts: str = "/proc/self/mountinfo") -> None:
    """Refuse a directory on a network file system. Raises StoreError."""
    device = os.stat(directory).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path(mounts).read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[2] == name and (kind := fields[fields.index("-") + 1]) in REMOTE:
            raise StoreError(f"{directory} is on {kind}: the store needs a local file system (ext4, xfs)")


class DirectoryLock:
    """An exclusive lock on `<directory>/lock`, held until release or the death of the process."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock at once. Raises StoreInUseError when another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StoreInUseError(f"{self._path.parent} is in use by another instance") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def allocate(path: Path, size: int) -> None:
    """Reserve `size` bytes of disk for a file, so that it cannot run out of space later. Raises StoreFullError, StoreError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_blocks * 512 < size:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
    except OSError as error:
        kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
        raise kind(f"cannot reserve {size} bytes for {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)  # the file's name itself
    finally:
        os.close(directory)


def last_txnids(path: Path) -> tuple[int, int]:
    """The transaction numbers of the two meta pages of an LMDB 0.9 file: consecutive, the even one on page 0.

    Anything else means a damaged meta page, after which LMDB would quietly open the state before. Raises StoreCorruptError.
    """
    with path.open("rb") as file:
        first = file.read(META_TXNID + 8)
        page_size = int.from_bytes(first[META_PAGE_SIZE : META_PAGE_SIZE + 4], "little")
        file.seek(page_size)
        second = file.read(META_TXNID + 8)
    even, odd = (int.from_bytes(page[META_TXNID:], "little") for page in (first, second))
    if len(second) < META_TXNID + 8 or even % 2 or odd % 2 == 0 or abs(even - odd) != 1:
        raise StoreCorruptError(f"{path}: the meta pages carry transactions {even} and {odd}")
    return even, odd
