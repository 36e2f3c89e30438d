/* Link frames: the octets of REQ, ANS, ACK, LOW, PING, PONG and CLOSE, and the header of a plain datagram. Owns the format of
 * docs/link-protocol.md; must not know sessions, timers or sockets.
 *
 * A frame is type (1) | length (1, 2 or 4 octets, size in the two top bits) | body. PAD is one zero octet without a length.
 * Readers never read outside [at, end); writers are given enough room by their caller, who asks ilp_frame_size first. */
#ifndef ILP_FRAME_H
#define ILP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum ilp_frame_type {
    ILP_FRAME_PAD = 0x00,
    ILP_FRAME_REQ = 0x01,
    ILP_FRAME_ANS = 0x02,
    ILP_FRAME_ACK = 0x03,
    ILP_FRAME_LOW = 0x04,
    ILP_FRAME_PING = 0x05,
    ILP_FRAME_PONG = 0x06,
    ILP_FRAME_CLOSE = 0x07,
    /* 0x08 NACK, 0x09 LATE, 0x0a VOIDED, 0x0b RESUME_Q, 0x0c RESUME_A are reserved: unknown, and so mandatory, until defined. */
    ILP_FRAME_OPTIONAL = 0x80, /* types from here on may be skipped by who does not know them */
} ilp_frame_type;

#define ILP_DATAGRAM_PLAIN 1u   /* first octet of a plain datagram */
#define ILP_DATAGRAM_HEADER 20u /* type 1 | flags 1 | reserved 2 | sender's session 8 | receiver's session 8 */
#define ILP_DATAGRAM_MAX 65507u /* largest UDP payload over IPv4 */

#define ILP_FRAME_ACK_RANGE 10u             /* first id 8 | count 2 */
#define ILP_FRAME_ACK_RANGES 400u           /* ranges that our writer puts into one frame at most */
#define ILP_FRAME_ACK_IDS 4096u             /* ids acknowledged by one datagram at most: bounds the receiver's work */
#define ILP_FRAME_ID_MAX ((1ull << 48) - 1) /* ids run from 1; at a million a second a session lasts nine years */
#define ILP_FRAME_LOW_SIZE 10u
#define ILP_FRAME_PING_SIZE 10u
#define ILP_FRAME_CLOSE_SIZE 3u

typedef enum ilp_frame_verdict {
    ILP_FRAMES_OK = 0,
    ILP_FRAMES_MALFORMED, /* a length that does not fit, or a body of the wrong size */
    ILP_FRAMES_UNKNOWN,   /* a mandatory frame of a type we do not know */
} ilp_frame_verdict;

typedef struct ilp_frame {
    uint8_t type;
    uint32_t len;             /* octets at body_view */
    uint64_t id;              /* REQ, ANS, LOW: the id. PING, PONG: the time. Otherwise 0 */
    const uint8_t *body_view; /* REQ, ANS: the ILP packet after the id. ACK: the ranges. CLOSE: from the reason on */
} ilp_frame;

typedef struct ilp_datagram_header {
    uint64_t sender;   /* session of who sent it; never 0 */
    uint64_t receiver; /* session of the receiver as the sender knows it; 0 = unknown */
} ilp_datagram_header;

static inline uint64_t ilp_load_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return __builtin_bswap64(value);
}

static inline void ilp_store_u64(uint8_t *at, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

/* True when the first 20 octets are a header we understand. */
bool ilp_datagram_parse(const uint8_t *datagram, size_t len, ilp_datagram_header *out);
void ilp_datagram_write(uint8_t out[ILP_DATAGRAM_HEADER], uint64_t sender, uint64_t receiver);

/* Look at all frames without acting: a datagram is used whole or not at all. */
int ilp_frames_check(const uint8_t *frames, size_t len);

/* The next frame of checked octets, PAD and unknown optional frames skipped; false at the end. Moves *at behind it. */
bool ilp_frame_next(const uint8_t **at, const uint8_t *end, ilp_frame *out);

/* The i-th range of a checked ACK body. */
static inline uint32_t ilp_frame_ack_range(const uint8_t *body_view, uint32_t i, uint64_t *first) {
    const uint8_t *at = body_view + (size_t)i * ILP_FRAME_ACK_RANGE;
    *first = ilp_load_u64(at);
    return (uint32_t)at[8] << 8 | at[9];
}

/* Octets of a whole REQ or ANS frame around `packet_len` octets of ILP. */
static inline size_t ilp_frame_size(size_t packet_len) {
    size_t body = packet_len + 8;
    return 1 + (body < 64 ? 1 : body < 16384 ? 2 : 4) + body;
}

/* Largest ILP packet whose REQ or ANS frame fits `room` octets; 0 when none does. */
size_t ilp_frame_packet_max(size_t room);

/* Writers return the octets written. `type` is REQ or ANS; LOW, PING or PONG for the word frames. */
size_t ilp_frame_write_packet(uint8_t *out, uint8_t type, uint64_t id, const uint8_t *packet, size_t packet_len);
size_t ilp_frame_write_word(uint8_t *out, uint8_t type, uint64_t word);
size_t ilp_frame_write_close(uint8_t *out, uint8_t reason);
/* The head of an ACK frame with `ranges` ranges (1 to 400); the ranges follow by ilp_frame_write_range. */
size_t ilp_frame_write_ack_head(uint8_t *out, uint32_t ranges);
size_t ilp_frame_write_range(uint8_t *out, uint64_t first, uint32_t count);

#endif
