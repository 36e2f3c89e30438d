/* Generation-checked slots over one lazy mapping. Owns the free list; knows nothing of the contents. */
#define _GNU_SOURCE
#include "ilp_slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_SLOT UINT32_MAX

struct ilp_slots {
    uint8_t *memory;
    size_t stride;
    uint32_t count;
    uint32_t fresh; /* slots never used so far: their pages are untouched */
    uint32_t free;  /* head of the free list, NO_SLOT when empty */
    uint32_t in_use;
};

static inline ilp_slot *slot_at(const ilp_slots *slots, uint32_t index) {
    return (ilp_slot *)(slots->memory + slots->stride * index);
}

ilp_slots *ilp_slots_new(uint32_t count, size_t slot_size) {
    if (count == 0 || slot_size < sizeof(ilp_slot)) return NULL;
    ilp_slots *slots = calloc(1, sizeof *slots);
    if (!slots) return NULL;
    slots->stride = (slot_size + 15) & ~(size_t)15;
    slots->count = count;
    slots->free = NO_SLOT;
    void *memory = mmap(NULL, slots->stride * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(slots);
        return NULL;
    }
    slots->memory = memory;
    return slots;
}

void ilp_slots_free(ilp_slots *slots) {
    if (!slots) return;
    munmap(slots->memory, slots->stride * slots->count);
    free(slots);
}

void *ilp_slots_get(ilp_slots *slots) {
    ilp_slot *slot;
    if (slots->free != NO_SLOT) {
        slot = slot_at(slots, slots->free);
        slots->free = slot->next_free;
    } else if (slots->fresh < slots->count) {
        slot = slot_at(slots, slots->fresh);
        slot->index = slots->fresh++;
    } else {
        return NULL;
    }
    assert((slot->generation & 1) == 0);
    slot->generation++;
    memset((uint8_t *)slot + sizeof *slot, 0, slots->stride - sizeof *slot);
    slots->in_use++;
    return slot;
}

void ilp_slots_put(ilp_slots *slots, void *at) {
    ilp_slot *slot = at;
    assert(slot->generation & 1);
    slot->generation++;
    slot->next_free = slots->free;
    slots->free = slot->index;
    slots->in_use--;
}

void *ilp_slots_find(const ilp_slots *slots, uint64_t name) {
    const uint32_t index = (uint32_t)name, generation = (uint32_t)(name >> 32);
    if (index >= slots->fresh || (generation & 1) == 0) return NULL;
    ilp_slot *slot = slot_at(slots, index);
    return slot->generation == generation ? slot : NULL;
}

uint32_t ilp_slots_in_use(const ilp_slots *slots) { return slots->in_use; }
