/* A pipeline: a flat table of hooks, walked forward for a Prepare and backward for its answer.
 *
 * Built once, immutable, replaced by one pointer swap between batches. Knows no concrete middleware. */
#ifndef ILP_PIPELINE_H
#define ILP_PIPELINE_H

#include "ilp_context.h"
#include "ilp_status.h"

/* Which answer walks back. */
typedef enum ilp_response {
    ILP_RESPONSE_FULFILL, /* valid and in time */
    ILP_RESPONSE_REJECT,  /* from the next hop; ctx->packet holds it and may be edited */
    ILP_RESPONSE_ABORT,   /* our own Reject: refused later in the pipelines, not sent, or expired; ctx->packet is NULL */
    ILP_RESPONSE_LATE,    /* incoming side only, after a FULFILL was walked back: it became durable too late to be delivered;
                             undo the charge (a void). ILP_WAIT: the Reject R00 waits until the void is durable */
} ilp_response;

/* ILP_OK lets the Prepare pass. ILP_WAIT parks it until the open group is durable; then the same hook is asked again. A status >= ILP_REJECT_FIRST refuses it, and the hook must leave nothing behind:
 * it is not walked back; every hook that let the packet pass is walked back exactly once. `scratch` is the hook's own word. */
typedef int (*ilp_on_prepare)(void *state, ilp_context *ctx, uint64_t *scratch);
/* ILP_OK, or ILP_WAIT (for FULFILL and LATE): the answer may leave only after the open group is durable. */
typedef int (*ilp_on_response)(void *state, ilp_context *ctx, uint64_t *scratch, int response);

typedef struct ilp_hook {
    ilp_on_prepare on_prepare;   /* NULL: not called */
    ilp_on_response on_response; /* NULL: not called */
    void *state;
} ilp_hook;

typedef struct ilp_pipeline {
    uint32_t count; /* <= ILP_HOOKS_MAX */
    ilp_hook hooks[ILP_HOOKS_MAX];
} ilp_pipeline;

#endif
