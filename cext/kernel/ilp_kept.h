/* Answers kept by request id, so that a request repeated by its sender is forwarded once and answered with the same bytes.
 *
 * Owns the entries and copies of the answers, within bounds per sender and in all; the oldest answers go first. Knows no HTTP,
 * no packet and no clock: `now_ns` only grows. One allocation for each answer that is kept: only senders who name their
 * requests pay for it, and the copy is as large as the answer instead of a whole packet buffer. */
#ifndef ILP_KEPT_H
#define ILP_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ilp_siphash.h"
#include "ilp_slots.h"

typedef struct ilp_kept ilp_kept;
typedef struct ilp_kept_entry ilp_kept_entry;

typedef struct ilp_kept_list {
    ilp_kept_entry *first;
    ilp_kept_entry *last;
} ilp_kept_list;

/* One sender's part, embedded in whatever stands for the sender, zeroed at first. It must stay in place until it was dropped and
 * every request of it was answered. */
typedef struct ilp_kept_share {
    uint32_t count;         /* entries, running and answered */
    uint32_t dropped;       /* no answer is kept for it any more */
    uint64_t bytes;         /* of the answers kept */
    ilp_kept_list answered; /* oldest first */
} ilp_kept_share;

struct ilp_kept_entry {
    ilp_slot slot;
    ilp_hash128 id;        /* keyed hash of the request's name */
    ilp_hash128 digest;    /* keyed hash of the request's bytes: tells a repeated request from a changed one */
    ilp_kept_share *share; /* whose it is */
    void *waiting;         /* the owner's: who else asked while it runs */
    uint8_t *answer;       /* NULL while the request runs */
    uint32_t answer_len;
    int64_t until_ns; /* an answer is forgotten then */
    ilp_kept_entry *chain;
    ilp_kept_entry *older, *newer;         /* among the answers of the share */
    ilp_kept_entry *older_all, *newer_all; /* among all answers */
};

typedef struct ilp_kept_limits {
    uint32_t entries;       /* in all */
    uint32_t share_entries; /* of one sender, running ones included */
    uint64_t share_bytes;   /* of one sender's answers */
    int64_t keep_ns;        /* from the answer on */
} ilp_kept_limits;

ilp_kept *ilp_kept_new(const ilp_kept_limits *limits); /* NULL when memory is short */
void ilp_kept_free(ilp_kept *kept);                    /* never looks at a share */

/* The request of that name, running or answered; NULL when it is not known (any more). */
ilp_kept_entry *ilp_kept_find(ilp_kept *kept, const ilp_kept_share *share, ilp_hash128 id, int64_t now_ns);
/* Note a new request, which find did not know. NULL when there is no place: every entry of the share, or of all, still runs. */
ilp_kept_entry *ilp_kept_begin(ilp_kept *kept, ilp_kept_share *share, ilp_hash128 id, ilp_hash128 digest, int64_t now_ns);
/* The answer has come: keep a copy. The entry may be gone afterwards (larger than the bounds, memory short, share dropped). */
void ilp_kept_answer(ilp_kept *kept, ilp_kept_entry *entry, const uint8_t *answer, uint32_t len, int64_t now_ns);
/* Forget the answers of a sender, and those still to come. */
void ilp_kept_drop(ilp_kept *kept, ilp_kept_share *share);

uint32_t ilp_kept_count(const ilp_kept *kept);

#endif
