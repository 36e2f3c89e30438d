/* Prepares in flight: a fixed table of contexts, a handle for correlation, and a timer wheel for expiry.
 *
 * Never a balance, never I/O. Reserved once; slots are reused last-in first-out. Not thread safe. */
#ifndef ILP_PENDING_H
#define ILP_PENDING_H

#include "ilp_context.h"

typedef struct ilp_pending ilp_pending;

#ifdef __cplusplus
extern "C" {
#endif

ilp_pending *ilp_pending_new(uint32_t slots_max, int64_t now_ns); /* NULL when memory cannot be mapped */
void ilp_pending_free(ilp_pending *pending);

ilp_context *ilp_pending_get(ilp_pending *pending);                   /* state HELD, fields otherwise stale; NULL when full */
void ilp_pending_put(ilp_pending *pending, ilp_context *ctx);         /* cancels the timer, grows the generation */
ilp_context *ilp_pending_find(ilp_pending *pending, uint64_t handle); /* NULL for a handle that is no longer in use */
ilp_context *ilp_pending_at(ilp_pending *pending, uint32_t index);

/* Start the expiry timer at ctx->expires_outgoing_ns. It fires never early and at most one tick (4 ms) plus the caller's
 * own polling interval late. */
void ilp_pending_arm(ilp_pending *pending, ilp_context *ctx);
void ilp_pending_disarm(ilp_pending *pending, ilp_context *ctx);

/* The next context whose deadline is at or before now_ns, disarmed; NULL when there is none (left). */
ilp_context *ilp_pending_expired(ilp_pending *pending, int64_t now_ns);

uint32_t ilp_pending_in_use(const ilp_pending *pending);
uint32_t ilp_pending_max(const ilp_pending *pending);

#ifdef __cplusplus
}
#endif

#endif
