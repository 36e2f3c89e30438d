/* Longest-prefix table of ILP address prefixes, whole segments only, immutable once built: published by one pointer swap.
 *
 * Never an account, never a price. "g.al" does not match "g.alice"; the empty prefix is the default route. Source: IL-RFC 15. */
#ifndef ILP_ROUTES_H
#define ILP_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ilp_packet.h"

#define ILP_NO_LINK UINT32_MAX

typedef struct ilp_routes ilp_routes;

typedef struct ilp_route {
    ilp_bytes_view prefix; /* valid prefix, no trailing dot; empty = default route */
    uint32_t link;         /* link number, opaque here */
} ilp_route;

#ifdef __cplusplus
extern "C" {
#endif

/* Copies the prefixes. A repeated prefix: the last one wins. NULL when memory runs out (or holds over 32 GiB of prefixes). */
ilp_routes *ilp_routes_build(const ilp_route *routes, uint32_t count);
void ilp_routes_free(ilp_routes *routes);

/* Link number of the longest matching prefix, ILP_NO_LINK when nothing matches. prefix_len (may be NULL) gets its length. */
uint32_t ilp_routes_find(const ilp_routes *routes, ilp_bytes_view destination, uint32_t *prefix_len);
uint32_t ilp_routes_count(const ilp_routes *routes); /* distinct prefixes */
size_t ilp_routes_memory(const ilp_routes *routes);  /* bytes held */

/* Walk the table in the order the prefixes first came: *cursor starts at 0. False at the end. The view lives as long as the table. */
bool ilp_routes_next(const ilp_routes *routes, uint32_t *cursor, ilp_route *out);

#ifdef __cplusplus
}
#endif

#endif
