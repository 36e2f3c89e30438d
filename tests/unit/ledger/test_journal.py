"""The journal: one record per group in a chain, rows that catch up, a log that does not grow."""

import random
from itertools import pairwise

import pytest

from ilprouter.ledger import Ledger
from ilprouter.ledger.layout import KIND_BOOT, KIND_GROUP, join_parts, parse_record, parse_rows
from ilprouter.ledger.recovery import read_books
from tests.helpers.ledgers import commit, ledger_over, pay, restart


def records(store):
    return [parse_record(seq, stored) for seq, _, stored in join_parts(list(store.read("log")))]


def test_a_record_says_exactly_what_the_group_changed(memory_store):
    ledger = ledger_over(memory_store)
    ledger.book.hold_out(1, 10_000)
    commit(ledger)
    pay(ledger, 0, 1, 10, 8)
    pay(ledger, 0, 1, 5, 5)
    ledger.book.void(1, 3)
    ledger.book.settle_in(0, 4)
    ledger.book.settle_out(1, 6)
    ledger.freeze("bob")
    commit(ledger)
    last = records(memory_store)[-1]
    assert (last.kind, last.epoch, last.seq) == (KIND_GROUP, 1, 3)
    changes = {change.number: change for change in last.accounts}
    assert changes[0].counters == [15, 0, 0, 4, 0]
    assert changes[1].counters == [0, 3, 13, 0, 6]
    assert (changes[0].flags, changes[1].flags, changes[1].lease) == (None, 3, None)
    (house,) = last.houses
    assert (house.position, house.cash, house.loss) == (15 - 3 - 13, 4 - 6, 3)


def test_records_form_one_chain_that_ends_at_the_head(memory_store):
    ledger = ledger_over(memory_store)
    ledger.journal._purge = lambda *arguments: None
    for _ in range(10):
        pay(ledger, 0, 1, 1, 1)
        commit(ledger)
    chain = records(memory_store)
    assert chain[0].kind == KIND_BOOT
    assert [record.seq for record in chain] == list(range(1, len(chain) + 1))
    for before, after in pairwise(chain):
        assert after.previous == before.digest
    assert ledger.head.digest == chain[-1].digest


@pytest.mark.parametrize("accounts", [3, 40, 400])
def test_rows_catch_up_and_the_log_stays_short(memory_store, accounts):
    names = [f"peer{number}" for number in range(accounts)]
    ledger = ledger_over(memory_store, names, credit=10**12)
    generator = random.Random(accounts)
    longest = 0
    for _ in range(120):
        for _ in range(20):
            payer, payee = generator.sample(range(accounts), 2)
            pay(ledger, payer, payee, generator.randrange(1, 50), generator.randrange(1, 50))
        commit(ledger)
        longest = max(longest, len(memory_store.read("log")))
    blocks = accounts / 16
    assert longest < 4 * (2 + blocks / 4) * 2 + 10
    expected = {name: ledger.describe(name)["peer_owes"] for name in names}
    again = Ledger(restart(memory_store), accounts_max=1024)
    assert {name: again.describe(name)["peer_owes"] for name in names} == expected


def test_an_idle_row_is_not_rewritten(memory_store):
    names = [f"peer{number}" for number in range(64)]
    ledger = ledger_over(memory_store, names)
    for _ in range(10):
        pay(ledger, 0, 1, 1, 1)
        commit(ledger)
    row_seq = {}
    for key, block in memory_store.read("row"):
        row_seq.update({row.number: row.row_seq for row in parse_rows(key, block)})
    assert row_seq[0] == ledger.head.seq
    assert row_seq[63] < ledger.head.seq - 5


def test_recovery_at_every_point_between_log_and_rows(memory_store):
    """Crash after each commit: rows and log together always give the same books as memory."""
    names = [f"peer{number}" for number in range(100)]
    ledger = ledger_over(memory_store, names, credit=10**12)
    generator = random.Random(7)
    for _ in range(60):
        for _ in range(5):
            payer, payee = generator.sample(range(100), 2)
            pay(ledger, payer, payee, generator.randrange(1, 9), generator.randrange(1, 9))
        commit(ledger)
        books, problems = read_books(memory_store)
        assert problems == []
        for name in names:
            number = books.names[name].number
            state = ledger.describe(name)
            row = books.accounts[number]
            assert (row.peer_owes, row.we_owe) == (state["peer_owes"], state["we_owe"])
            assert row.lease == state["lease"]
