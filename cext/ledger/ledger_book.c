/* The books off the packet path: opening, limits, leases, settlements, and the turn of a group (seal, release).
 *
 * Owns the rules of ledger_book.h; must not know how a group is written down (ledger_record.c) nor LMDB. */
#define _GNU_SOURCE
#include "ledger_book.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE 64u
#define POSITION_MIN (INT64_MIN / 2) /* settlements stop here, so that voids never carry an exposure out of i64 */

static uint64_t round_up(uint64_t bytes) { return (bytes + LINE - 1u) & ~(uint64_t)(LINE - 1u); }

int ledger_book_open(ledger_book *book, uint32_t accounts_max, uint32_t assets_max) {
    memset(book, 0, sizeof *book);
    accounts_max = (accounts_max + LEDGER_BLOCK_ACCOUNTS - 1u) / LEDGER_BLOCK_ACCOUNTS * LEDGER_BLOCK_ACCOUNTS;
    uint64_t list_offset = round_up(sizeof(ledger_block));
    uint64_t slot_offset = round_up(list_offset + 2u * (uint64_t)accounts_max * LEDGER_TOUCHES_MAX * sizeof(uint32_t));
    book->block_bytes = slot_offset + (uint64_t)accounts_max * sizeof(ledger_slot);
    /* Address space only: pages come with the accounts. Shared, so that later packet processes can inherit it. */
    void *memory = mmap(NULL, book->block_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return -1;
    book->block = memory;
    book->block->accounts_max = accounts_max;
    book->block->list_offset = list_offset;
    book->block->slot_offset = slot_offset;
    book->assets_max = assets_max;
    book->blocks_max = accounts_max / LEDGER_BLOCK_ACCOUNTS;
    book->houses = calloc(assets_max, sizeof *book->houses);
    book->house_list = calloc(assets_max, sizeof *book->house_list);
    book->unfolded = calloc(book->blocks_max ? book->blocks_max : 1u, 1);
    book->due = calloc(accounts_max ? accounts_max : 1u, sizeof *book->due);
    if (!book->houses || !book->house_list || !book->unfolded || !book->due) {
        ledger_book_close(book);
        return -1;
    }
    return 0;
}

void ledger_book_close(ledger_book *book) {
    if (book->block) munmap(book->block, book->block_bytes);
    free(book->houses);
    free(book->house_list);
    free(book->unfolded);
    free(book->due);
    free(book->record);
    free(book->rows);
    free(book->row_blocks);
    memset(book, 0, sizeof *book);
}

int ledger_restore(ledger_slot *slot) {
    ledger_i128 peer_owes = ledger_peer_owes(slot);
    ledger_i128 we_owe = ledger_we_owe(slot);
    if (peer_owes < INT64_MIN || peer_owes > INT64_MAX || we_owe < INT64_MIN || we_owe > INT64_MAX) return -1;
    slot->peer_exposure = (int64_t)peer_owes;
    slot->own_exposure = (int64_t)we_owe;
    slot->lease = 0; /* the boot commit ends every lease */
    slot->lease_line = (int64_t)we_owe;
    return 0;
}

static void apply_limits(ledger_slot *slot, uint32_t flags) {
    bool closed = (flags & LEDGER_FROZEN) || !(flags & LEDGER_OPEN);
    __atomic_store_n(&slot->credit_limit, closed ? INT64_MIN : slot->credit_limit_set, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->own_limit, closed ? INT64_MIN : slot->own_limit_set, __ATOMIC_RELAXED);
}

/* The flags as last ordered, durable or not. */
static uint32_t flags_now(const ledger_block *block, const ledger_slot *slot) {
    uint32_t open = slot->flags_next[block->open];
    uint32_t sealed = slot->flags_next[block->open ^ 1u];
    return (open ? open : sealed ? sealed : slot->flags) & ~LEDGER_FLAGS_CHANGED;
}

void ledger_set_limits(ledger_block *block, ledger_slot *slot, int64_t credit_limit, int64_t own_limit, int64_t lease_max) {
    slot->credit_limit_set = credit_limit;
    slot->own_limit_set = own_limit;
    slot->lease_max = lease_max;
    apply_limits(slot, flags_now(block, slot));
}

void ledger_set_flags(ledger_block *block, ledger_slot *slot, uint32_t number, uint32_t flags) {
    uint32_t group = block->open;
    if (slot->flags_next[group] == 0) ledger_touch(block, group, number);
    slot->flags_next[group] = flags | LEDGER_FLAGS_CHANGED;
    apply_limits(slot, flags);
}

uint32_t ledger_flags(const ledger_block *block, const ledger_slot *slot) { return flags_now(block, slot); }

void ledger_account_open(ledger_book *book, uint32_t number, uint32_t asset) {
    ledger_slot *slot = ledger_slot_at(book->block, number);
    slot->asset = asset;
    if (number >= book->accounts_end) book->accounts_end = number + 1u;
    ledger_set_flags(book->block, slot, number, LEDGER_OPEN);
}

static int settle(ledger_block *block, uint64_t field[2], uint32_t number, ledger_i128 position, uint64_t amount) {
    uint32_t group = block->open;
    ledger_i128 after = position - field[0] - field[1] - amount;
    if (after < POSITION_MIN || field[group] + amount < field[group]) return -1;
    if (amount > 0) ledger_add(block, field, number, amount);
    return 0;
}

int ledger_settle_in(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    return settle(block, slot->settled_in, number, ledger_peer_owes(slot), amount);
}

int ledger_settle_out(ledger_block *block, ledger_slot *slot, uint32_t number, uint64_t amount) {
    return settle(block, slot->settled_out, number, ledger_we_owe(slot), amount);
}

int ledger_shrink_lease(ledger_block *block, ledger_slot *slot, uint32_t number, bool all) {
    int64_t we_owe = (int64_t)ledger_we_owe(slot);
    ledger_u128 hold = (ledger_u128)((ledger_i128)slot->own_exposure - we_owe);
    ledger_u128 lease = (ledger_u128)slot->lease;
    ledger_u128 target = all ? hold : 2u * hold > lease / 2u ? 2u * hold : lease / 2u;
    if (!all && hold == 0 && lease <= LEDGER_LEASE_MIN) return 0;
    if (target >= lease || slot->lease_next[0] || slot->lease_next[1]) return 0;
    slot->lease_line = we_owe + (int64_t)target; /* first out of use, then off the disk */
    ledger_lease_order(block, slot, number, (int64_t)target);
    return 1;
}

void ledger_seal(ledger_book *book) {
    book->sealed_group = book->block->open;
    book->sealed = 1;
    book->block->open ^= 1u;
}

/* An account is in the list at most once, so the list has room for all. */
static void report_if_due(ledger_book *book, ledger_slot *slot, uint32_t number) {
    if (slot->watch != LEDGER_WATCH_ON || ledger_we_owe(slot) < slot->watch_line) return;
    slot->watch = LEDGER_WATCH_DUE;
    book->due[book->due_count++] = number;
}

void ledger_watch(ledger_book *book, uint32_t number, bool on, int64_t line) {
    ledger_slot *slot = ledger_slot_at(book->block, number);
    if (slot->watch == LEDGER_WATCH_DUE) return;
    slot->watch = on ? LEDGER_WATCH_ON : LEDGER_WATCH_OFF;
    slot->watch_line = line;
    report_if_due(book, slot, number);
}

bool ledger_take_due(ledger_book *book, uint32_t *number) {
    if (book->due_count == 0) return false;
    *number = book->due[--book->due_count];
    ledger_slot_at(book->block, *number)->watch = LEDGER_WATCH_OFF;
    return true;
}

static void release_slot(ledger_slot *slot, uint32_t group) {
    ledger_counters *counters = &slot->counters;
    uint64_t voided = slot->voided[group], settled_in = slot->settled_in[group], settled_out = slot->settled_out[group];
    counters->fulfilled_in += slot->charged[group];
    counters->voided_in += voided;
    counters->fulfilled_out += slot->credited[group];
    counters->settled_in += settled_in;
    counters->settled_out += settled_out;
    if (voided | settled_in) __atomic_fetch_sub(&slot->peer_exposure, (int64_t)(voided + settled_in), __ATOMIC_RELAXED);
    if (settled_out) __atomic_fetch_sub(&slot->own_exposure, (int64_t)settled_out, __ATOMIC_RELAXED);
    int64_t line = slot->lease_line + (int64_t)(slot->credited[group] - settled_out);
    if (slot->lease_next[group]) {
        uint64_t later = slot->lease_next[group ^ 1u]; /* a lower one ordered since then is in force already */
        uint64_t lease = slot->lease_next[group] - 1u;
        slot->lease = (int64_t)lease;
        if (later && later - 1u < lease) lease = later - 1u;
        line = (int64_t)ledger_we_owe(slot) + (int64_t)lease;
    }
    __atomic_store_n(&slot->lease_line, line, __ATOMIC_RELAXED);
    if (slot->flags_next[group]) slot->flags = slot->flags_next[group] & ~LEDGER_FLAGS_CHANGED;
    slot->charged[group] = slot->voided[group] = slot->credited[group] = 0;
    slot->settled_in[group] = slot->settled_out[group] = slot->lease_next[group] = 0;
    slot->flags_next[group] = 0;
}

void ledger_release(ledger_book *book) {
    ledger_block *block = book->block;
    uint32_t group = book->sealed_group;
    const uint32_t *list = ledger_list(block, group);
    for (uint32_t i = 0; i < block->touched[group]; i++) {
        ledger_slot *slot = ledger_slot_at(block, list[i]);
        release_slot(slot, group);
        report_if_due(book, slot, list[i]);
    }
    block->touched[group] = 0;
    for (uint32_t i = 0; i < book->house_count; i++) {
        ledger_house *house = &book->houses[book->house_list[i]];
        house->position += house->position_delta;
        house->cash += house->cash_delta;
        house->loss += house->loss_delta;
        house->position_delta = house->cash_delta = 0;
        house->loss_delta = 0;
    }
    book->house_count = 0;
    book->sealed = 0;
}

void ledger_mark(ledger_book *book, uint32_t number) {
    uint8_t *mark = &book->unfolded[number / LEDGER_BLOCK_ACCOUNTS];
    book->unfolded_count += !*mark;
    *mark = 1;
}
