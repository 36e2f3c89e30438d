/* Token table: open addressing over 128-bit keyed hashes. Owns the slots; knows no header and no link. */
#include "ilp_tokens.h"

#include <stdlib.h>
#include <string.h>

typedef struct token_slot {
    ilp_hash128 hash;
    void *owner; /* NULL: empty */
} token_slot;

struct ilp_tokens {
    uint8_t key[16];
    uint32_t mask;
    token_slot slots[];
};

/* The slot holding `hash`, or the empty one where it belongs. Half the slots are empty, so this ends. */
static token_slot *slot_for(ilp_tokens *tokens, ilp_hash128 hash) {
    uint32_t at = (uint32_t)hash.low & tokens->mask;
    while (tokens->slots[at].owner &&
           ((tokens->slots[at].hash.low ^ hash.low) | (tokens->slots[at].hash.high ^ hash.high)) != 0) {
        at = (at + 1) & tokens->mask;
    }
    return &tokens->slots[at];
}

ilp_tokens *ilp_tokens_build(const uint8_t key[16], const ilp_token_entry *entries, uint32_t count) {
    uint32_t size = 8;
    while (size < 2 * (uint64_t)count) {
        if (size >= 1u << 30) return NULL;
        size *= 2;
    }
    ilp_tokens *tokens = calloc(1, sizeof *tokens + sizeof(token_slot) * (size_t)size);
    if (!tokens) return NULL;
    memcpy(tokens->key, key, 16);
    tokens->mask = size - 1;
    for (uint32_t i = 0; i < count; i++) {
        const ilp_hash128 hash = ilp_siphash(key, entries[i].token, entries[i].len);
        token_slot *slot = slot_for(tokens, hash);
        if (slot->owner && slot->owner != entries[i].owner) {
            free(tokens);
            return NULL;
        }
        slot->hash = hash;
        slot->owner = entries[i].owner;
    }
    return tokens;
}

void ilp_tokens_free(ilp_tokens *tokens) { free(tokens); }

void *ilp_tokens_find(const ilp_tokens *tokens, const uint8_t *token, size_t len) {
    const ilp_hash128 hash = ilp_siphash(tokens->key, token, len);
    return slot_for((ilp_tokens *)tokens, hash)->owner;
}

ilp_hash128 ilp_tokens_hash(const ilp_tokens *tokens, const uint8_t *octets, size_t len) {
    return ilp_siphash(tokens->key, octets, len);
}
