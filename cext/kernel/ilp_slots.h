/* A fixed number of equal slots named by (generation, index), so that a name kept by someone else can go stale safely.
 *
 * Owns the memory and the generations; knows nothing of what a slot holds. Reserved once as address space, reused last-in
 * first-out. Not thread safe. The caller's struct begins with an ilp_slot. */
#ifndef ILP_SLOTS_H
#define ILP_SLOTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ilp_slot {
    uint32_t index;
    uint32_t generation; /* odd while in use */
    uint32_t next_free;
    uint32_t reserved;
} ilp_slot;

typedef struct ilp_slots ilp_slots;

ilp_slots *ilp_slots_new(uint32_t count, size_t slot_size); /* NULL when the mapping fails or slot_size is too small */
void ilp_slots_free(ilp_slots *slots);

void *ilp_slots_get(ilp_slots *slots);                       /* zeroed after its ilp_slot; NULL when all are in use */
void ilp_slots_put(ilp_slots *slots, void *slot);            /* every name of it goes stale */
void *ilp_slots_find(const ilp_slots *slots, uint64_t name); /* NULL for a stale or invented name */

uint32_t ilp_slots_in_use(const ilp_slots *slots);

static inline uint64_t ilp_slot_name(const ilp_slot *slot) { return ((uint64_t)slot->generation << 32) | slot->index; }

#endif
