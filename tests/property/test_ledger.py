"""The ledger against a plain model with fractions: any order of packets, commits and crashes.

ILPROUTER_LEDGER_STEPS sets how many steps are taken at least; the test prints how many were.
"""

import os
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ilprouter.core.reject import Status
from ilprouter.errors import AmountOverflowError
from ilprouter.ledger import Ledger
from ilprouter.ledger.recovery import read_books
from ilprouter.stores.memory import MemoryStore
from tests.helpers.ledgers import restart

OK, WAIT = 0, 1
LIMITS = (0, 1000, 10**6, 2**63 - 1)
ASSETS = (("USD", 9), ("XRP", 6))
ACCOUNTS = 5
STEPS = int(os.environ.get("ILPROUTER_LEDGER_STEPS", "1500"))
KEYS = [b"key-%d" % number for number in range(8)]

numbers = st.integers(0, ACCOUNTS - 1)
amounts = st.one_of(
    st.integers(0, 2000), st.sampled_from([2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
)


@dataclass
class Side:
    """One account as the model keeps it: plain numbers, no groups, no slots."""

    fulfilled_in: Fraction = Fraction(0)
    voided_in: Fraction = Fraction(0)
    fulfilled_out: Fraction = Fraction(0)
    settled_in: Fraction = Fraction(0)
    settled_out: Fraction = Fraction(0)

    def copy(self) -> "Side":
        return Side(**vars(self))


@dataclass
class Packet:
    payer: int
    payee: int
    amount_in: int
    amount_out: int


@dataclass
class Group:
    changes: list[tuple[int, str, int]] = field(default_factory=list)
    voidable: list[Packet] = field(default_factory=list)
    decided: list[Packet] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)


class LedgerMachine(RuleBasedStateMachine):
    """Holds, decided packets and voids live until their group is durable; a crash drops them."""

    @initialize(limits=st.lists(st.sampled_from(LIMITS), min_size=ACCOUNTS, max_size=ACCOUNTS))
    def begin(self, limits):
        self.limits = limits
        self.durable = [Side() for _ in range(ACCOUNTS)]
        self.applied: set[bytes] = set()
        self.store = MemoryStore()
        self.store.open()
        self.start()

    def start(self):
        self.ledger = Ledger(self.store, accounts_max=16)
        for number, limit in enumerate(self.limits):
            self.ledger.open_account(f"p{number}", *ASSETS[number % 2])
            self.ledger.set_limits(f"p{number}", credit_limit=limit)
        self.ledger.boot()
        self.book = self.ledger.book
        self.held: list[Packet] = []
        self.voidable: list[Packet] = []
        self.open, self.sealed = Group(), None

    # What the model says.

    def undecided(self, side, number):
        packets = list(self.held)
        for group in (self.open, self.sealed):
            if group is not None:
                packets += group.decided
        if side == "in":
            return sum(packet.amount_in for packet in packets if packet.payer == number)
        return sum(packet.amount_out for packet in packets if packet.payee == number)

    def peer_owes(self, number):
        side = self.durable[number]
        return side.fulfilled_in - side.voided_in - side.settled_in

    def we_owe(self, number):
        return self.durable[number].fulfilled_out - self.durable[number].settled_out

    # What happens.

    @rule(payer=numbers, payee=numbers, amount_in=amounts, amount_out=amounts)
    def prepare(self, payer, payee, amount_in, amount_out):
        exposure = self.peer_owes(payer) + self.undecided("in", payer)
        fits = amount_in == 0 or exposure + amount_in <= self.limits[payer]
        status = self.book.hold_in(payer, amount_in)
        assert status == (OK if fits else Status.INSUFFICIENT_LIQUIDITY)
        if status != OK:
            return
        hold = self.undecided("out", payee)
        own = self.we_owe(payee) + hold
        status = self.book.hold_out(payee, amount_out)
        if status == OK:
            assert amount_out == 0 or hold + amount_out <= self.book.account(payee)["lease"]
            self.held.append(Packet(payer, payee, amount_in, amount_out))
            return
        if status == WAIT:
            assert hold + amount_out > self.book.account(payee)["lease"] or self.shrunk(payee)
        else:
            assert status == Status.OUTGOING_LIQUIDITY
            # Neither what we owe nor a lease, which covers the holds alone, passes i64.
            assert max(own, hold) + amount_out > 2**63 - 1
        if amount_in:
            self.book.release_in(payer, amount_in)

    def shrunk(self, number):
        """A lower lease is out of use before it is durable."""
        return number in self.lowered

    lowered: frozenset[int] = frozenset()
    steps = 0

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fulfill(self, data):
        packet = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        assert self.book.credit(packet.payee, packet.amount_out) == (packet.amount_out > 0)
        assert self.book.charge(packet.payer, packet.amount_in) == (packet.amount_in > 0)
        self.open.changes += [
            (packet.payee, "fulfilled_out", packet.amount_out),
            (packet.payer, "fulfilled_in", packet.amount_in),
        ]
        self.open.decided.append(packet)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def reject(self, data):
        packet = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        if packet.amount_out:
            self.book.release_out(packet.payee, packet.amount_out)
        if packet.amount_in:
            self.book.release_in(packet.payer, packet.amount_in)

    @precondition(lambda self: self.voidable)
    @rule(data=st.data())
    def void(self, data):
        """Only right after its group became durable, as the switch does it."""
        packet = self.voidable.pop(data.draw(st.integers(0, len(self.voidable) - 1)))
        assert self.book.void(packet.payer, packet.amount_in) == (packet.amount_in > 0)
        self.open.changes.append((packet.payer, "voided_in", packet.amount_in))

    @rule(number=numbers, amount=amounts, incoming=st.booleans())
    def settle(self, number, amount, incoming):
        self.settle_once(number, amount, incoming)

    def settle_once(self, number, amount, incoming=True):
        name = "settled_in" if incoming else "settled_out"
        pending = sum(
            change[2]
            for group in (self.open, self.sealed)
            if group is not None
            for change in group.changes
            if change[:2] == (number, name)
        )
        position = self.peer_owes(number) if incoming else self.we_owe(number)
        try:
            (self.book.settle_in if incoming else self.book.settle_out)(number, amount)
        except AmountOverflowError:
            assert position - pending - amount < -(2**62) or pending + amount >= 2**64
            return
        assert position - pending - amount >= -(2**62)
        self.open.changes.append((number, name, amount))

    @rule(key=st.sampled_from(KEYS), number=numbers, amount=st.integers(1, 1000))
    def notify(self, key, number, amount):
        """A settlement under a key: the row of the key and the amount are one change, so that a
        repetition finds both or neither, at any time and after any crash."""
        groups = [group for group in (self.open, self.sealed) if group is not None]
        if self.store.get("idem", key) is not None or any(key in group.keys for group in groups):
            assert key in self.applied or any(key in group.keys for group in groups)
            return
        assert key not in self.applied
        before = len(self.open.changes)
        self.settle_once(number, amount)
        if len(self.open.changes) > before:
            self.ledger.journal.ride("idem", [(key, b"%d %d" % (number, amount))])
            self.open.keys.add(key)

    @rule()
    def shrink(self):
        self.book.shrink_leases()
        self.lowered = frozenset(range(ACCOUNTS))

    @precondition(lambda self: self.sealed is None)
    @rule()
    def seal(self):
        self.voidable = []  # the switch voids at once, in the same turn as the release
        self.ledger.journal.seal()
        self.sealed, self.open = self.open, Group()

    @precondition(lambda self: self.sealed is not None)
    @rule()
    def write_and_release(self):
        head = self.ledger.journal.write()
        self.apply(self.durable)
        self.ledger.journal.release()
        self.ledger.journal.delivered_seq = head.seq
        self.voidable = [packet for packet in self.sealed.decided if packet.amount_in]
        self.sealed = None
        self.lowered = frozenset()

    @precondition(lambda self: self.sealed is not None)
    @rule()
    def write_and_crash(self):
        """Killed between the commit and the release: the group counts."""
        self.ledger.journal.write()
        self.apply(self.durable)
        self.crash()

    @rule()
    def crash(self):
        """Killed: what is open or sealed and not written never was."""
        self.store = restart(self.store)
        self.start()

    def apply(self, sides):
        self.applied |= self.sealed.keys
        for number, name, amount in self.sealed.changes:
            setattr(sides[number], name, getattr(sides[number], name) + amount)

    # What must hold after every step.

    @invariant()
    def books_equal_the_model(self):
        if not hasattr(self, "book"):
            return
        for number in range(ACCOUNTS):
            account = self.book.account(number)
            for name, value in vars(self.durable[number]).items():
                assert account[name] == value
            assert account["hold_in"] == self.undecided("in", number)
            assert account["hold_out"] == self.undecided("out", number)
            assert account["hold_out"] <= account["lease"], "I10"

    @invariant()
    def exposure_is_within_the_limit(self):
        """I7. Voids and settlements only lower an exposure, so what was accepted stays within."""
        if not hasattr(self, "book"):
            return
        for number, limit in enumerate(self.limits):
            account = self.book.account(number)
            assert account["peer_owes"] + account["hold_in"] <= limit

    @invariant()
    def money_is_conserved(self):
        """I1, for each asset, in what is durable."""
        if not hasattr(self, "book"):
            return
        for asset in range(len(ASSETS)):
            sides = [self.durable[number] for number in range(ACCOUNTS) if number % 2 == asset]
            house = self.book.house(asset)
            assert house["position"] == sum(
                side.fulfilled_in - side.voided_in - side.fulfilled_out for side in sides
            )
            assert house["cash"] == sum(side.settled_in - side.settled_out for side in sides)
            assert house["loss"] == sum(side.voided_in for side in sides)

    @invariant()
    def the_store_is_sound(self):
        if not hasattr(self, "book"):
            return
        LedgerMachine.steps += 1
        books, problems = read_books(self.store)
        assert problems == []
        assert {key for key, _ in self.store.read("idem")} == self.applied
        for number, side in enumerate(self.durable):
            row = books.accounts[number]
            assert tuple(row.counters) == tuple(vars(side).values())


LedgerMachine.TestCase.settings = settings(
    max_examples=max(1, STEPS // 30), stateful_step_count=50, deadline=None, derandomize=False
)

TestLedger = pytest.mark.timeout(60 + STEPS // 20)(LedgerMachine.TestCase)


def test_the_machine_went_far_enough(capsys):
    assert LedgerMachine.steps >= STEPS
    with capsys.disabled():
        print(f"\nledger machine: {LedgerMachine.steps:,} steps, no difference")
