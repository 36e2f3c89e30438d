/* Whom a bearer token belongs to: an immutable table of keyed hashes, replaced whole when tokens change.
 *
 * Owns the hashes, never a token: a memory dump shows no secret that could be replayed. Knows no header and no link. */
#ifndef ILP_TOKENS_H
#define ILP_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "ilp_siphash.h"

typedef struct ilp_tokens ilp_tokens;

typedef struct ilp_token_entry {
    const uint8_t *token; /* read during the build only */
    size_t len;           /* > 0 */
    void *owner;          /* what a look-up returns; not NULL; must outlive the table */
} ilp_token_entry;

/* `key` should be random and is copied. NULL when memory is short or two entries with different owners share a token. */
ilp_tokens *ilp_tokens_build(const uint8_t key[16], const ilp_token_entry *entries, uint32_t count);
void ilp_tokens_free(ilp_tokens *tokens);

/* The owner, or NULL. The work depends on the token's length and on the keyed hash only, so it says nothing about other tokens. */
void *ilp_tokens_find(const ilp_tokens *tokens, const uint8_t *token, size_t len);

/* Any other octets under the table's key: names that a peer chose and must not be able to make collide. */
ilp_hash128 ilp_tokens_hash(const ilp_tokens *tokens, const uint8_t *octets, size_t len);

#endif
