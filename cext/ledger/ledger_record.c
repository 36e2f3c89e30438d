/* A sealed group written down: the log record, the rows that the rolling fold renews, the rows of the houses.
 *
 * Owns the byte layout of docs/decisions/0005-ledger-layout.md; must not know how the bytes reach the disk. Little-endian. */
#include "ledger_book.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they lie in memory");

#define RECORD_VERSION 1u
#define HEADER_BYTES 88u
#define ACCOUNT_BYTES_MAX (8u + 8u * LEDGER_TOUCHES_MAX)
#define HOUSE_DELTA_BYTES 56u
#define FOLD_PASS_COMMITS 128u /* a pass over the changed rows ends within about so many commits: bounds the log */

enum { FULFILLED_IN = 1, VOIDED_IN = 2, FULFILLED_OUT = 4, SETTLED_IN = 8, SETTLED_OUT = 16, LEASE = 32, FLAGS = 64 };

static uint8_t *put16(uint8_t *at, uint16_t v) { return (uint8_t *)memcpy(at, &v, 2) + 2; }
static uint8_t *put32(uint8_t *at, uint32_t v) { return (uint8_t *)memcpy(at, &v, 4) + 4; }
static uint8_t *put64(uint8_t *at, uint64_t v) { return (uint8_t *)memcpy(at, &v, 8) + 8; }
static uint8_t *put128(uint8_t *at, ledger_u128 v) { return (uint8_t *)memcpy(at, &v, 16) + 16; }

static uint8_t *put_part(uint8_t *at, uint32_t *mask, uint32_t bit, uint64_t value) {
    if (value == 0) return at;
    *mask |= bit;
    return put64(at, value);
}

/* number u32, mask u32, then one u64 for each bit of the mask, lowest bit first. */
static uint8_t *put_account(uint8_t *at, const ledger_slot *slot, uint32_t number, uint32_t group) {
    uint32_t mask = 0;
    uint8_t *body = at + 8;
    body = put_part(body, &mask, FULFILLED_IN, slot->charged[group]);
    body = put_part(body, &mask, VOIDED_IN, slot->voided[group]);
    body = put_part(body, &mask, FULFILLED_OUT, slot->credited[group]);
    body = put_part(body, &mask, SETTLED_IN, slot->settled_in[group]);
    body = put_part(body, &mask, SETTLED_OUT, slot->settled_out[group]);
    if (slot->lease_next[group]) {
        mask |= LEASE;
        body = put64(body, slot->lease_next[group] - 1u);
    }
    if (slot->flags_next[group]) {
        mask |= FLAGS;
        body = put64(body, slot->flags_next[group] & ~LEDGER_FLAGS_CHANGED);
    }
    put32(put32(at, number), mask);
    return body;
}

static void add_to_house(ledger_book *book, const ledger_slot *slot, uint32_t group, uint64_t seq) {
    ledger_house *house = &book->houses[slot->asset];
    uint64_t in = slot->charged[group], voided = slot->voided[group], out = slot->credited[group];
    uint64_t settled_in = slot->settled_in[group], settled_out = slot->settled_out[group];
    if (!(in | voided | out | settled_in | settled_out)) return;
    if (house->encoded != seq) {
        house->encoded = seq;
        house->position_delta = house->cash_delta = 0;
        house->loss_delta = 0;
        book->house_list[book->house_count++] = slot->asset;
    }
    house->position_delta += (ledger_i128)in - voided - out;
    house->cash_delta += (ledger_i128)settled_in - settled_out;
    house->loss_delta += voided;
}

/* 112 bytes; an account that does not exist is all zeros. The sealed change is included: it becomes durable together with the row. */
static void put_row(uint8_t *at, const ledger_slot *slot, uint32_t number, uint32_t group, uint64_t seq) {
    const ledger_counters *c = &slot->counters;
    uint32_t flags = slot->flags_next[group] ? slot->flags_next[group] & ~LEDGER_FLAGS_CHANGED : slot->flags;
    uint64_t lease = slot->lease_next[group] ? slot->lease_next[group] - 1u : (uint64_t)slot->lease;
    uint8_t *row = at;
    if (flags == 0) {
        memset(at, 0, LEDGER_ROW_BYTES);
        return;
    }
    at = put128(at, c->fulfilled_in + slot->charged[group]);
    at = put128(at, c->voided_in + slot->voided[group]);
    at = put128(at, c->fulfilled_out + slot->credited[group]);
    at = put128(at, c->settled_in + slot->settled_in[group]);
    at = put128(at, c->settled_out + slot->settled_out[group]);
    at = put64(at, lease);
    at = put64(at, seq);
    at = put32(at, number);
    at = put32(at, slot->asset);
    at = put32(at, flags);
    put32(at, ledger_crc32(row, LEDGER_ROW_BYTES - 4u));
}

static int grow(void **memory, uint32_t *cap, uint32_t need, size_t unit) {
    if (need <= *cap) return 0;
    uint32_t larger = need + need / 2u;
    void *grown = realloc(*memory, larger * unit);
    if (!grown) return -1;
    *memory = grown;
    *cap = larger;
    return 0;
}

/* Renew some of the changed row blocks, in key order from where the last commit stopped: neighbours share a page of the
 * store. When the cursor reaches the end, everything that was logged when this pass began is in the rows. */
