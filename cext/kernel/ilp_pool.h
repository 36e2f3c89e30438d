/* Packet buffers, reserved once at start, handed out last-in first-out so that a quiet router touches little memory.
 *
 * One ILP packet lives in one buffer for its whole way through the router; ownership moves with the pointer:
 * endpoint -> switch -> next link (Prepare), and back (answer). Whoever owns a buffer puts it back exactly once.
 * Not thread safe: one pool belongs to one event loop. */
#ifndef ILP_POOL_H
#define ILP_POOL_H

#include <stddef.h>
#include <stdint.h>

#define ILP_BUFFER_TINY 512u    /* holds the usual packet: four times as many stay in the CPU's caches */
#define ILP_BUFFER_SMALL 2048u  /* holds what fits a datagram */
#define ILP_BUFFER_LARGE 42240u /* holds the largest legal packet: a Reject of 41 997 bytes (IL-RFC 27) */

typedef struct ilp_buffer {
    struct ilp_buffer *next; /* the owner's list link; free list when in the pool */
    uint32_t len;            /* bytes in use */
    uint32_t cap;            /* bytes available in data */
    uint32_t offset;         /* first byte of the ILP packet inside data; usually 0 */
    uint32_t in_use;         /* 1 while handed out: a second put is caught by an assert in debug builds */
    uint8_t data[];
} ilp_buffer;

typedef struct ilp_pool ilp_pool;

#ifdef __cplusplus
extern "C" {
#endif

/* Reserve address space for the buffers, as many tiny as small ones; pages are touched on first use. NULL when the mapping fails. */
ilp_pool *ilp_pool_new(uint32_t small_count, uint32_t large_count);
void ilp_pool_free(ilp_pool *pool);

/* A buffer with cap >= size, len 0, offset 0. NULL when none is left or size > ILP_BUFFER_LARGE. */
ilp_buffer *ilp_pool_get(ilp_pool *pool, uint32_t size);
/* Give a buffer back. NULL is allowed. */
void ilp_pool_put(ilp_pool *pool, ilp_buffer *buffer);

uint32_t ilp_pool_in_use(const ilp_pool *pool); /* buffers handed out: 0 at rest, or something leaks */

#ifdef __cplusplus
}
#endif

#endif
