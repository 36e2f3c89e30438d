/* The table behind ilp_routes.h: one hash per segment boundary of a destination, longest first. Knows no account and no price.
 *
 * Two blocks: `slots` (8 bytes each, at most half full) is all that a miss touches; `entries` holds link and prefix together, so
 * that a hit costs one more cache line. Depths at which no route ends are never looked up. The hash is keyed with random
 * numbers per table: prefixes learned from peers cannot be chosen to collide. */
#include "ilp_routes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DEPTH_MAX ((ILP_ADDRESS_MAX + 1) / 2) /* most segments of an address: each takes a character and a dot */
#define DEPTH_WORDS (DEPTH_MAX / 64 + 1)
#define ENTRY_ALIGN 8u

typedef struct slot {
    uint32_t tag;   /* high half of the hash */
    uint32_t entry; /* 1 + offset into entries / ENTRY_ALIGN; 0: empty */
} slot;

typedef struct entry {
    uint32_t link;
    uint32_t len;
    uint8_t prefix[];
} entry;

struct ilp_routes {
    uint64_t key[2];
    slot *slots;
    uint8_t *entries;
    size_t entries_len;
    uint32_t mask; /* slots - 1 */
    uint32_t count;
    uint32_t depth_max;           /* segments of the deepest route */
    uint32_t default_entry;       /* of the empty prefix, like slot.entry */
    uint64_t depths[DEPTH_WORDS]; /* bit n: some route has n segments */
};

_Static_assert(sizeof(slot) == 8, "eight slots to a cache line");
_Static_assert(sizeof(entry) == 8 && ENTRY_ALIGN >= _Alignof(entry), "entries follow each other aligned");
_Static_assert(DEPTH_MAX == 512, "x.x.x: 512 segments in 1023 characters");

static inline entry *entry_at(const ilp_routes *routes, uint32_t number) {
    return (entry *)(void *)(routes->entries + (size_t)(number - 1) * ENTRY_ALIGN);
}

/* Multiply to 128 bits and fold: every input bit reaches every output bit that counts. */
static inline uint64_t mix(const ilp_routes *routes, uint64_t hash, uint64_t word) {
    unsigned __int128 product = (unsigned __int128)(hash ^ word) * routes->key[1];
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The 8 bytes at `at` as a number whose lowest byte comes first; those at or after `end` read as zero. `len` is that of the whole string. */
static inline uint64_t load_word(const uint8_t *at, const uint8_t *end, size_t len) {
    uint64_t word;
    size_t left = (size_t)(end - at);
    if (left >= 8) {
        memcpy(&word, at, 8);
    } else if (len >= 8) { /* read the last 8 bytes instead and shift away those before `at` */
        memcpy(&word, end - 8, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        return left ? word >> (8 * (8 - left)) : 0;
    } else {
        word = 0;
        for (size_t i = 0; i < left; i++) word |= (uint64_t)at[i] << (8 * i);
        return word;
    }
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The lowest byte of `word` that is a dot has its top bit set in the result; bits above it may be wrong. */
static inline uint64_t dots(uint64_t word) {
    uint64_t zero = word ^ 0x2e2e2e2e2e2e2e2eu;
    return (zero - 0x0101010101010101u) & ~zero & 0x8080808080808080u;
}

/* Hash the next segment on top of `hash`. Returns where it ends: at a dot or at `end`. */
static inline const uint8_t *hash_segment(const ilp_routes *routes, const uint8_t *at, const uint8_t *end, size_t len,
                                          uint64_t *hash) {
    for (;;) {
        uint64_t word = load_word(at, end, len);
        uint64_t dot = dots(word);
        size_t left = (size_t)(end - at);
        if (dot) {
            size_t n = (size_t)__builtin_ctzll(dot) / 8;
            *hash = mix(routes, *hash, word & ((UINT64_C(1) << (8 * n)) - 1));
            return at + n;
        }
        *hash = mix(routes, *hash, word);
        if (left < 8) return end;
        at += 8;
    }
}

static uint32_t *find_slot(const ilp_routes *routes, uint64_t hash, const uint8_t *prefix, uint32_t len, slot **free_slot) {
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t i = (uint32_t)hash & routes->mask;; i = (i + 1) & routes->mask) {
        slot *slot = &routes->slots[i];
        if (slot->entry == 0) {
            if (free_slot) *free_slot = slot;
            return NULL;
        }
        if (slot->tag != tag) continue;
        entry *found = entry_at(routes, slot->entry);
        if (found->len == len && memcmp(found->prefix, prefix, len) == 0) return &slot->entry;
    }
}

static size_t entry_size(uint32_t prefix_len) {
    return (sizeof(entry) + prefix_len + ENTRY_ALIGN - 1) & ~(size_t)(ENTRY_ALIGN - 1);
}

/* Append an entry to the block; room for it was reserved. */
static uint32_t append(ilp_routes *routes, const ilp_route *route) {
    entry *added = (entry *)(void *)(routes->entries + routes->entries_len);
    added->link = route->link;
    added->len = route->prefix.len;
    if (route->prefix.len) memcpy(added->prefix, route->prefix.at, route->prefix.len);
    uint32_t number = (uint32_t)(routes->entries_len / ENTRY_ALIGN) + 1;
    routes->entries_len += entry_size(route->prefix.len);
    routes->count++;
    return number;
}

static void insert(ilp_routes *routes, const ilp_route *route) {
    const uint8_t *at = route->prefix.at;
    uint32_t len = route->prefix.len;
    if (len == 0) {
        if (routes->default_entry)
            entry_at(routes, routes->default_entry)->link = route->link;
        else
            routes->default_entry = append(routes, route);
        return;
    }
    const uint8_t *end = at + len;
    uint64_t hash = routes->key[0];
    uint32_t depth = 0;
    for (;;) {
        at = hash_segment(routes, at, end, len, &hash);
        depth++;
        if (at == end) break;
        at++;
    }
    slot *free_slot;
    uint32_t *known = find_slot(routes, hash, route->prefix.at, len, &free_slot);
    if (known) {
        entry_at(routes, *known)->link = route->link;
        return;
    }
    free_slot->tag = (uint32_t)(hash >> 32);
    free_slot->entry = append(routes, route);
    routes->depths[depth / 64] |= UINT64_C(1) << (depth % 64);
    if (depth > routes->depth_max) routes->depth_max = depth;
}

ilp_routes *ilp_routes_build(const ilp_route *list, uint32_t count) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) bytes += entry_size(list[i].prefix.len);
    size_t slots = 8;
    while (slots < 2 * (size_t)count) slots *= 2;
    if (bytes / ENTRY_ALIGN >= UINT32_MAX || slots > UINT32_MAX) return NULL;

    ilp_routes *routes = calloc(1, sizeof *routes);
    if (!routes) return NULL;
    routes->slots = calloc(slots, sizeof(slot));
    routes->entries = malloc(bytes ? bytes : 1);
    if (!routes->slots || !routes->entries || getrandom(routes->key, sizeof routes->key, 0) != (ssize_t)sizeof routes->key) {
        ilp_routes_free(routes);
        return NULL;
    }
    routes->key[1] |= 1; /* an even multiplier would lose bits */
    routes->mask = (uint32_t)(slots - 1);
    for (uint32_t i = 0; i < count; i++) insert(routes, &list[i]);
    return routes;
}

