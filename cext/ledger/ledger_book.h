/* The books in memory: one flat block of fixed-size account slots, with the group of changes that waits for the disk.
 *
 * Owns what the packet path touches: holds, limits, the open group. Must not know LMDB, Python, packets or prices.
 *
 * A slot is two hot cache lines and a cold rest: a Prepare costs one atomic operation on one line for each of its two accounts, and so
 * does its Fulfill. Everything on the packet path is inline here and never fails except by status. Sealing, encoding and
 * releasing a group are in ledger_book.c.
 *
 * Words: peer_owes = fulfilled_in - voided_in - settled_in (what the peer owes us, negative when it has prefunded);
 * we_owe = fulfilled_out - settled_out. An *exposure* is that plus the holds, so the holds are never stored: they are the
 * difference. Every exposure stays within [INT64_MIN, INT64_MAX] units of the account, hence every hold within u64.
 *
 * Threads: hooks, seal and release run on the loop thread(s) between which only atomics are shared; encode runs on the
 * committer thread and reads the sealed half only. Seal and release exclude hooks: they run between two batches. */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ilp_status.h"

typedef __int128 ledger_i128;
typedef unsigned __int128 ledger_u128;

#define LEDGER_BLOCK_ACCOUNTS 16u /* accounts per durable row: 16 x 112 bytes stay inside a leaf page of LMDB */
#define LEDGER_ROW_BYTES 112u
#define LEDGER_TOUCHES_MAX 7u /* kinds of change that can each enter an account once into a group's list */
#define LEDGER_LEASE_MIN 1024 /* units: the first lease of an account, so that doubling starts above dust */

enum {
    LEDGER_OPEN = 1u,   /* the account exists */
    LEDGER_FROZEN = 2u, /* no new Prepare in either direction; those in flight finish */
};

/* Every counter only grows; units of the account. */
typedef struct ledger_counters {
    ledger_u128 fulfilled_in;  /* amounts of fulfilled packets that came from the peer */
    ledger_u128 voided_in;     /* charges undone because their Fulfill came too late to be delivered */
    ledger_u128 fulfilled_out; /* amounts of fulfilled packets that went to the peer */
    ledger_u128 settled_in;    /* settlements received */
    ledger_u128 settled_out;   /* settlements ordered */
} ledger_counters;

/* Index [2]: the open group and the sealed one, by parity. */
typedef struct ledger_slot {
    /* line 0: the peer as the incoming side */
    int64_t peer_exposure; /* peer_owes + holds of its Prepares, decided-not-durable included */
    int64_t credit_limit;  /* bound of peer_exposure; INT64_MIN while frozen */
    uint64_t charged[2];   /* += fulfilled_in; each packet was held first, so the sum fits (see above) */
    uint64_t voided[2];    /* += voided_in; at most what the group before charged, so the sum fits */
    uint64_t spare[2];
    /* line 1: the peer as the outgoing side */
    int64_t own_exposure;   /* we_owe + holds of Prepares sent to it */
    int64_t own_limit;      /* bound of own_exposure; INT64_MIN while frozen */
    int64_t lease_line;     /* we_owe + the lease that may be used now: own_exposure never passes it */
    int64_t lease;          /* durable bound of what the peer may claim after a crash (I10) */
    uint64_t credited[2];   /* += fulfilled_out */
    uint64_t lease_next[2]; /* new lease + 1, 0: no change */
    /* cold */
    ledger_counters counters; /* durable values; written by release only */
    uint64_t settled_in[2];
    uint64_t settled_out[2];
    int64_t credit_limit_set; /* what the operator configured, also while frozen */
    int64_t own_limit_set;
    int64_t lease_max;
    uint32_t asset;
    uint32_t flags;         /* durable */
    uint32_t flags_next[2]; /* new flags | LEDGER_FLAGS_CHANGED, 0: no change */
    uint64_t encoded;       /* sequence of the last group this account was encoded in: each enters it once */
    int64_t watch_line;     /* once the durable we_owe reaches it, the account enters the list of due ones */
    uint64_t watch;         /* LEDGER_WATCH_* */
    uint64_t reserved[2];
} ledger_slot;

