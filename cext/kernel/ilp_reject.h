/* status -> ILP error code and fixed message: one table. Never text built from a peer's input. Source: IL-RFC 27 "Error Codes". */
#ifndef ILP_REJECT_TABLE_H
#define ILP_REJECT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "ilp_packet.h"
#include "ilp_status.h"

typedef struct ilp_reject_entry {
    char code[4];        /* three characters and NUL */
    const char *name;    /* stable name for counters and logs, e.g. "amount_too_large" */
    const char *message; /* what the peer reads */
} ilp_reject_entry;

#ifdef __cplusplus
extern "C" {
#endif

/* Never NULL: an unknown status gives the entry of ILP_INTERNAL_ERROR. */
const ilp_reject_entry *ilp_reject_lookup(int status);

/* Our own Reject. `data` is 16 bytes (received u64, maximum u64) for ILP_AMOUNT_TOO_LARGE and empty otherwise.
 * Returns the length, 0 when it does not fit. Our own Rejects are at most 512 bytes for addresses up to 400 bytes. */
size_t ilp_reject_make(uint8_t *out, size_t cap, int status, ilp_bytes_view triggered_by, uint64_t received, uint64_t maximum);

#ifdef __cplusplus
}
#endif

#endif
