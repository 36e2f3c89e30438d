"""The balance stages: what each answer moves, and that every hold comes back exactly once."""

import pytest

from ilprouter.core.reject import Status
from ilprouter.middleware.balance import BalanceIncoming, BalanceOutgoing
from ilprouter.stores.memory import MemoryStore
from ilprouter.testing import OK, WAIT, Probe
from tests.helpers.ledgers import commit, ledger_over


@pytest.fixture
def ledger():
    store = MemoryStore()
    store.open()
    ledger = ledger_over(store, credit=1000)
    assert ledger.book.hold_out(1, 5000) == WAIT
    commit(ledger)
    return ledger


@pytest.fixture
def probe(ledger):
    return Probe([BalanceIncoming(ledger.book, 0)], [BalanceOutgoing(ledger.book, 1)])


def books(ledger):
    alice, bob = ledger.book.account(0), ledger.book.account(1)
    return alice["hold_in"], alice["peer_owes"], bob["hold_out"], bob["we_owe"]


def test_a_prepare_holds_on_both_sides(ledger, probe):
    assert probe.prepare(300).status == OK
    assert books(ledger) == (300, 0, 300, 0)


def test_a_fulfill_waits_and_charges(ledger, probe):
    assert probe.prepare(300).fulfill() == WAIT
    assert books(ledger) == (300, 0, 300, 0), "the hold stays until the charge is durable"
    commit(ledger)
    assert books(ledger) == (0, 300, 0, 300)


def test_a_reject_releases_both_holds(ledger, probe):
    probe.prepare(300).reject(b"no")
    assert books(ledger) == (0, 0, 0, 0)
    assert ledger.book.open_changes == 0


def test_an_abort_releases_both_holds(ledger, probe):
    probe.prepare(300).abort()
    assert books(ledger) == (0, 0, 0, 0)


def test_a_late_fulfill_voids_the_charge_and_still_pays_the_next_hop(ledger, probe):
    passage = probe.prepare(300)
    passage.fulfill()
    commit(ledger)
    assert passage.late() == WAIT
    assert books(ledger) == (0, 300, 0, 300)
    commit(ledger)
    assert books(ledger) == (0, 0, 0, 300)
    assert ledger.book.account(0)["voided_in"] == 300
    assert ledger.book.house(0)["loss"] == 300


def test_over_the_credit_limit_is_refused_and_leaves_nothing(ledger, probe):
    assert probe.prepare(1001).status == Status.INSUFFICIENT_LIQUIDITY
    assert books(ledger) == (0, 0, 0, 0)


def test_over_our_own_limit_gives_the_incoming_hold_back(ledger, probe):
    ledger.book.set_limits(1, 0, own_limit=200)
    assert probe.prepare(201).status == Status.OUTGOING_LIQUIDITY
    assert books(ledger) == (0, 0, 0, 0)


def test_a_lease_too_small_parks_the_packet_until_it_is_durable(ledger):
    ledger.set_limits("alice", credit_limit=10**9)
    probe = Probe([BalanceIncoming(ledger.book, 0)], [BalanceOutgoing(ledger.book, 1)])
    lease = ledger.book.account(1)["lease"]
    passage = probe.prepare(lease + 1)
    assert passage.status == WAIT
    assert books(ledger) == (lease + 1, 0, 0, 0), "the incoming hold is taken, once"
    commit(ledger)
    assert passage.resume() == OK
    assert books(ledger) == (lease + 1, 0, lease + 1, 0)
    assert passage.fulfill() == WAIT
    commit(ledger)
    assert books(ledger) == (0, lease + 1, 0, lease + 1)


def test_amount_zero_neither_moves_nor_waits(ledger, probe):
    assert probe.prepare(0).fulfill() == OK
    assert ledger.book.open_changes == 0
    assert books(ledger) == (0, 0, 0, 0)


def test_one_account_may_be_on_both_sides(ledger):
    """A peer that pays and is paid: the two directions of one account never mix."""
    assert ledger.book.hold_out(0, 5000) == WAIT
    commit(ledger)
    probe = Probe([BalanceIncoming(ledger.book, 0)], [BalanceOutgoing(ledger.book, 0)])
    probe.prepare(70).fulfill()
    commit(ledger)
    account = ledger.book.account(0)
    assert (account["peer_owes"], account["we_owe"]) == (70, 70)
    assert ledger.book.house(0) == {"position": 0, "cash": 0, "loss": 0}


def test_each_stage_knows_its_side(ledger):
    for stage in (BalanceIncoming, BalanceOutgoing):
        assert stage(ledger.book, 1).account == 1
        with pytest.raises(IndexError):
            stage(ledger.book, 10**6)
    with pytest.raises(ValueError, match="outgoing"):
        Probe([BalanceOutgoing(ledger.book, 0)])
    with pytest.raises(ValueError, match="incoming"):
        Probe(outgoing=[BalanceIncoming(ledger.book, 0)])


def test_many_packets_at_the_limit_never_pass_it(ledger, probe):
    passages = [probe.prepare(7) for _ in range(200)]
    accepted = [passage for passage in passages if passage.status == OK]
    assert len(accepted) == 1000 // 7
    assert books(ledger)[0] == 7 * len(accepted) <= 1000
    for number, passage in enumerate(accepted):
        if number % 2:
            passage.fulfill()
        else:
            passage.abort()
    commit(ledger)
    assert books(ledger) == (0, 7 * (len(accepted) // 2), 0, 7 * (len(accepted) // 2))