enum {
    LEDGER_WATCH_OFF = 0,
    LEDGER_WATCH_ON = 1,
    LEDGER_WATCH_DUE = 2, /* in the list */
};

#define LEDGER_FLAGS_CHANGED 0x80000000u

_Static_assert(sizeof(ledger_slot) == 320, "whole cache lines");
_Static_assert(offsetof(ledger_slot, own_exposure) == 64, "one line for each direction");

/* The shared block: this header, two lists of touched accounts, then the slots. Offsets only, so that it can be mapped elsewhere. */
typedef struct ledger_block {
    uint32_t accounts_max;
    uint32_t open; /* parity of the open group */
    uint32_t touched[2];
    uint64_t list_offset;
    uint64_t slot_offset;
    uint64_t reserved[4];
} ledger_block;

static inline ledger_slot *ledger_slot_at(ledger_block *block, uint32_t number) {
    return (ledger_slot *)((char *)block + block->slot_offset) + number;
}

static inline uint32_t *ledger_list(ledger_block *block, uint32_t group) {
    return (uint32_t *)((char *)block + block->list_offset) + (size_t)group * block->accounts_max * LEDGER_TOUCHES_MAX;
}

static inline void ledger_touch(ledger_block *block, uint32_t group, uint32_t number) {
    uint32_t at = __atomic_fetch_add(&block->touched[group], 1u, __ATOMIC_RELAXED);
    ledger_list(block, group)[at] = number;
}

/* Add to one field of the open group; the first change of its kind enters the account into the group's list. */
static inline void ledger_add(ledger_block *block, uint64_t field[2], uint32_t number, uint64_t amount) {
    uint32_t group = block->open;
    if (__atomic_fetch_add(&field[group], amount, __ATOMIC_RELAXED) == 0) ledger_touch(block, group, number);
}

/* Take a hold for a Prepare from the peer: peer_exposure + amount <= credit_limit, whoever else is doing the same (M23).
 * A compare-and-swap, not add-then-undo: an overshoot that others could see, or that wraps, never exists. */
