/* Kept answers: a chained hash table over generation-checked slots, and two queues by age. Owns eviction; knows no clock. */
#include "ilp_kept.h"

#include <stdlib.h>
#include <string.h>

struct ilp_kept {
    ilp_kept_limits limits;
    ilp_slots *slots;
    ilp_kept_entry **buckets;
    uint32_t mask;
    ilp_kept_entry *oldest_all, *newest_all;
};

ilp_kept *ilp_kept_new(const ilp_kept_limits *limits) {
    uint32_t size = 16;
    while (size < limits->entries && size < 1u << 30) size *= 2;
    ilp_kept *kept = calloc(1, sizeof *kept);
    if (!kept) return NULL;
    kept->limits = *limits;
    kept->mask = size - 1;
    kept->buckets = calloc(size, sizeof *kept->buckets);
    kept->slots = ilp_slots_new(limits->entries, sizeof(ilp_kept_entry));
    if (kept->buckets && kept->slots) return kept;
    ilp_kept_free(kept);
    return NULL;
}

void ilp_kept_free(ilp_kept *kept) {
    if (!kept) return;
    for (ilp_kept_entry *entry = kept->oldest_all; entry; entry = entry->newer_all) free(entry->answer);
    ilp_slots_free(kept->slots);
    free(kept->buckets);
    free(kept);
}

static ilp_kept_entry **bucket_of(ilp_kept *kept, ilp_hash128 id) { return &kept->buckets[(uint32_t)id.low & kept->mask]; }

static void queue(ilp_kept *kept, ilp_kept_entry *entry) {
    ilp_kept_list *own = &entry->share->answered;
    entry->older = own->last;
    *(own->last ? &own->last->newer : &own->first) = entry;
    own->last = entry;
    entry->older_all = kept->newest_all;
    *(kept->newest_all ? &kept->newest_all->newer_all : &kept->oldest_all) = entry;
    kept->newest_all = entry;
}

static void unqueue(ilp_kept *kept, ilp_kept_entry *entry) {
    ilp_kept_list *own = &entry->share->answered;
    *(entry->older ? &entry->older->newer : &own->first) = entry->newer;
    *(entry->newer ? &entry->newer->older : &own->last) = entry->older;
    *(entry->older_all ? &entry->older_all->newer_all : &kept->oldest_all) = entry->newer_all;
    *(entry->newer_all ? &entry->newer_all->older_all : &kept->newest_all) = entry->older_all;
}

static void forget(ilp_kept *kept, ilp_kept_entry *entry) {
    ilp_kept_entry **at = bucket_of(kept, entry->id);
    while (*at != entry) at = &(*at)->chain;
    *at = entry->chain;
    if (entry->answer) {
        unqueue(kept, entry);
        entry->share->bytes -= entry->answer_len;
        free(entry->answer);
    }
    entry->share->count--;
    ilp_slots_put(kept->slots, entry);
}

static void forget_old(ilp_kept *kept, int64_t now_ns) {
    while (kept->oldest_all && kept->oldest_all->until_ns <= now_ns) forget(kept, kept->oldest_all);
}

ilp_kept_entry *ilp_kept_find(ilp_kept *kept, const ilp_kept_share *share, ilp_hash128 id, int64_t now_ns) {
    forget_old(kept, now_ns);
    for (ilp_kept_entry *entry = *bucket_of(kept, id); entry; entry = entry->chain) {
        if (entry->share == share && entry->id.low == id.low && entry->id.high == id.high) return entry;
    }
    return NULL;
}

ilp_kept_entry *ilp_kept_begin(ilp_kept *kept, ilp_kept_share *share, ilp_hash128 id, ilp_hash128 digest, int64_t now_ns) {
    forget_old(kept, now_ns);
    if (share->count >= kept->limits.share_entries) {
        if (!share->answered.first) return NULL;
        forget(kept, share->answered.first);
    }
    ilp_kept_entry *entry = ilp_slots_get(kept->slots);
    if (!entry && kept->oldest_all) {
        forget(kept, kept->oldest_all);
        entry = ilp_slots_get(kept->slots);
    }
    if (!entry) return NULL;
    entry->id = id;
    entry->digest = digest;
    entry->share = share;
    entry->chain = *bucket_of(kept, id);
    *bucket_of(kept, id) = entry;
    share->count++;
    return entry;
}

void ilp_kept_answer(ilp_kept *kept, ilp_kept_entry *entry, const uint8_t *answer, uint32_t len, int64_t now_ns) {
    ilp_kept_share *share = entry->share;
    uint8_t *copy = share->dropped || len > kept->limits.share_bytes ? NULL : malloc(len ? len : 1);
    if (!copy) {
        forget(kept, entry);
        return;
    }
    while (share->bytes + len > kept->limits.share_bytes) forget(kept, share->answered.first);
    memcpy(copy, answer, len);
    entry->answer = copy;
    entry->answer_len = len;
    entry->waiting = NULL;
    entry->until_ns = now_ns + kept->limits.keep_ns;
    share->bytes += len;
    queue(kept, entry);
}

void ilp_kept_drop(ilp_kept *kept, ilp_kept_share *share) {
    share->dropped = 1;
    while (share->answered.first) forget(kept, share->answered.first);
}

uint32_t ilp_kept_count(const ilp_kept *kept) { return ilp_slots_in_use(kept->slots); }