static int fold(ledger_book *book, uint64_t seq, uint32_t group, uint32_t blocks_min) {
    uint32_t blocks_end = (book->accounts_end + LEDGER_BLOCK_ACCOUNTS - 1u) / LEDGER_BLOCK_ACCOUNTS;
    uint32_t want = book->unfolded_count / FOLD_PASS_COMMITS + blocks_min;
    uint32_t cap = book->rows_cap;
    if (grow((void **)&book->rows, &cap, want, (size_t)LEDGER_ROW_BYTES * LEDGER_BLOCK_ACCOUNTS)) return -1;
    if (grow((void **)&book->row_blocks, &book->rows_cap, want, sizeof(uint32_t))) return -1;
    book->rows_count = 0;
    if (book->fold_pass == 0) book->fold_pass = seq;
    while (book->rows_count < want && book->fold_cursor < blocks_end) {
        uint32_t number = book->fold_cursor++;
        if (!book->unfolded[number]) continue;
        book->unfolded[number] = 0;
        book->unfolded_count--;
        uint8_t *row = book->rows + (size_t)book->rows_count * LEDGER_ROW_BYTES * LEDGER_BLOCK_ACCOUNTS;
        for (uint32_t i = 0; i < LEDGER_BLOCK_ACCOUNTS; i++) {
            uint32_t account = number * LEDGER_BLOCK_ACCOUNTS + i;
            put_row(row + (size_t)i * LEDGER_ROW_BYTES, ledger_slot_at(book->block, account), account, group, seq);
        }
        book->row_blocks[book->rows_count++] = number;
    }
    if (book->fold_cursor >= blocks_end) {
        book->folded_seq = book->fold_pass;
        book->fold_pass = seq + 1u; /* the next pass starts with the next commit */
        book->fold_cursor = 0;
    }
    return 0;
}

static size_t put_header(uint8_t *at, const ledger_head *head, uint32_t accounts, uint32_t houses, size_t len) {
    uint8_t *end = put16(at, RECORD_VERSION);
    end = put16(end, head->kind);
    end = put32(end, accounts);
    end = put32(end, houses);
    end = put32(end, 0); /* entries of single packets: none in this version */
    end = put32(end, (uint32_t)len);
    end = put32(end, 0);
    end = put64(end, head->epoch);
    end = put64(end, head->seq);
    end = put64(end, head->delivered_seq);
    end = put64(end, (uint64_t)head->wall_ms);
    memcpy(end, head->previous, 32);
    return (size_t)(end + 32 - at);
}

int ledger_encode(ledger_book *book, const ledger_head *head, uint32_t blocks_min) {
    ledger_block *block = book->block;
    uint32_t group = book->sealed_group;
    uint32_t touched = block->touched[group];
    const uint32_t *list = ledger_list(block, group);
    size_t need = HEADER_BYTES + (size_t)touched * ACCOUNT_BYTES_MAX + (size_t)book->assets_max * HOUSE_DELTA_BYTES;
    if (need > book->record_cap) {
        uint8_t *grown = realloc(book->record, need * 2u);
        if (!grown) return -1;
        book->record = grown;
        book->record_cap = need * 2u;
    }
    uint8_t *at = book->record + HEADER_BYTES;
    uint32_t accounts = 0;
    book->house_count = 0;
    for (uint32_t i = 0; i < touched; i++) {
        ledger_slot *slot = ledger_slot_at(block, list[i]);
        if (slot->encoded == head->seq) continue;
        slot->encoded = head->seq;
        at = put_account(at, slot, list[i], group);
        add_to_house(book, slot, group, head->seq);
        ledger_mark(book, list[i]);
        accounts++;
    }
    for (uint32_t i = 0; i < book->house_count; i++) {
        ledger_house *house = &book->houses[book->house_list[i]];
        house->row_seq = head->seq;
        at = put32(put32(at, book->house_list[i]), 0);
        at = put128(at, (ledger_u128)house->position_delta);
        at = put128(at, (ledger_u128)house->cash_delta);
        at = put128(at, house->loss_delta);
    }
    book->record_len = (size_t)(at - book->record);
    put_header(book->record, head, accounts, book->house_count, book->record_len);
    return fold(book, head->seq, group, blocks_min);
}

void ledger_house_row(const ledger_book *book, uint32_t asset, uint8_t out[LEDGER_HOUSE_BYTES]) {
    const ledger_house *house = &book->houses[asset];
    uint8_t *at = put128(out, (ledger_u128)(house->position + house->position_delta));
    at = put128(at, (ledger_u128)(house->cash + house->cash_delta));
    at = put128(at, house->loss + house->loss_delta);
    at = put64(at, house->row_seq);
    at = put32(at, asset);
    put32(at, ledger_crc32(out, LEDGER_HOUSE_BYTES - 4u));
}

/* CRC-32 (IEEE 802.3, reflected), four bytes at a time; tables are derived once per process, before any thread needs them. */
static uint32_t crc_table[4][256];

__attribute__((constructor)) static void crc_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        crc_table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 4; k++) crc_table[k][i] = (crc_table[k - 1][i] >> 8) ^ crc_table[0][crc_table[k - 1][i] & 0xFFu];
}

uint32_t ledger_crc32(const uint8_t *bytes, size_t len) {
    uint32_t crc = 0xFFFFFFFFu;
    for (; len >= 4; len -= 4, bytes += 4) {
        uint32_t word;
        memcpy(&word, bytes, 4);
        crc ^= word;
        crc = crc_table[3][crc & 0xFFu] ^ crc_table[2][(crc >> 8) & 0xFFu] ^ crc_table[1][(crc >> 16) & 0xFFu] ^
              crc_table[0][crc >> 24];
    }
    for (; len; len--, bytes++) crc = (crc >> 8) ^ crc_table[0][(crc ^ *bytes) & 0xFFu];
    return ~crc;
}