void ilp_routes_free(ilp_routes *routes) {
    if (!routes) return;
    free(routes->slots);
    free(routes->entries);
    free(routes);
}

uint32_t ilp_routes_find(const ilp_routes *routes, ilp_bytes_view destination, uint32_t *prefix_len) {
    uint64_t hashes[DEPTH_MAX + 1];
    uint16_t ends[DEPTH_MAX + 1];
    uint32_t depth = 0;
    if (destination.len) {
        const uint8_t *at = destination.at;
        const uint8_t *end = at + destination.len;
        uint64_t hash = routes->key[0];
        while (depth < routes->depth_max) {
            at = hash_segment(routes, at, end, destination.len, &hash);
            depth++;
            hashes[depth] = hash;
            ends[depth] = (uint16_t)(at - destination.at);
            __builtin_prefetch(&routes->slots[(uint32_t)hash & routes->mask]);
            if (at == end) break;
            at++;
        }
    }
    for (; depth > 0; depth--) {
        if (!(routes->depths[depth / 64] >> (depth % 64) & 1)) continue;
        const uint32_t *found = find_slot(routes, hashes[depth], destination.at, ends[depth], NULL);
        if (found) {
            if (prefix_len) *prefix_len = ends[depth];
            return entry_at(routes, *found)->link;
        }
    }
    if (prefix_len) *prefix_len = 0;
    return routes->default_entry ? entry_at(routes, routes->default_entry)->link : ILP_NO_LINK;
}

uint32_t ilp_routes_count(const ilp_routes *routes) { return routes->count; }

size_t ilp_routes_memory(const ilp_routes *routes) {
    return sizeof *routes + ((size_t)routes->mask + 1) * sizeof(slot) + routes->entries_len;
}

bool ilp_routes_next(const ilp_routes *routes, uint32_t *cursor, ilp_route *out) {
    size_t offset = (size_t)*cursor * ENTRY_ALIGN;
    if (offset >= routes->entries_len) return false;
    const entry *entry = entry_at(routes, *cursor + 1);
    out->prefix.at = entry->prefix;
    out->prefix.len = entry->len;
    out->link = entry->link;
    *cursor += (uint32_t)(entry_size(entry->len) / ENTRY_ALIGN);
    return true;
}
