/* ILPv4 packets: parse in place, patch amount and expiry in place, encode canonically. Source: IL-RFC 27, IL-RFC 30.
 *
 * Never copies or edits `data` except when it re-encodes. A view points into the caller's bytes and lives as long as they do.
 * Parsing is lenient as IL-RFC 27 allows (non-minimal lengths of 1 to 8 octets, trailing bytes ignored), sizes and character
 * sets are enforced; output is always canonical. Nothing is allocated; on failure outputs are undefined and inputs untouched. */
#ifndef ILP_PACKET_H
#define ILP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ILP_PREPARE 12
#define ILP_FULFILL 13
#define ILP_REJECT 14

#define ILP_DATA_MAX 32767u
#define ILP_MESSAGE_MAX 8191u
#define ILP_ADDRESS_MAX 1023u
#define ILP_PREPARE_MAX 33857u /* largest canonical packet of each type, bytes */
#define ILP_FULFILL_MAX 32806u
#define ILP_REJECT_MAX 41997u
#define ILP_PREPARE_MIN 64u
#define ILP_F08_DATA_LEN 16u /* received amount u64, maximum amount u64 */

typedef struct ilp_bytes_view {
    const uint8_t *at;
    uint32_t len;
} ilp_bytes_view;

typedef struct ilp_prepare_view {
    uint64_t amount;
    int64_t expires_at_ms;         /* wall clock, ms since 1970-01-01T00:00:00Z */
    uint32_t amount_offset;        /* where the 8 bytes of amount start; the 17 digits of the expiry follow them */
    uint32_t packet_len;           /* envelope length without trailing bytes */
    bool canonical;                /* encoding the fields again gives exactly these bytes */
    const uint8_t *condition_view; /* 32 bytes */
    ilp_bytes_view destination;    /* valid address grammar (IL-RFC 15) */
    ilp_bytes_view data;
} ilp_prepare_view;

typedef struct ilp_fulfill_view {
    const uint8_t *fulfillment_view; /* 32 bytes */
    ilp_bytes_view data;
    uint32_t packet_len;
    bool canonical;
} ilp_fulfill_view;

typedef struct ilp_reject_view {
    const uint8_t *code_view;    /* 3 bytes below 0x80; unknown codes are relayed */
    ilp_bytes_view triggered_by; /* characters of an address, perhaps none; not always a full address */
    ilp_bytes_view message;      /* meant to be UTF-8, not checked: it is relayed, never interpreted */
    ilp_bytes_view data;
    uint32_t packet_len;
    bool canonical;
} ilp_reject_view;

#ifdef __cplusplus
extern "C" {
#endif

/* Each returns ILP_OK or ILP_INVALID_PACKET. */
int ilp_prepare_parse(const uint8_t *packet, size_t len, ilp_prepare_view *out);
int ilp_fulfill_parse(const uint8_t *packet, size_t len, ilp_fulfill_view *out);
int ilp_reject_parse(const uint8_t *packet, size_t len, ilp_reject_view *out);

/* Overwrite the two fields a connector may change. `packet` must have been parsed; amount_offset is from the view. */
void ilp_prepare_patch(uint8_t *packet, uint32_t amount_offset, uint64_t amount, int64_t expires_at_ms);

/* Write the canonical packet; returns its length, or 0 when it does not fit cap (or a field is over its limit). `out` must not overlap the fields. */
size_t ilp_prepare_encode(uint8_t *out, size_t cap, uint64_t amount, int64_t expires_at_ms, const uint8_t condition[32],
                          ilp_bytes_view destination, ilp_bytes_view data);
size_t ilp_fulfill_encode(uint8_t *out, size_t cap, const uint8_t fulfillment[32], ilp_bytes_view data);
size_t ilp_reject_encode(uint8_t *out, size_t cap, const uint8_t code[3], ilp_bytes_view triggered_by, ilp_bytes_view message,
                         ilp_bytes_view data);

#ifdef __cplusplus
}
#endif

#endif
