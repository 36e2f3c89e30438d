"""Ledger: names keep their numbers, the boot commit ends what the last incarnation left."""

import pytest

from ilprouter.errors import ConfigError, UnknownAccountError
from ilprouter.ledger import Ledger
from tests.helpers.ledgers import commit, ledger_over, pay, restart


def test_numbers_and_assets_are_stable(memory_store):
    ledger = ledger_over(memory_store, ("alice", "bob"))
    carol = ledger.open_account("carol", "XRP", 6)
    commit(ledger)
    again = Ledger(restart(memory_store))
    assert [account.name for account in again.accounts()] == ["alice", "bob", "carol"]
    assert again.account("carol") == carol
    assert (carol.number, carol.asset_code, carol.asset_scale) == (2, "XRP", 6)
    assert again.open_account("dave", "XRP", 6).number == 3
    assert again.account("dave").asset == carol.asset != again.account("alice").asset


def test_an_account_is_open_when_its_group_is_durable(memory_store):
    ledger = ledger_over(memory_store, ("alice", "bob"))
    pay(ledger, 1, 0, 50, 50)
    commit(ledger)
    ledger.open_account("carol", "USD", 9)
    ledger.set_limits("carol", credit_limit=100)
    pay(ledger, 2, 0, 50, 50)
    lost = Ledger(restart(memory_store))
    with pytest.raises(UnknownAccountError, match="carol"):
        lost.account("carol")
    commit(ledger)
    assert Ledger(restart(memory_store)).describe("carol")["peer_owes"] == 50


def test_the_asset_of_an_account_cannot_change(memory_store):
    ledger = ledger_over(memory_store, ("alice",))
    with pytest.raises(ConfigError, match="USD/9, in which its account is kept"):
        ledger.open_account("alice", "USD", 6)
    assert ledger.open_account("alice", "USD", 9).number == 0


def test_too_many_accounts_are_refused(memory_store):
    ledger = Ledger(memory_store, accounts_max=16)
    for number in range(16):
        ledger.open_account(str(number), "USD", 9)
    with pytest.raises(ConfigError, match="at most 16 accounts"):
        ledger.open_account("one more", "USD", 9)


def test_the_epoch_grows_with_every_boot_and_is_durable_before_it_is_used(memory_store):
    epochs = []
    store = memory_store
    for _ in range(4):
        commits = store.commits
        ledger = ledger_over(store)
        assert store.commits == commits + 1, "one commit for the whole boot"
        epochs.append(ledger.epoch)
        store = restart(store)
        assert Ledger(store).epoch == ledger.epoch
        store = restart(store)
    assert epochs == [1, 2, 3, 4]


def test_it_boots_once(memory_store):
    ledger = ledger_over(memory_store)
    with pytest.raises(RuntimeError):
        ledger.boot()


def test_holds_are_gone_after_a_crash_and_charges_are_not(memory_store):
    ledger = ledger_over(memory_store)
    pay(ledger, 0, 1, 100, 90)
    commit(ledger)
    pay(ledger, 0, 1, 7, 7)
    assert ledger.book.hold_in(0, 5) == 0
    again = ledger_over(restart(memory_store))
    alice, bob = again.describe("alice"), again.describe("bob")
    assert (alice["peer_owes"], alice["hold_in"]) == (100, 0)
    assert (bob["we_owe"], bob["hold_out"]) == (90, 0)
    assert again.houses() == [
        {"asset": {"code": "USD", "scale": 9}, "position": 10, "cash": 0, "loss": 0}
    ]


def test_a_crash_leaves_leases_and_undelivered_groups_as_doubts(memory_store):
    ledger = ledger_over(memory_store)
    pay(ledger, 0, 1, 100, 90)
    lease = ledger.book.account(1)["lease"]
    assert lease >= 90
    commit(ledger)
    crashed = restart(memory_store)
    again = ledger_over(crashed)
    doubts = again.doubts()
    assert len({doubt.pop("id") for doubt in doubts}) == 2, "each can be named"
    assert doubts == [
        {"epoch": 1, "kind": "lease", "account": 1, "amount": str(lease)},
        {
            "epoch": 1,
            "kind": "undelivered",
            "account": 0,
            "amount": "100",
            "first_group": 3,
            "group": 3,
        },
    ]
    assert again.book.account(1)["lease"] == 0
    third = ledger_over(restart(crashed))
    assert third.doubts() == again.doubts(), "nothing new is in doubt, nothing is forgotten"


def test_a_frozen_account_stays_frozen(memory_store):
    ledger = ledger_over(memory_store)
    ledger.freeze("bob")
    commit(ledger)
    again = ledger_over(restart(memory_store))
    assert again.describe("bob")["frozen"]
    assert again.book.hold_in(1, 1) != 0
    again.freeze("bob", False)
    assert again.book.hold_in(1, 1) == 0


def test_a_clock_that_went_back_is_measured(memory_store, monkeypatch):
    ledger = ledger_over(memory_store)
    assert ledger.clock_went_back() == 0
    monkeypatch.setattr("ilprouter.ledger.accounts.now_ms", lambda: ledger.head.wall_ms - 3_600_000)
    assert ledger.clock_went_back() == 3_600_000
