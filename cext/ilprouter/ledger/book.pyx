# distutils: sources = cext/ledger/ledger_book.c cext/ledger/ledger_record.c
# distutils: depends = cext/ledger/ledger_book.h
"""The books in memory: account slots, and the group of changes that waits for the disk.

Owns the Python face of cext/ledger. Must not know LMDB, packets, names of accounts or prices.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from ilprouter.bindings.ledger cimport (
    LEDGER_BLOCK_ACCOUNTS,
    LEDGER_FROZEN,
    LEDGER_HOUSE_BYTES,
    LEDGER_OPEN,
    LEDGER_ROW_BYTES,
    ledger_account_open,
    ledger_book_close,
    ledger_book_open,
    ledger_charge,
    ledger_credit,
    ledger_encode,
    ledger_flags,
    ledger_head,
    ledger_hold_in,
    ledger_hold_out,
    ledger_house_row,
    ledger_mark,
    ledger_release,
    ledger_release_in,
    ledger_release_out,
    ledger_restore,
    ledger_seal,
    ledger_set_flags,
    ledger_set_limits,
    ledger_settle_in,
    ledger_settle_out,
    ledger_shrink_lease,
    ledger_slot,
    ledger_slot_at,
    ledger_take_due,
    ledger_void,
    ledger_watch,
)

from typing import NamedTuple

from ilprouter.errors import AmountOverflowError, StoreCorruptError

INT64_MAX = (1 << 63) - 1
COUNTERS = ("fulfilled_in", "voided_in", "fulfilled_out", "settled_in", "settled_out")


class Written(NamedTuple):
    """One group as bytes: see docs/decisions/0005-ledger-layout.md for the layouts."""

    record: bytes       # the log record, without its digest
    rows: list          # [(key, row block)]: accounts renewed by the rolling fold
    houses: list        # [(key, row)]: assets this group changed
    folded_seq: int     # every log record up to here is contained in the rows


cdef class Book:
    """All accounts of one router, in one block of memory.

    accounts_max   slots reserved as address space, rounded up to a multiple of 16; pages come with use
    assets_max     distinct assets
    raises         MemoryError when the block cannot be mapped
    """

    def __cinit__(self, uint32_t accounts_max=65536, uint32_t assets_max=1024):
        if ledger_book_open(&self.c, accounts_max, assets_max) != 0:
            raise MemoryError(f"cannot reserve {accounts_max} account slots")

    def __dealloc__(self):
        ledger_book_close(&self.c)

    cdef ledger_slot *slot(self, uint32_t number) except NULL:
        if number >= self.c.block.accounts_max:
            raise IndexError(f"account number {number}: the book has {self.c.block.accounts_max} slots")
        return ledger_slot_at(self.c.block, number)

    # --- accounts -------------------------------------------------------------------------------------------------------

    def open_account(self, uint32_t number, uint32_t asset):
        """A new account without limits set: nothing passes until set_limits. It exists once the open group is durable."""
        self.slot(number)
        self._asset(asset)
        ledger_account_open(&self.c, number, asset)

    def restore_account(
        self, uint32_t number, uint32_t asset, uint32_t flags, uint64_t lease, counters, bint ahead
    ):
        """Recovery: the durable counters of one account; holds are gone.

        counters   fulfilled_in, voided_in, fulfilled_out, settled_in, settled_out; u128 each
        lease      the durable lease; it ends with the boot commit, unless it is 0 already
        ahead      the log holds changes that the account's row does not: fold it soon
        raises     StoreCorruptError when a position leaves i64
        """
        cdef ledger_slot *slot = self.slot(number)
        cdef bytes packed = b"".join(value.to_bytes(16, "little") for value in counters)
        self._asset(asset)
        if len(packed) != sizeof(slot.counters):
            raise ValueError("five counters")
        memcpy(&slot.counters, <const char *>packed, sizeof(slot.counters))
        slot.asset = asset
        slot.flags = flags
        if number >= self.c.accounts_end:
            self.c.accounts_end = number + 1
        if ledger_restore(slot) != 0:
            raise StoreCorruptError(f"account {number}: its position does not fit 64 bits")
        if lease:
            slot.lease = <int64_t>lease
            ledger_shrink_lease(self.c.block, slot, number, True)
        if ahead:
            ledger_mark(&self.c, number)

    def restore_house(self, uint32_t asset, position, cash, loss, uint64_t row_seq):
        """Recovery: our durable position in one asset; position and cash are i128, loss is u128, all in the asset's units."""
        cdef bytes packed = (
            position.to_bytes(16, "little", signed=True) + cash.to_bytes(16, "little", signed=True)
            + loss.to_bytes(16, "little")
        )
        self._asset(asset)
        memcpy(&self.c.houses[asset], <const char *>packed, 48)
        self.c.houses[asset].row_seq = row_seq

    def set_limits(self, uint32_t number, int64_t credit_limit, own_limit=None, lease_max=None):
        """Bounds of the account's exposures, effective at once, not durable: they come from the configuration.

        credit_limit   the most the peer may owe us, holds included; units of the account
        own_limit      the most we may owe the peer, holds included; None: no limit
        lease_max      the most the peer may claim that we would not know after a crash; None: no limit
        """
        ledger_set_limits(
            self.c.block, self.slot(number), credit_limit,
            INT64_MAX if own_limit is None else own_limit, INT64_MAX if lease_max is None else lease_max,
        )

    def freeze(self, uint32_t number, bint frozen):
        """Stop (or allow again) new Prepares in both directions, at once; durable with the open group."""
        cdef ledger_slot *slot = self.slot(number)
        cdef uint32_t flags = ledger_flags(self.c.block, slot)
        ledger_set_flags(self.c.block, slot, number, flags | LEDGER_FROZEN if frozen else flags & ~LEDGER_FROZEN)

    def settle_in(self, uint32_t number, uint64_t amount):
        """The peer settled `amount`: the open group takes it. Raises AmountOverflowError (nothing changed)."""
        if ledger_settle_in(self.c.block, self.slot(number), number, amount) != 0:
            raise AmountOverflowError(f"account {number}: a settlement of {amount} leaves the account's range")

    def settle_out(self, uint32_t number, uint64_t amount):
        """We order a settlement of `amount` to the peer: the open group takes it. Raises AmountOverflowError."""
        if ledger_settle_out(self.c.block, self.slot(number), number, amount) != 0:
            raise AmountOverflowError(f"account {number}: a settlement of {amount} leaves the account's range")

    def watch(self, uint32_t number, line):
        """Report the account in `take_due` once its durable we_owe reaches `line`, now or with a later group; one report.

        line   units of the account; None ends the watch
        """
        self.slot(number)
        ledger_watch(&self.c, number, line is not None, 0 if line is None else line)

    @property
    def due(self):
        """Accounts that `take_due` would return."""
        return self.c.due_count

    def take_due(self):
        """Numbers of the accounts that reached their watch line since the last call; their watches have ended."""
        cdef uint32_t number
        numbers = []
        while ledger_take_due(&self.c, &number):
            numbers.append(number)
        return numbers

    def shrink_leases(self, bint all=False):
        """Lower idle leases to twice their hold, by half at most; `all`: to the hold itself (a clean stop). Returns how many."""
        cdef uint32_t number
        cdef int changed = 0
        for number in range(self.c.accounts_end):
            changed += ledger_shrink_lease(self.c.block, ledger_slot_at(self.c.block, number), number, all)
        return changed

    # --- what operators and tests read ---------------------------------------------------------------------------------

    @property
    def accounts_max(self):
        """Slots of the block."""
        return self.c.block.accounts_max

    def account(self, uint32_t number):
        """One account as a dict of ints (bool for open, frozen), amounts in its own units: durable counters, what follows from
        them, holds including decided but not yet durable packets, limits.
        """
        cdef ledger_slot *slot = self.slot(number)
        cdef const uint8_t *raw = <const uint8_t *>&slot.counters
        cdef uint32_t flags = ledger_flags(self.c.block, slot)
        result = {
            name: int.from_bytes(raw[16 * i : 16 * i + 16], "little") for i, name in enumerate(COUNTERS)
        }
        result["peer_owes"] = result["fulfilled_in"] - result["voided_in"] - result["settled_in"]
        result["we_owe"] = result["fulfilled_out"] - result["settled_out"]
        result["hold_in"] = slot.peer_exposure - result["peer_owes"]
        result["hold_out"] = slot.own_exposure - result["we_owe"]
        result["credit_limit"] = slot.credit_limit_set
        result["own_limit"] = slot.own_limit_set
        result["lease"] = slot.lease
        result["asset"] = slot.asset
        result["open"] = bool(flags & LEDGER_OPEN)
        result["frozen"] = bool(flags & LEDGER_FROZEN)
        return result

    def house(self, uint32_t asset):
        """Our own durable position in an asset: {"position", "cash", "loss"}."""
        self._asset(asset)
        cdef const uint8_t *raw = <const uint8_t *>&self.c.houses[asset]
        return {
            "position": int.from_bytes(raw[0:16], "little", signed=True),
            "cash": int.from_bytes(raw[16:32], "little", signed=True),
            "loss": int.from_bytes(raw[32:48], "little"),
        }

    # --- the turn of a group ---------------------------------------------------------------------------------------------

    @property
    def open_changes(self):
        """Changes in the open group; 0 means there is nothing to commit."""
        return self.c.block.touched[self.c.block.open]

    @property
    def sealed(self):
        """Is a group with the committer?"""
        return bool(self.c.sealed)

    def seal(self):
        """Close the open group, empty or not; it is the committer's until release. Loop thread, between two batches."""
        if self.c.sealed:
            raise RuntimeError("a group is being committed already")
        ledger_seal(&self.c)

    def encode(
        self, uint32_t kind, uint64_t epoch, uint64_t seq, uint64_t delivered_seq, int64_t wall_ms, bytes previous,
        uint32_t blocks_min=4,
    ):
        """The sealed group as bytes. Any thread, while the group is sealed; the GIL is released.

        kind         1 group, 2 boot, 3 stop
        seq          strictly growing
        previous     digest of the record before, 32 bytes
        blocks_min   row blocks of 16 accounts to fold at least, when so many changed
        returns      Written
        """
        cdef ledger_head head
        cdef int failed
        cdef uint32_t i
        cdef uint8_t house[LEDGER_HOUSE_BYTES]
        cdef size_t block_bytes = LEDGER_ROW_BYTES * LEDGER_BLOCK_ACCOUNTS
        if not self.c.sealed or len(previous) != 32:
            raise ValueError("encode takes a sealed group and a digest of 32 bytes")
        head.kind = <unsigned short>kind
        head.epoch = epoch
        head.seq = seq
        head.delivered_seq = delivered_seq
        head.wall_ms = wall_ms
        memcpy(head.previous, <const char *>previous, 32)
        with nogil:
            failed = ledger_encode(&self.c, &head, blocks_min)
        if failed:
            raise MemoryError("no memory for a log record")
        rows = []
        for i in range(self.c.rows_count):
            rows.append((
                int(self.c.row_blocks[i]).to_bytes(4, "big"),
                (<const uint8_t *>self.c.rows + i * block_bytes)[:block_bytes],
            ))
        houses = []
        for i in range(self.c.house_count):
            ledger_house_row(&self.c, self.c.house_list[i], house)
            houses.append((int(self.c.house_list[i]).to_bytes(4, "big"), (<const uint8_t *>house)[:LEDGER_HOUSE_BYTES]))
        return Written(
            (<const uint8_t *>self.c.record)[:self.c.record_len], rows, houses, self.c.folded_seq
        )

    def release(self):
        """The sealed group is durable: counters take its changes, holds become charges, leases may be used. Loop thread."""
        if not self.c.sealed:
            raise RuntimeError("no group is sealed")
        ledger_release(&self.c)

    # --- the moves of one packet, one at a time: what the hooks of the balance middleware do ------------------------------

    def hold_in(self, uint32_t number, uint64_t amount):
        """Returns an ilp_status: OK (0) or INSUFFICIENT_LIQUIDITY."""
        return ledger_hold_in(self.slot(number), amount)

    def hold_out(self, uint32_t number, uint64_t amount):
        """Returns an ilp_status: OK, WAIT (1: ask again when the open group is durable) or OUTGOING_LIQUIDITY."""
        return ledger_hold_out(self.c.block, self.slot(number), number, amount)

    def release_in(self, uint32_t number, uint64_t amount):
        """Give a hold back."""
        ledger_release_in(self.slot(number), amount)

    def release_out(self, uint32_t number, uint64_t amount):
        """Give a hold back."""
        ledger_release_out(self.slot(number), amount)

    def charge(self, uint32_t number, uint64_t amount):
        """The peer's packet was fulfilled: its hold becomes a charge with the open group. Returns WAIT, OK for amount 0."""
        return ledger_charge(self.c.block, self.slot(number), number, amount)

    def credit(self, uint32_t number, uint64_t amount):
        """The peer fulfilled our packet: its hold becomes our debt with the open group. Returns WAIT, OK for amount 0."""
        return ledger_credit(self.c.block, self.slot(number), number, amount)

    def void(self, uint32_t number, uint64_t amount):
        """Undo a durable charge with the open group. Returns WAIT, OK for amount 0."""
        return ledger_void(self.c.block, self.slot(number), number, amount)

    def _asset(self, uint32_t asset):
        if asset >= self.c.assets_max:
            raise IndexError(f"asset number {asset}: the book has room for {self.c.assets_max}")
