/* Two small tables for request ids: the open ones (id -> slot, with lists in order of time) and a sliding set of seen ones.
 * Owns memory that follows the number of open ids, never the rate; must not know frames, clocks or links.
 *
 * Both grow by doubling up to a bound given at start, so a quiet link costs a few hundred bytes. Not thread safe. */
#ifndef ILP_WINDOW_H
#define ILP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ilp_pool.h"

#define ILP_WINDOW_OPEN_MAX 65536u /* open ids of one direction of a link, at most */
#define ILP_WINDOW_SPAN 4194304u   /* how far an id may lie above LOW: 2^22, a bitmap of 512 KiB at worst */
#define ILP_WINDOW_LEVELS 7u       /* resend lists: time-outs of rto << 0 .. rto << 6 */
#define ILP_WINDOW_NONE 0u         /* list number of a slot in no list */
#define ILP_WINDOW_READY 1u        /* list number of slots to be written at the next flush */
#define ILP_WINDOW_SENT 2u         /* list number of level 0 */
#define ILP_WINDOW_LISTS (ILP_WINDOW_SENT + ILP_WINDOW_LEVELS)

typedef struct ilp_slot {
    uint64_t id;                    /* 0: free */
    ilp_buffer *buffer;             /* requester: the Prepare until answered. Responder: the answer once given */
    uint64_t tag;                   /* requester: the receiver's handle. Responder: digest of the request's bytes */
    int64_t sent_ns;                /* when it was last written to a datagram */
    int64_t deadline_ns;            /* requester: not sent again at or after this */
    uint32_t generation;            /* of the peer's session that it was first sent to; 0: not sent yet */
    uint32_t hash_next, next, prev; /* slot numbers, 0 = none */
    uint8_t list;                   /* which list it is in */
    uint8_t sends;                  /* times written to a datagram, stops at 255; only the first gives a round-trip sample */
    uint8_t answered;               /* requester: the answer was handed to the receiver. Responder: buffer holds the answer */
} ilp_slot;

typedef struct ilp_slot_list {
    uint32_t first, last;
} ilp_slot_list;

typedef struct ilp_window {
    ilp_slot *slots;   /* 1-based; slot 0 is unused */
    uint32_t *heads;   /* hash buckets by id & mask */
    uint32_t capacity; /* slots allocated, a power of two */
    uint32_t used;
    uint32_t open_max;
    uint32_t free;  /* list of free slots through hash_next */
    uint32_t fresh; /* slots from here on were never used */
    ilp_slot_list lists[ILP_WINDOW_LISTS];
} ilp_window;

/* 0, or -1 when memory runs out. Slot pointers are valid until the next ilp_window_add. */
int ilp_window_init(ilp_window *window, uint32_t open_max);
void ilp_window_free(ilp_window *window, ilp_pool *pool);   /* gives the buffers back */
void ilp_window_clear(ilp_window *window, ilp_pool *pool);  /* empty again, memory kept */
ilp_slot *ilp_window_add(ilp_window *window, uint64_t id);  /* id must be new and > 0; NULL when full or out of memory */
void ilp_window_remove(ilp_window *window, ilp_slot *slot); /* also from its list; the buffer must be gone */

static inline uint32_t ilp_window_number(const ilp_window *window, const ilp_slot *slot) {
    return (uint32_t)(slot - window->slots);
}

static inline ilp_slot *ilp_window_find(const ilp_window *window, uint64_t id) {
    uint32_t number = window->heads[id & (window->capacity - 1)];
    while (number) {
        ilp_slot *slot = &window->slots[number];
        if (slot->id == id) return slot;
        number = slot->hash_next;
    }
    return NULL;
}

/* Move a slot to the end of a list (from whichever it is in), or out of all with ILP_WINDOW_NONE. */
void ilp_window_move(ilp_window *window, ilp_slot *slot, uint32_t list);

static inline ilp_slot *ilp_window_first(const ilp_window *window, uint32_t list) {
    uint32_t number = window->lists[list].first;
    return number ? &window->slots[number] : NULL;
}

/* A set of ids in [low, low + ILP_WINDOW_SPAN), one bit each; everything below low is forgotten. */
typedef struct ilp_idset {
    uint64_t low;
    uint64_t *words;
    uint64_t bits; /* a power of two >= 64 */
} ilp_idset;

int ilp_idset_init(ilp_idset *set, uint64_t low);
void ilp_idset_free(ilp_idset *set);
void ilp_idset_reset(ilp_idset *set, uint64_t low);
/* False when the id is below low or not in the set. */
static inline bool ilp_idset_has(const ilp_idset *set, uint64_t id) {
    if (id - set->low >= set->bits) return false; /* also below low, by wrap-around */
    return set->words[(id & (set->bits - 1)) >> 6] >> (id & 63) & 1;
}
bool ilp_idset_grow(ilp_idset *set, uint64_t id);
/* False, and nothing changed, when the id is outside [low, low + span) or memory runs out. */
static inline bool ilp_idset_add(ilp_idset *set, uint64_t id) {
    if (id - set->low >= set->bits && !ilp_idset_grow(set, id)) return false;
    set->words[(id & (set->bits - 1)) >> 6] |= 1ull << (id & 63);
    return true;
}
/* Forget every id below `low`, which must not be below the present one. */
void ilp_idset_advance(ilp_idset *set, uint64_t low);

#endif
