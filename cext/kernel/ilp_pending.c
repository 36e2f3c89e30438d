#define _GNU_SOURCE
#include "ilp_pending.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NONE UINT32_MAX
#define TICK_NS 4000000LL /* 4 ms: a timer fires within one tick of its deadline */
#define BUCKETS 16384u    /* 65.5 s of wheel: twice the longest hold (30 s), so one turn is enough */

struct ilp_pending {
    ilp_context *slots;
    uint32_t slots_max;
    uint32_t fresh; /* slots never used so far: their pages are untouched */
    uint32_t free;  /* head of the free list, by list_next */
    uint32_t in_use;
    uint32_t armed;
    int64_t tick;              /* ticks before this one are empty */
    uint32_t buckets[BUCKETS]; /* heads of doubly linked lists */
};

ilp_pending *ilp_pending_new(uint32_t slots_max, int64_t now_ns) {
    ilp_pending *pending = calloc(1, sizeof *pending);
    if (!pending) return NULL;
    void *memory = mmap(NULL, (size_t)slots_max * sizeof(ilp_context), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(pending);
        return NULL;
    }
    madvise(memory, (size_t)slots_max * sizeof(ilp_context), MADV_HUGEPAGE); /* fewer TLB misses; may be declined */
    pending->slots = memory;
    pending->slots_max = slots_max;
    pending->free = NONE;
    pending->tick = now_ns / TICK_NS;
    for (uint32_t i = 0; i < BUCKETS; i++) pending->buckets[i] = NONE;
    return pending;
}

void ilp_pending_free(ilp_pending *pending) {
    munmap(pending->slots, (size_t)pending->slots_max * sizeof(ilp_context));
    free(pending);
}

ilp_context *ilp_pending_get(ilp_pending *pending) {
    ilp_context *ctx;
    if (pending->free != NONE) {
        ctx = &pending->slots[pending->free];
        pending->free = ctx->list_next;
    } else if (pending->fresh < pending->slots_max) {
        ctx = &pending->slots[pending->fresh];
        ctx->index = pending->fresh++;
        ctx->generation = 1;
    } else {
        return NULL;
    }
    assert(ctx->state == ILP_STATE_FREE);
    ctx->state = ILP_STATE_HELD;
    ctx->hooks_in = 0;
    ctx->hooks_out = 0;
    ctx->packet = NULL;
    ctx->outgoing = NULL;
    ctx->timer_bucket = NONE;
    ctx->list_next = NONE;
    pending->in_use++;
    return ctx;
}

void ilp_pending_put(ilp_pending *pending, ilp_context *ctx) {
    assert(ctx->state != ILP_STATE_FREE);
    ilp_pending_disarm(pending, ctx);
    ctx->state = ILP_STATE_FREE;
    ctx->generation++;
    ctx->list_next = pending->free;
    pending->free = ctx->index;
    pending->in_use--;
}

ilp_context *ilp_pending_find(ilp_pending *pending, uint64_t handle) {
    uint32_t index = (uint32_t)handle;
    if (index >= pending->fresh) return NULL;
    ilp_context *ctx = &pending->slots[index];
    if (ctx->state == ILP_STATE_FREE || ctx->generation != (uint32_t)(handle >> 32)) return NULL;
    return ctx;
}

ilp_context *ilp_pending_at(ilp_pending *pending, uint32_t index) { return &pending->slots[index]; }

void ilp_pending_arm(ilp_pending *pending, ilp_context *ctx) {
    assert(ctx->timer_bucket == NONE);
    /* Rounded up: the tick that holds the deadline ends at or after it. A deadline already past goes to the next tick looked at. */
    int64_t tick = (ctx->expires_outgoing_ns + TICK_NS - 1) / TICK_NS;
    if (tick < pending->tick) tick = pending->tick;
    uint32_t bucket = (uint32_t)tick % BUCKETS;
    ctx->timer_bucket = bucket;
    ctx->timer_prev = NONE;
    ctx->timer_next = pending->buckets[bucket];
    if (ctx->timer_next != NONE) pending->slots[ctx->timer_next].timer_prev = ctx->index;
    pending->buckets[bucket] = ctx->index;
    pending->armed++;
}

void ilp_pending_disarm(ilp_pending *pending, ilp_context *ctx) {
    if (ctx->timer_bucket == NONE) return;
    if (ctx->timer_prev != NONE)
        pending->slots[ctx->timer_prev].timer_next = ctx->timer_next;
    else
        pending->buckets[ctx->timer_bucket] = ctx->timer_next;
    if (ctx->timer_next != NONE) pending->slots[ctx->timer_next].timer_prev = ctx->timer_prev;
    ctx->timer_bucket = NONE;
    pending->armed--;
}

ilp_context *ilp_pending_expired(ilp_pending *pending, int64_t now_ns) {
    int64_t now_tick = now_ns / TICK_NS;
    if (pending->armed == 0) {
        if (pending->tick < now_tick) pending->tick = now_tick;
        return NULL;
    }
    /* After a long sleep one turn of the wheel visits every bucket. */
    if (now_tick - pending->tick >= (int64_t)BUCKETS) pending->tick = now_tick - BUCKETS + 1;
    for (; pending->tick <= now_tick; pending->tick++) {
        uint32_t index = pending->buckets[(uint32_t)pending->tick % BUCKETS];
        for (; index != NONE; index = pending->slots[index].timer_next) {
            ilp_context *ctx = &pending->slots[index];
            if (ctx->expires_outgoing_ns > now_ns) continue; /* a later turn of the wheel, or later within this tick */
            ilp_pending_disarm(pending, ctx);
            return ctx;
        }
        if (pending->tick == now_tick) break; /* this tick may still receive timers */
    }
    return NULL;
}

uint32_t ilp_pending_in_use(const ilp_pending *pending) { return pending->in_use; }
uint32_t ilp_pending_max(const ilp_pending *pending) { return pending->slots_max; }
