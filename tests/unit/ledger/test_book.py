"""The account slots: limits are exact, holds come back, nothing moves before it is durable."""

import pytest

from ilprouter.core.reject import Status
from ilprouter.errors import AmountOverflowError
from ilprouter.ledger.book import Book
from tests.helpers.ledgers import commit, ledger_over, pay

OK, WAIT = 0, 1
INT64_MAX = 2**63 - 1


@pytest.fixture
def ledger(memory_store):
    return ledger_over(memory_store, ("alice", "bob", "carol"), credit=1000)


@pytest.fixture
def book(ledger):
    return ledger.book


def lease(ledger, number, amount):
    """Hold and release `amount`, so that the account has a lease for it."""
    if ledger.book.hold_out(number, amount) == WAIT:
        commit(ledger)
        assert ledger.book.hold_out(number, amount) == OK
    ledger.book.release_out(number, amount)


def test_credit_limit_is_inclusive(book):
    assert book.hold_in(0, 1000) == OK
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY
    assert book.account(0)["hold_in"] == 1000
    book.release_in(0, 1000)
    assert book.hold_in(0, 1001) == Status.INSUFFICIENT_LIQUIDITY
    assert book.account(0)["hold_in"] == 0


@pytest.mark.parametrize("amount", [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_amounts_up_to_u64_are_exact_or_refused(ledger, book, amount):
    book.set_limits(0, INT64_MAX)
    fits = amount <= INT64_MAX
    assert book.hold_in(0, amount) == (OK if fits else Status.INSUFFICIENT_LIQUIDITY)
    assert book.account(0)["hold_in"] == (amount if fits else 0)
    assert book.hold_out(1, amount) == (WAIT if fits else Status.OUTGOING_LIQUIDITY)
    commit(ledger)
    if fits:
        assert book.hold_out(1, amount) == OK
        book.credit(1, amount)
        book.charge(0, amount)
        commit(ledger)
        assert book.account(0)["peer_owes"] == book.account(1)["we_owe"] == amount


def test_prefund_lets_amounts_above_i64_pass(ledger, book):
    book.settle_in(0, 2**62)
    commit(ledger)
    book.set_limits(0, INT64_MAX)
    assert book.hold_in(0, 2**63 + 2**62 - 1) == OK, "prefund and credit together"
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY
    book.charge(0, 2**63 + 2**62 - 1)
    commit(ledger)
    assert book.account(0)["peer_owes"] == INT64_MAX
    assert book.account(0)["hold_in"] == 0


def test_amount_zero_touches_nothing_and_does_not_wait(book):
    before = book.account(0)
    assert book.hold_in(0, 0) == book.hold_out(0, 0) == OK
    assert book.charge(0, 0) == book.credit(0, 0) == book.void(0, 0) == OK
    assert book.open_changes == 0
    assert book.account(0) == before


def test_an_account_without_limits_lets_nothing_pass():
    book = Book(16)
    for _ in range(2):
        assert book.hold_in(3, 1) == Status.INSUFFICIENT_LIQUIDITY
        assert book.hold_out(3, 1) == Status.OUTGOING_LIQUIDITY
        book.open_account(3, 0)


def test_a_hold_becomes_a_charge_only_when_durable(ledger, book):
    lease(ledger, 1, 50)
    assert book.hold_in(0, 60) == book.hold_out(1, 50) == OK
    assert book.credit(1, 50) == book.charge(0, 60) == WAIT
    for state in ("open", "sealed"):
        alice, bob = book.account(0), book.account(1)
        assert (alice["hold_in"], alice["peer_owes"]) == (60, 0), state
        assert (bob["hold_out"], bob["we_owe"]) == (50, 0), state
        if state == "open":
            ledger.journal.seal()
    ledger.journal.write()
    ledger.journal.release()
    alice, bob = book.account(0), book.account(1)
    assert (alice["hold_in"], alice["peer_owes"]) == (0, 60)
    assert (bob["hold_out"], bob["we_owe"]) == (0, 50)
    assert book.house(0) == {"position": 10, "cash": 0, "loss": 0}


def test_decided_packets_count_against_the_limit(ledger, book):
    assert book.hold_in(0, 1000) == OK
    book.charge(0, 1000)
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY
    commit(ledger)
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY


def test_changes_during_a_commit_belong_to_the_next_group(ledger, book):
    lease(ledger, 1, 100)
    pay(ledger, 0, 1, 10, 10)
    ledger.journal.seal()
    pay(ledger, 0, 1, 7, 7)
    ledger.journal.write()
    ledger.journal.release()
    assert book.account(0)["peer_owes"] == 10
    assert book.open_changes > 0
    commit(ledger)
    assert book.account(0)["peer_owes"] == 17
    assert book.open_changes == 0


def test_a_void_lowers_the_exposure_only_when_durable(ledger, book):
    pay(ledger, 0, 1, 1000, 5)
    commit(ledger)
    assert book.void(0, 1000) == WAIT
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY
    commit(ledger)
    assert book.hold_in(0, 1000) == OK
    state = book.account(0)
    assert (state["fulfilled_in"], state["voided_in"], state["peer_owes"]) == (1000, 1000, 0)
    assert book.house(0) == {"position": -5, "cash": 0, "loss": 1000}


def test_own_limit_is_inclusive(ledger, book):
    book.set_limits(1, 0, own_limit=70)
    lease(ledger, 1, 70)
    assert book.hold_out(1, 70) == OK
    assert book.hold_out(1, 1) == Status.OUTGOING_LIQUIDITY
    book.credit(1, 70)
    commit(ledger)
    assert book.hold_out(1, 1) == Status.OUTGOING_LIQUIDITY
    book.settle_out(1, 30)
    commit(ledger)
    assert book.hold_out(1, 30) in (OK, WAIT)


def test_holds_never_pass_the_durable_lease(ledger, book):
    assert book.hold_out(1, 600) == WAIT
    assert book.account(1)["hold_out"] == 0
    assert book.hold_out(1, 600) == WAIT, "the raise is not durable yet"
    commit(ledger)
    granted = book.account(1)["lease"]
    assert granted >= 1200
    assert book.hold_out(1, 600) == book.hold_out(1, granted - 600) == OK
    assert book.hold_out(1, 1) == WAIT


def test_a_burst_needs_few_raises(ledger, book):
    waiting, rounds = 4096, 0
    while waiting:
        rounds += 1
        waiting = sum(book.hold_out(1, 1000) == WAIT for _ in range(waiting))
        commit(ledger)
    assert rounds <= 3


def test_lease_max_bounds_what_is_in_flight(ledger, book):
    book.set_limits(1, 0, lease_max=5000)
    assert book.hold_out(1, 5000) == WAIT
    commit(ledger)
    assert book.account(1)["lease"] == 5000
    assert book.hold_out(1, 5000) == OK
    assert book.hold_out(1, 1) == Status.OUTGOING_LIQUIDITY


def test_leases_shrink_at_once_and_by_half_at_most(ledger, book):
    lease(ledger, 1, 100_000)
    granted = book.account(1)["lease"]
    assert book.hold_out(1, 10) == OK
    assert book.shrink_leases() == 1
    assert book.hold_out(1, granted - 10) == WAIT, "out of use before it is off the disk"
    commit(ledger)
    lease(ledger, 1, 1)
    commit(ledger)
    for _ in range(40):
        book.shrink_leases()
        commit(ledger)
    assert 20 <= book.account(1)["lease"] <= 2048
    book.release_out(1, 10)
    assert book.shrink_leases(all=True) == 1
    commit(ledger)
    assert book.account(1)["lease"] == 0
    assert book.hold_out(1, 1) == WAIT


def test_a_raise_ordered_after_a_shrink_wins(ledger, book):
    lease(ledger, 1, 100_000)
    book.shrink_leases()
    granted = book.account(1)["lease"]
    assert book.hold_out(1, granted) == WAIT
    commit(ledger)
    assert book.hold_out(1, granted) == OK


def test_frozen_stops_both_directions_at_once_and_durably(ledger, book):
    lease(ledger, 0, 10)
    assert book.hold_in(0, 5) == OK
    book.freeze(0, True)
    assert book.hold_in(0, 1) == book.hold_in(0, 0) == Status.INSUFFICIENT_LIQUIDITY
    assert book.hold_out(0, 1) == book.hold_out(0, 0) == Status.OUTGOING_LIQUIDITY
    book.set_limits(0, 10**6)
    assert book.hold_in(0, 1) == Status.INSUFFICIENT_LIQUIDITY, "new limits do not thaw"
    assert book.charge(0, 5) == WAIT, "what is in flight finishes"
    commit(ledger)
    assert book.account(0)["frozen"]
    assert book.account(0)["peer_owes"] == 5
    book.freeze(0, False)
    assert book.hold_in(0, 1) == OK


def test_settlements_are_monotone_counters(ledger, book):
    pay(ledger, 0, 1, 900, 800)
    commit(ledger)
    book.settle_in(0, 500)
    book.settle_out(1, 900)
    assert book.account(0)["peer_owes"] == 900, "not before it is durable"
    commit(ledger)
    assert (book.account(0)["settled_in"], book.account(0)["peer_owes"]) == (500, 400)
    assert (book.account(1)["settled_out"], book.account(1)["we_owe"]) == (900, -100)
    assert book.house(0)["cash"] == 500 - 900


def test_a_settlement_out_of_range_changes_nothing(ledger, book):
    book.settle_in(0, 2**62)
    with pytest.raises(AmountOverflowError):
        book.settle_in(0, 1)
    with pytest.raises(OverflowError):
        book.settle_in(0, 2**64)
    commit(ledger)
    with pytest.raises(AmountOverflowError):
        book.settle_in(0, 1)
    assert book.account(0)["settled_in"] == 2**62


def test_slots_and_assets_out_of_range_are_refused():
    book = Book(16, 2)
    for call in (lambda: book.hold_in(16, 1), lambda: book.open_account(0, 2)):
        with pytest.raises(IndexError):
            call()


def test_a_group_cannot_be_sealed_twice_nor_released_unsealed():
    book = Book(16)
    with pytest.raises(RuntimeError):
        book.release()
    book.seal()
    with pytest.raises(RuntimeError):
        book.seal()
    book.release()
    book.seal()


def test_a_watched_account_is_reported_once_when_its_line_is_durably_reached(ledger, book):
    book.watch(1, 100)
    pay(ledger, 0, 1, 60, 60)
    commit(ledger)
    assert book.due == 0
    pay(ledger, 0, 1, 40, 40)
    assert book.due == 0, "not durable yet"
    commit(ledger)
    assert book.due == 1
    pay(ledger, 0, 1, 40, 40)
    commit(ledger)
    assert book.take_due() == [1]
    pay(ledger, 0, 1, 40, 40)
    commit(ledger)
    assert book.take_due() == [], "one report for each watch"


def test_a_watch_is_checked_at_once_and_can_end(ledger, book):
    pay(ledger, 0, 1, 60, 60)
    commit(ledger)
    book.watch(2, 1)
    book.watch(1, 60)
    book.watch(1, 60)
    assert book.take_due() == [1]
    book.watch(1, 61)
    book.watch(1, None)
    book.watch(2, 0)
    pay(ledger, 0, 1, 60, 60)
    commit(ledger)
    assert book.take_due() == [2], "nothing owed reaches a line of 0"
