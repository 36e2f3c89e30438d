/* The growth, the lists and the sliding bitmap behind ilp_window.h. Owns no policy: who calls decides what an id means. */
#include "ilp_window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16u
#define FIRST_BITS 512u

int ilp_window_init(ilp_window *window, uint32_t open_max) {
    memset(window, 0, sizeof *window);
    window->open_max = open_max < ILP_WINDOW_OPEN_MAX ? open_max : ILP_WINDOW_OPEN_MAX;
    window->capacity = FIRST_CAPACITY;
    window->fresh = 1;
    window->slots = calloc(FIRST_CAPACITY + 1, sizeof *window->slots);
    window->heads = calloc(FIRST_CAPACITY, sizeof *window->heads);
    if (window->slots && window->heads) return 0;
    free(window->slots);
    free(window->heads);
    memset(window, 0, sizeof *window);
    return -1;
}

void ilp_window_clear(ilp_window *window, ilp_pool *pool) {
    for (uint32_t number = 1; number < window->fresh; number++) {
        ilp_slot *slot = &window->slots[number];
        if (slot->id) ilp_pool_put(pool, slot->buffer);
        slot->id = 0;
        slot->buffer = NULL;
    }
    memset(window->heads, 0, window->capacity * sizeof *window->heads);
    memset(window->lists, 0, sizeof window->lists);
    window->used = 0;
    window->free = 0;
    window->fresh = 1;
}

void ilp_window_free(ilp_window *window, ilp_pool *pool) {
    if (!window->slots) return;
    ilp_window_clear(window, pool);
    free(window->slots);
    free(window->heads);
    memset(window, 0, sizeof *window);
}

static bool grow(ilp_window *window) {
    uint32_t capacity = window->capacity * 2;
    uint32_t *heads = calloc(capacity, sizeof *heads);
    if (!heads) return false;
    ilp_slot *slots = realloc(window->slots, ((size_t)capacity + 1) * sizeof *slots);
    if (!slots) {
        free(heads);
        return false;
    }
    window->slots = slots;
    free(window->heads);
    window->heads = heads;
    window->capacity = capacity;
    for (uint32_t number = 1; number < window->fresh; number++) { /* growth happens only when all slots are in use */
        uint32_t *head = &heads[slots[number].id & (capacity - 1)];
        slots[number].hash_next = *head;
        *head = number;
    }
    return true;
}

ilp_slot *ilp_window_add(ilp_window *window, uint64_t id) {
    assert(id && !ilp_window_find(window, id));
    if (window->used >= window->open_max) return NULL;
    uint32_t number = window->free;
    if (number) {
        window->free = window->slots[number].hash_next;
    } else {
        if (window->fresh > window->capacity && !grow(window)) return NULL;
        number = window->fresh++;
    }
    ilp_slot *slot = &window->slots[number];
    uint32_t *head = &window->heads[id & (window->capacity - 1)];
    memset(slot, 0, sizeof *slot);
    slot->id = id;
    slot->hash_next = *head;
    *head = number;
    window->used++;
    return slot;
}

static void unlink_slot(ilp_window *window, ilp_slot *slot) {
    ilp_slot_list *list = &window->lists[slot->list];
    if (slot->prev) {
        window->slots[slot->prev].next = slot->next;
    } else {
        list->first = slot->next;
    }
    if (slot->next) {
        window->slots[slot->next].prev = slot->prev;
    } else {
        list->last = slot->prev;
    }
    slot->next = slot->prev = 0;
    slot->list = ILP_WINDOW_NONE;
}

void ilp_window_move(ilp_window *window, ilp_slot *slot, uint32_t list) {
    if (slot->list != ILP_WINDOW_NONE) unlink_slot(window, slot);
    if (list == ILP_WINDOW_NONE) return;
    uint32_t number = ilp_window_number(window, slot);
    ilp_slot_list *target = &window->lists[list];
    slot->list = (uint8_t)list;
    slot->prev = target->last;
    if (target->last) {
        window->slots[target->last].next = number;
    } else {
        target->first = number;
    }
    target->last = number;
}

void ilp_window_remove(ilp_window *window, ilp_slot *slot) {
    uint32_t number = ilp_window_number(window, slot);
    uint32_t *at = &window->heads[slot->id & (window->capacity - 1)];
    assert(slot->id && !slot->buffer);
    ilp_window_move(window, slot, ILP_WINDOW_NONE);
    while (*at != number) at = &window->slots[*at].hash_next;
    *at = slot->hash_next;
    slot->id = 0;
    slot->hash_next = window->free;
    window->free = number;
    window->used--;
}

int ilp_idset_init(ilp_idset *set, uint64_t low) {
    set->low = low;
    set->bits = FIRST_BITS;
    set->words = calloc(FIRST_BITS / 64, sizeof *set->words);
    return set->words ? 0 : -1;
}

void ilp_idset_free(ilp_idset *set) {
    free(set->words);
    set->words = NULL;
    set->bits = 0;
}

void ilp_idset_reset(ilp_idset *set, uint64_t low) {
    memset(set->words, 0, set->bits / 8);
    set->low = low;
}

bool ilp_idset_grow(ilp_idset *set, uint64_t id) {
    uint64_t bits = set->bits;
    if (id - set->low >= ILP_WINDOW_SPAN) return false; /* also below low, by wrap-around */
    while (id - set->low >= bits) bits *= 2;
    uint64_t *words = calloc(bits / 64, sizeof *words);
    if (!words) return false;
    /* The old ring holds ids [low, low + old bits): copy it word by word; the word that holds both ends is split by masks. */
    uint64_t old = set->bits, first = set->low & ~63ull;
    for (uint64_t base = first; base < set->low + old; base += 64) {
        uint64_t word = set->words[(base & (old - 1)) >> 6];
        uint64_t mask = ~0ull;
        if (base < set->low) mask <<= set->low & 63;
        if (base + 64 > set->low + old) mask &= (1ull << ((set->low + old) & 63)) - 1;
        words[(base & (bits - 1)) >> 6] |= word & mask;
    }
    free(set->words);
    set->words = words;
    set->bits = bits;
    return true;
}

void ilp_idset_advance(ilp_idset *set, uint64_t low) {
    assert(low >= set->low);
    if (low - set->low >= set->bits) {
        ilp_idset_reset(set, low);
        return;
    }
    uint64_t id = set->low;
    while (id < low) {
        uint64_t *word = &set->words[(id & (set->bits - 1)) >> 6];
        uint64_t stop = (id | 63) + 1;
        if ((id & 63) == 0 && stop <= low) {
            *word = 0;
            id = stop;
        } else {
            uint64_t end = stop < low ? stop : low;
            uint64_t mask = end - id == 64 ? ~0ull : ((1ull << (end - id)) - 1) << (id & 63);
            *word &= ~mask;
            id = end;
        }
    }
    set->low = low;
}