static inline int ledger_hold_in(ledger_slot *slot, uint64_t amount) {
    int64_t limit = __atomic_load_n(&slot->credit_limit, __ATOMIC_RELAXED);
    int64_t old = __atomic_load_n(&slot->peer_exposure, __ATOMIC_RELAXED);
    int64_t sum;
    if (amount == 0) return limit == INT64_MIN ? ILP_INSUFFICIENT_LIQUIDITY : ILP_OK;
    do {
        if (__builtin_add_overflow(old, amount, &sum) || sum > limit) return ILP_INSUFFICIENT_LIQUIDITY;
    } while (!__atomic_compare_exchange_n(&slot->peer_exposure, &old, sum, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return ILP_OK;
}

static inline void ledger_release_in(ledger_slot *slot, uint64_t amount) {
    __atomic_fetch_sub(&slot->peer_exposure, (int64_t)amount, __ATOMIC_RELAXED);
}

/* The hold becomes a charge; the exposure stays as it is (I7), the counter follows when the group is durable. */
static inline int ledger_charge(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    if (amount == 0) return ILP_OK;
    ledger_add(block, slot->charged, number, amount);
    return ILP_WAIT;
}

/* Undo a durable charge; the exposure falls only when the void is durable. */
static inline int ledger_void(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    if (amount == 0) return ILP_OK;
    ledger_add(block, slot->voided, number, amount);
    return ILP_WAIT;
}

/* Derived from durable counters, exact. */
static inline ledger_i128 ledger_peer_owes(const ledger_slot *slot) {
    const ledger_counters *c = &slot->counters;
    return (ledger_i128)(c->fulfilled_in - c->voided_in - c->settled_in);
}

static inline ledger_i128 ledger_we_owe(const ledger_slot *slot) {
    return (ledger_i128)(slot->counters.fulfilled_out - slot->counters.settled_out);
}

static inline void ledger_lease_order(ledger_block *block, ledger_slot *slot, uint32_t number, int64_t lease) {
    uint32_t group = block->open;
    if (slot->lease_next[group] == 0) ledger_touch(block, group, number);
    slot->lease_next[group] = (uint64_t)lease + 1u;
}

/* Put a larger lease into the open group: twice what is needed, at most lease_max. The slow way of ledger_hold_out. */
__attribute__((noinline, cold, unused)) static int ledger_raise_lease(ledger_block *block, ledger_slot *slot, uint32_t number,
                                                                      uint64_t amount) {
    ledger_i128 we_owe = ledger_we_owe(slot);
    ledger_i128 needed = (ledger_i128)slot->own_exposure + amount - we_owe;
    ledger_i128 most = slot->lease_max;
    uint64_t ordered = slot->lease_next[block->open];
    if (most > INT64_MAX - we_owe) most = INT64_MAX - we_owe; /* the lease line stays within i64 */
    if (needed > most) return ILP_OUTGOING_LIQUIDITY;
    ledger_i128 lease = 2 * needed;
    /* Several packets may wait for one group: each adds what it needs itself, so that they pass together. */
    if (ordered && lease < (ledger_i128)ordered + amount) lease = (ledger_i128)ordered + amount;
    if (lease < LEDGER_LEASE_MIN) lease = LEDGER_LEASE_MIN;
    if (lease > most) lease = most;
    ledger_lease_order(block, slot, number, (int64_t)lease);
    return ILP_WAIT;
}

/* Take a hold for a Prepare to the peer: within our own limit (else ILP_OUTGOING_LIQUIDITY) and within the durable lease
 * (else ILP_WAIT: a raise is in the open group, ask again when it is durable). */
static inline int ledger_hold_out(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    int64_t limit = __atomic_load_n(&slot->own_limit, __ATOMIC_RELAXED);
    int64_t old = __atomic_load_n(&slot->own_exposure, __ATOMIC_RELAXED);
    int64_t sum;
    if (amount == 0) return limit == INT64_MIN ? ILP_OUTGOING_LIQUIDITY : ILP_OK;
    do {
        if (__builtin_add_overflow(old, amount, &sum) || sum > limit) return ILP_OUTGOING_LIQUIDITY;
        if (sum > __atomic_load_n(&slot->lease_line, __ATOMIC_RELAXED)) return ledger_raise_lease(block, slot, number, amount);
    } while (!__atomic_compare_exchange_n(&slot->own_exposure, &old, sum, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return ILP_OK;
}

static inline void ledger_release_out(ledger_slot *slot, uint64_t amount) {
    __atomic_fetch_sub(&slot->own_exposure, (int64_t)amount, __ATOMIC_RELAXED);
}

static inline int ledger_credit(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    if (amount == 0) return ILP_OK;
    ledger_add(block, slot->credited, number, amount);
    return ILP_WAIT;
}

/* --- below: not on the packet path ------------------------------------------------------------------------------------- */

/* Our own position per asset: position = sum(fulfilled_in - voided_in - fulfilled_out), cash = sum(settled_in - settled_out). */
typedef struct ledger_house {
    ledger_i128 position;
    ledger_i128 cash;
    ledger_u128 loss; /* sum(voided_in): late answers we paid for; part of position, with its own counter */
    uint64_t row_seq; /* group of the last change */
    uint64_t encoded; /* group that is being encoded or was last */
    ledger_i128 position_delta;
    ledger_i128 cash_delta;
    ledger_u128 loss_delta;
} ledger_house;

/* One process's handle: the shared block, the house, and what the committer keeps to itself. */
typedef struct ledger_book {
    ledger_block *block;
    size_t block_bytes;
    ledger_house *houses;
    uint32_t assets_max;
    uint32_t blocks_max;
    uint32_t *due; /* accounts whose watch line was reached, each once, until they are taken */
    uint32_t due_count;
    uint32_t accounts_end; /* one past the highest account number in use */
    uint8_t *unfolded;     /* per row block: changed since its last fold */
    uint32_t unfolded_count;
    uint32_t fold_cursor;
    uint64_t fold_pass;    /* sequence at which the running pass over the blocks began */
    uint64_t folded_seq;   /* every log record up to here is contained in the rows of the last encoded group */
    uint8_t sealed;        /* a group is sealed and not yet released */
    uint32_t sealed_group; /* its parity */
    /* Output of ledger_encode, valid until the next one. */
    uint8_t *record;
    size_t record_len, record_cap;
    uint8_t *rows; /* row blocks of 16 x LEDGER_ROW_BYTES, one after the other */
    uint32_t *row_blocks;
    uint32_t rows_count, rows_cap;
    uint32_t *house_list; /* assets changed by the group */
    uint32_t house_count;
} ledger_book;

/* What goes into the record's header; the rest of it follows from the group. */
typedef struct ledger_head {
    uint16_t kind;
    uint64_t epoch;
    uint64_t seq;
    uint64_t delivered_seq;
    int64_t wall_ms;
    uint8_t previous[32];
} ledger_head;

/* 0, or -1 when memory cannot be had. close is safe on a zeroed or half-opened book. */
int ledger_book_open(ledger_book *book, uint32_t accounts_max, uint32_t assets_max);
void ledger_book_close(ledger_book *book);

/* Close the open group, empty or not: its changes belong to the committer until release. Not while a group is sealed. */
void ledger_seal(ledger_book *book);

/* Write the sealed group (possibly empty) as a log record into book->record, fold at least `blocks_min` changed row blocks
 * into book->rows, list the changed assets. Committer thread. 0, or -1 when memory cannot be had. */
int ledger_encode(ledger_book *book, const ledger_head *head, uint32_t blocks_min);

/* The sealed group is durable: its changes enter the counters, holds become charges, leases become usable. Loop thread. */
void ledger_release(ledger_book *book);

/* One house as its durable row, the sealed change included. */
#define LEDGER_HOUSE_BYTES 64u
void ledger_house_row(const ledger_book *book, uint32_t asset, uint8_t out[LEDGER_HOUSE_BYTES]);

/* The account's row block differs from its durable row: let the fold write it. */
void ledger_mark(ledger_book *book, uint32_t number);

/* Set the exposures and the lease line from counters that recovery wrote; no holds. -1: a position outside i64. */
int ledger_restore(ledger_slot *slot);

void ledger_set_limits(ledger_block *block, ledger_slot *slot, int64_t credit_limit, int64_t own_limit, int64_t lease_max);
/* As last ordered, durable or not. */
uint32_t ledger_flags(const ledger_block *block, const ledger_slot *slot);
/* Effective at once, durable with the open group. */
void ledger_set_flags(ledger_block *block, ledger_slot *slot, uint32_t number, uint32_t flags);
/* -1: the position would fall below -2^62 (the rest of i64 stays free for voids); nothing changed. The exposure moves
 * when the group is durable. */
int ledger_settle_in(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount);
int ledger_settle_out(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount);
/* Lower the lease to twice the current hold, but not below half of what it is; `all`: to the hold itself. Usable at
 * once, durable with the open group. 1 when something changed. */
int ledger_shrink_lease(ledger_block *block, ledger_slot *slot, uint32_t number, bool all);
/* Watch the account's durable we_owe: checked now, and then once for each group that touches the account, never per
 * packet. One report for each call; `on` false ends the watch. A report that waits to be taken stays. */
void ledger_watch(ledger_book *book, uint32_t number, bool on, int64_t line);
/* Take one account off the list of due ones; false when it is empty. */
bool ledger_take_due(ledger_book *book, uint32_t *number);
/* A new account: no holds, no counters, existing once the open group is durable. */
void ledger_account_open(ledger_book *book, uint32_t number, uint32_t asset);

uint32_t ledger_crc32(const uint8_t *bytes, size_t len); /* as zlib's crc32 */

#endif
