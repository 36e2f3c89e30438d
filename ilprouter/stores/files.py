"""The directory of a store: who may use it, and how its space is taken.

Owns the lock file, the check of the file system, the allocation. Must not know LMDB's calls nor
what is stored.
"""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from pathlib import Path

from ilprouter.errors import StoreCorruptError, StoreError, StoreFullError, StoreInUseError

__all__ = ["DirectoryLock", "HighWater", "allocate", "check_file_system", "flush_directory"]

# File systems on which a lock, a memory map or a flush does not mean what it means on a local disk.
REMOTE = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "ceph",
    "glusterfs",
    "afs",
    "fuse.sshfs",
    "lustre",
}


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
            raise StoreError(
                f"{directory} is on {kind}: the store needs a local file system (ext4, xfs)"
            )


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
    """Reserve `size` bytes of disk for a file, so that it cannot run out of space later. Raises
    StoreFullError, StoreError; the file is as large as before then."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_blocks * 512 < size:
            try:
                os.posix_fallocate(descriptor, 0, size)
                os.fsync(descriptor)
            except OSError:
                # What was reserved of it would only fill the disk.
                os.ftruncate(descriptor, status.st_size)
                raise
    except OSError as error:
        kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
        raise kind(f"cannot reserve {size} bytes for {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    flush_directory(path.parent)


def flush_directory(path: Path) -> None:
    """The names in a directory become durable. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class HighWater:
    """The number of the last transaction, in `<directory>/mark`, beside the store that it guards.

    It is written after each commit and never flushed: it may be behind the store after a power
    loss, and is never ahead of it. A store that is behind its mark has lost commits that others
    were told of: a damaged meta page (LMDB then takes the one before), or an old copy put back.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "mark"
        self._descriptor = -1

    def read(self) -> int:
        """0 when there is no mark. Raises StoreCorruptError when it is damaged."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        if len(raw) != 12 or zlib.crc32(raw[:8]) != int.from_bytes(raw[8:], "little"):
            raise StoreCorruptError(f"{self._path} is damaged")
        return int.from_bytes(raw[:8], "little")

    def open(self) -> None:
        """Keep the file open for `write`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)

    def write(self, number: int) -> None:
        """Raises OSError."""
        raw = number.to_bytes(8, "little")
        os.pwrite(self._descriptor, raw + zlib.crc32(raw).to_bytes(4, "little"), 0)

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
