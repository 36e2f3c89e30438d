"""The store's directory: local only, one owner, space that is really there, a mark that tells."""

import errno
import os

import pytest

from ilprouter.errors import StoreCorruptError, StoreError, StoreFullError, StoreInUseError
from ilprouter.stores.files import DirectoryLock, HighWater, allocate, check_file_system


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p"])
def test_network_file_systems_are_refused(tmp_path, kind):
    device = os.stat(tmp_path).st_dev
    mounts = tmp_path / "mountinfo"
    line = f"24 1 {os.major(device)}:{os.minor(device)} / /data rw,relatime shared:1 - %s src rw\n"
    mounts.write_text("23 1 0:1 / /proc rw - proc proc rw\n" + line % kind)
    with pytest.raises(StoreError, match=f"is on {kind}"):
        check_file_system(tmp_path, str(mounts))
    mounts.write_text(line % "ext4")
    check_file_system(tmp_path, str(mounts))


def test_one_owner_at_a_time(tmp_path):
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    first.acquire()
    with pytest.raises(StoreInUseError, match="in use by another instance"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_allocation_reserves_and_keeps_contents(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"begin")
    allocate(path, 1 << 20)
    assert path.stat().st_size == 1 << 20
    assert path.stat().st_blocks * 512 >= 1 << 20
    assert path.read_bytes()[:6] == b"begin\0"


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StoreFullError), (errno.EIO, StoreError)]
)
def test_allocation_that_fails_says_why(tmp_path, monkeypatch, number, kind):
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    path.write_bytes(b"")
    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(kind, match=os.strerror(number)):
        allocate(path, 1 << 20)


def test_the_mark_is_read_back(tmp_path):
    mark = HighWater(tmp_path)
    assert mark.read() == 0
    mark.open()
    for number in (1, 2**40, 7):
        mark.write(number)
        assert HighWater(tmp_path).read() == number
    mark.close()
    mark.close()
    with pytest.raises(OSError):
        mark.write(8)


def test_every_flipped_bit_of_a_mark_is_seen(tmp_path):
    mark = HighWater(tmp_path)
    mark.open()
    mark.write(123_456_789)
    mark.close()
    sound = (tmp_path / "mark").read_bytes()
    for bit in range(len(sound) * 8):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "mark").write_bytes(damaged)
        with pytest.raises(StoreCorruptError):
            mark.read()
