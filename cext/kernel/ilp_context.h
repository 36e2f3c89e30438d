/* What travels with one Prepare: the slot of the pending table is the context, so nothing is copied while a packet waits.
 *
 * Owned by ilp_pending; filled by the switch; hooks read it and write the fields named for them. No account, no price. */
#ifndef ILP_CONTEXT_H
#define ILP_CONTEXT_H

#include <stdint.h>

#include "ilp_pool.h"

#define ILP_HOOKS_MAX 8 /* per pipeline; the longest shipped pipeline has 7 */

typedef unsigned __int128 ilp_u128;

struct ilp_link;

typedef enum ilp_state {
    ILP_STATE_FREE = 0,
    ILP_STATE_HELD,      /* in the incoming or outgoing pipeline, nothing sent */
    ILP_STATE_PARKED,    /* a hook said ILP_WAIT to the Prepare: resumed when the open group is durable */
    ILP_STATE_FORWARDED, /* sent to the next link; exactly one of the next three follows (I6) */
    ILP_STATE_FULFILLED, /* decided: waiting for the commit barrier */
    ILP_STATE_REJECTED,
    ILP_STATE_EXPIRED,
} ilp_state;

typedef struct ilp_context {
    uint32_t index;      /* slot number */
    uint32_t generation; /* grows at each reuse; (generation << 32 | index) is the handle endpoints keep */
    uint8_t state;       /* ilp_state */
    uint8_t hooks_in;    /* hooks of the incoming pipeline that let it pass: these are walked back */
    uint8_t hooks_out;   /* likewise, outgoing */
    uint8_t overflow;    /* floor(base) does not fit amount_outgoing: refused unless an outgoing exchange computes it anew */
    uint32_t data_len;   /* length of the Prepare's data, kept for byte quotas */

    ilp_buffer *packet; /* the Prepare until Link.send takes it (then NULL); the answer on the way back */

    const void *pipeline_in;  /* the ilp_pipeline each side was walked through: replaced ones live until the packet ends */
    const void *pipeline_out; /* NULL until routed */
    uint32_t amount_offset;   /* where the Prepare's amount starts in packet */
    uint32_t bilateral;       /* destination peer.*: between two neighbours, never forwarded */

    struct ilp_link *incoming;
    struct ilp_link *outgoing; /* NULL until routed */
    uint64_t incoming_token;   /* the incoming link's name for this request, given back with the answer */
    uint64_t outgoing_token;   /* the outgoing link's name for it, set by Link.send */

    uint64_t amount_incoming;  /* units of the incoming link */
    ilp_u128 base_numerator;   /* exact amount in the base currency = numerator / denominator */
    uint64_t base_denominator; /* > 0 */
    uint64_t amount_outgoing;  /* units of the outgoing link; the switch presets floor(base) */
    uint64_t amount_maximum;   /* set by the hook that returns ILP_AMOUNT_TOO_LARGE: the inclusive limit, incoming units */

    /* Deadlines are CLOCK_BOOTTIME nanoseconds: a step of the wall clock does not move them. */
    int64_t received_ns;         /* when the batch was read */
    int64_t expires_incoming_ns; /* no Fulfill leaves at or after this */
    int64_t expires_outgoing_ns; /* our timer; hooks may only lower it */
    int64_t expires_outgoing_ms; /* the same as wall-clock ms since 1970: what the packet will say; lower both together */

    const uint8_t *destination_view; /* inside packet; valid until Link.send */
    uint32_t destination_len;
    uint8_t condition[32];

    /* Intrusive lists, kept by ilp_pending (timer wheel) and the switch (commit barrier, free list). Indices, not pointers. */
    uint32_t timer_next;
    uint32_t timer_prev;
    uint32_t timer_bucket;
    uint32_t list_next;

    uint64_t scratch_in[ILP_HOOKS_MAX];  /* one word for each hook of the incoming pipeline, for its own way back */
    uint64_t scratch_out[ILP_HOOKS_MAX]; /* likewise, outgoing */
} ilp_context;

/* amount_outgoing = floor(base): exact base units when no exchange follows. */
static inline void ilp_context_floor_base(ilp_context *ctx) {
    ilp_u128 base = ctx->base_denominator == 1 ? ctx->base_numerator : ctx->base_numerator / ctx->base_denominator;
    ctx->overflow = base > UINT64_MAX;
    ctx->amount_outgoing = ctx->overflow ? UINT64_MAX : (uint64_t)base;
}

/* Start loading the fields that the way back reads. */
static inline void ilp_context_prefetch(const ilp_context *ctx) {
    __builtin_prefetch(&ctx->index);
    __builtin_prefetch(&ctx->incoming);
    __builtin_prefetch(&ctx->expires_incoming_ns);
    __builtin_prefetch(&ctx->list_next);
}

static inline uint64_t ilp_context_handle(const ilp_context *ctx) { return ((uint64_t)ctx->generation << 32) | ctx->index; }

#endif
