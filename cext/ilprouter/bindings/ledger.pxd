# The books in C, declared once. Meaning, units and ownership are in cext/ledger/ledger_book.h.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "ledger/ledger_book.h" nogil:
    enum:
        LEDGER_BLOCK_ACCOUNTS
        LEDGER_ROW_BYTES
        LEDGER_HOUSE_BYTES
        LEDGER_OPEN
        LEDGER_FROZEN
    ctypedef struct ledger_counters:
        pass
    ctypedef struct ledger_slot:
        int64_t peer_exposure
        int64_t credit_limit
        int64_t own_exposure
        int64_t own_limit
        int64_t lease_line
        int64_t lease
        ledger_counters counters
        int64_t credit_limit_set
        int64_t own_limit_set
        int64_t lease_max
        uint32_t asset
        uint32_t flags
    ctypedef struct ledger_block:
        uint32_t accounts_max
        uint32_t open
        uint32_t *touched
    ctypedef struct ledger_house:
        uint64_t row_seq
    ctypedef struct ledger_book:
        ledger_block *block
        ledger_house *houses
        uint32_t assets_max
        uint32_t due_count
        uint32_t accounts_end
        uint32_t unfolded_count
        uint64_t folded_seq
        uint8_t sealed
        uint8_t *record
        size_t record_len
        uint8_t *rows
        uint32_t *row_blocks
        uint32_t rows_count
        uint32_t *house_list
        uint32_t house_count
    ctypedef struct ledger_head:
        uint16_t kind
        uint64_t epoch
        uint64_t seq
        uint64_t delivered_seq
        int64_t wall_ms
        uint8_t *previous
    ledger_slot *ledger_slot_at(ledger_block *block, uint32_t number)
    int ledger_hold_in(ledger_slot *slot, uint64_t amount)
    void ledger_release_in(ledger_slot *slot, uint64_t amount)
    int ledger_charge(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    int ledger_void(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    int ledger_hold_out(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    void ledger_release_out(ledger_slot *slot, uint64_t amount)
    int ledger_credit(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    int ledger_book_open(ledger_book *book, uint32_t accounts_max, uint32_t assets_max)
    void ledger_book_close(ledger_book *book)
    void ledger_seal(ledger_book *book)
    int ledger_encode(ledger_book *book, const ledger_head *head, uint32_t blocks_min)
    void ledger_release(ledger_book *book)
    void ledger_house_row(const ledger_book *book, uint32_t asset, uint8_t *out)
    void ledger_mark(ledger_book *book, uint32_t number)
    int ledger_restore(ledger_slot *slot)
    uint32_t ledger_flags(const ledger_block *block, const ledger_slot *slot)
    void ledger_set_limits(ledger_block *block, ledger_slot *slot, int64_t credit_limit, int64_t own_limit, int64_t lease_max)
    void ledger_set_flags(ledger_block *block, ledger_slot *slot, uint32_t number, uint32_t flags)
    int ledger_settle_in(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    int ledger_settle_out(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount)
    int ledger_shrink_lease(ledger_block *block, ledger_slot *slot, uint32_t number, bint all)
    void ledger_watch(ledger_book *book, uint32_t number, bint on, int64_t line)
    bint ledger_take_due(ledger_book *book, uint32_t *number)
    void ledger_account_open(ledger_book *book, uint32_t number, uint32_t asset)
