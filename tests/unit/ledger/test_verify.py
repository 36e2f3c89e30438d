"""verify: sound books pass, and no damage passes as a different balance."""

import json
import os
import random
import subprocess
import sys

import pytest

from ilprouter.errors import StoreCorruptError, StoreInUseError
from ilprouter.ledger import Ledger, verify
from ilprouter.stores.lmdb import LmdbStore
from ilprouter.stores.memory import MemoryStore
from tests.helpers.ledgers import commit, ledger_over, pay

SIZE = 2 << 20
FLIPS = int(os.environ.get("ILPROUTER_FLIPS", "60"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory with a ledger of 40 accounts that was killed: rows, log and leases."""
    path = tmp_path_factory.mktemp("sound") / "books"
    store = LmdbStore(path, size=SIZE)
    store.open()
    ledger = ledger_over(store, [f"peer{number}" for number in range(40)], credit=10**9)
    generator = random.Random(1)
    for _ in range(30):
        for _ in range(4):
            payer, payee = generator.sample(range(40), 2)
            pay(ledger, payer, payee, generator.randrange(1, 1000), generator.randrange(1, 1000))
        commit(ledger)
    store.close()
    return path


def test_sound_books_pass_and_the_report_is_json(sound):
    report = json.loads(json.dumps(verify(sound)))
    assert report["ok"] and report["problems"] == []
    assert len(report["accounts"]) == 40
    assert report["epoch"] == 1 and not report["clean"]
    owes = sum(int(account["fulfilled_in"]) for account in report["accounts"])
    owed = sum(int(account["fulfilled_out"]) for account in report["accounts"])
    assert int(report["houses"][0]["position"]) == owes - owed != 0


def test_a_running_router_is_not_audited(sound):
    store = LmdbStore(sound, size=SIZE)
    store.open()
    with pytest.raises(StoreInUseError):
        verify(sound)
    store.close()


def test_a_missing_store_is_a_problem(tmp_path):
    report = verify(tmp_path / "none")
    assert not report["ok"]
    assert "does not exist" in report["problems"][0]["message"]


def tables(sound):
    store = LmdbStore(sound, readonly=True)
    store.open()
    contents = {name: dict(store.read(name)) for name in store._tables}
    store.close()
    return contents


def opens(contents):
    store = MemoryStore(contents)
    store.open()
    return Ledger(store)


def test_every_flipped_bit_in_a_row_a_house_a_head_or_the_log_is_refused(sound):
    contents = tables(sound)
    opens(contents)
    generator = random.Random(2)
    for table in ("row", "house", "log", "meta"):
        for key, value in contents[table].items():
            if key == b"store":
                continue
            for _ in range(6):
                # An account that does not exist is all zeros and has nothing to protect: flips
                # there make a row whose checksum is wrong, so they are refused as well.
                bit = generator.randrange(len(value) * 8)
                damaged = bytearray(value)
                damaged[bit // 8] ^= 1 << bit % 8
                changed = {**contents, table: {**contents[table], key: bytes(damaged)}}
                with pytest.raises(StoreCorruptError):
                    opens(changed)


def test_every_lost_item_is_refused(sound):
    contents = tables(sound)
    for table in ("row", "house", "log", "account", "asset"):
        for key in contents[table]:
            left = {name: value for name, value in contents[table].items() if name != key}
            if table == "log" and key == min(contents[table]):
                continue  # purging the oldest record is normal when the rows contain it
            with pytest.raises(StoreCorruptError):
                opens({**contents, table: left})


def test_the_damaged_account_is_named(sound):
    contents = tables(sound)
    block = bytearray(contents["row"][bytes(4)])
    block[5 * 112] ^= 1
    with pytest.raises(StoreCorruptError, match=r"account 5: its row \(group \d+\) is damaged"):
        opens({**contents, "row": {**contents["row"], bytes(4): bytes(block)}})


def test_two_accounts_cannot_share_a_number(sound):
    contents = tables(sound)
    names = {**contents["account"], b"peer0": contents["account"][b"peer1"]}
    with pytest.raises(StoreCorruptError, match="share the number 1"):
        opens({**contents, "account": names})


AUDIT = """
import json, os, random, sys
from pathlib import Path
from ilprouter.ledger import verify

sound, copy, used = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
original = (sound / "data.mdb").read_bytes()
(copy / "mark").write_bytes((sound / "mark").read_bytes())
generator = random.Random(3)
filled = [at for at in range(used) if original[at]]  # most bytes are zeros that nothing reads
for _ in range(int(sys.argv[4])):
    bit = generator.choice(filled) * 8 + generator.randrange(8)
    damaged = bytearray(original)
    damaged[bit // 8] ^= 1 << bit % 8
    (copy / "data.mdb").write_bytes(damaged)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        report = verify(copy)
        print(json.dumps([bit, report["ok"], report["accounts"], report["houses"]]), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps([bit, False, [], []]))
"""


@pytest.mark.slow
@pytest.mark.timeout(60 + FLIPS)
def test_flipped_bits_anywhere_in_the_file_never_change_a_balance(sound, tmp_path, capsys):
    """X4. Pages that LMDB no longer uses may be damaged without harm; everything else is refused.

    A damaged tree may also end the audit's process (each runs in one of its own): that is a
    refusal too, never a balance.
    """
    report = verify(sound)
    expected = json.loads(json.dumps([report["accounts"], report["houses"]]))
    store = LmdbStore(sound, readonly=True)
    store.open()
    used = store.usage().used
    store.close()
    (tmp_path / "copy").mkdir()
    audit = subprocess.run(
        [sys.executable, "-c", AUDIT, str(sound), str(tmp_path / "copy"), str(used), str(FLIPS)],
        capture_output=True,
        check=True,
    )
    results = [json.loads(line) for line in audit.stdout.splitlines()]
    assert len(results) == FLIPS
    for bit, ok, accounts, houses in results:
        if ok:
            assert [accounts, houses] == expected, f"bit {bit}: a different balance passed"
    refused = sum(not ok for _, ok, _, _ in results)
    assert refused
    with capsys.disabled():
        print(f"\n{FLIPS} flipped bits: {refused} refused, {FLIPS - refused} in unused bytes")
