"""kill -9 at random moments: every group whose commit was acknowledged is there after reopening."""

import random
import signal
import subprocess
import sys
import time

import pytest

from ilprouter.ledger import Ledger, verify
from ilprouter.stores.lmdb import LmdbStore

ROUNDS = 20

WRITER = """
import sys
from ilprouter.stores.lmdb import LmdbStore
from tests.helpers.ledgers import commit, ledger_over, pay

store = LmdbStore(sys.argv[1], size=4 << 20)
store.open()
ledger = ledger_over(store, [f"peer{number}" for number in range(50)], credit=10**15)
amount = 0
print("epoch", ledger.epoch, flush=True)
while True:
    for _ in range(20):
        amount += 1
        pay(ledger, amount % 50, amount * 7 % 50, 3, 2)
    commit(ledger)
    print("durable", ledger.head.seq, ledger.describe("peer0")["peer_owes"], flush=True)
"""


def last_acknowledged(lines: list[str]) -> tuple[int, int]:
    complete = [line.split() for line in lines if line.startswith("durable") and line[-1] == "\n"]
    return (int(complete[-1][1]), int(complete[-1][2])) if complete else (0, 0)


@pytest.mark.crash
@pytest.mark.slow
def test_acknowledged_groups_survive_a_kill(tmp_path):
    path = tmp_path / "books"
    generator = random.Random(11)
    seq, owes = 0, 0
    for round_number in range(ROUNDS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith("epoch")
        # Some groups first, however slow the disk is; then any moment within the next ones.
        lines = [writer.stdout.readline() for _ in range(generator.randrange(5))]
        time.sleep(generator.uniform(0, 0.01))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        acknowledged, owed = last_acknowledged(lines)
        seq, owes = max(seq, acknowledged), max(owes, owed)

        began = time.monotonic()
        report = verify(path)
        assert report["ok"], (round_number, report["problems"])
        store = LmdbStore(path, size=4 << 20)
        store.open()
        ledger = Ledger(store)
        assert time.monotonic() - began < 2, "recovery takes at most two seconds"
        assert ledger.head.seq >= seq, "an acknowledged group is missing"
        assert ledger.describe("peer0")["peer_owes"] >= owes
        assert ledger.epoch == round_number + 1
        fulfilled = sum(ledger.book.account(number)["fulfilled_in"] for number in range(50))
        assert fulfilled % 3 == 0
        assert ledger.houses()[0]["position"] == fulfilled // 3
        store.close()
    assert seq > ROUNDS, "the writer got far enough for the test to mean something"
