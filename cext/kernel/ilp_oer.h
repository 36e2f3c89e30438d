/* Octet Encoding Rules, as far as ILP uses them: bounds-checked readers and exact writers, all inline. Source: IL-RFC 30, IL-RFC 27.
 *
 * Owns lengths and integers; never knows a packet field. A reader takes [at, end), returns the position after what it read, or NULL
 * when the bytes do not hold it; nothing is read at or after `end`, nothing is allocated. Readers accept every form IL-RFC 27
 * permits (1 to 8 length octets, leading zeros); they only ever clear `*canonical`, so one flag serves a whole packet. */
#ifndef ILP_OER_H
#define ILP_OER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ILP_OER_LENGTH_MAX 9u /* most octets of a length determinant: 0x88 and eight octets of length */

#ifdef __cplusplus
extern "C" {
#endif

static inline uint64_t ilp_oer_get_u64(const uint8_t *at) { /* 8 octets, big-endian */
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline void ilp_oer_put_u64(uint8_t *at, uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, sizeof value);
}

/* A big-endian unsigned integer of n octets, 1 <= n <= 8. */
static inline uint64_t ilp_oer_get_uint(const uint8_t *at, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) value = value << 8 | at[i];
    return value;
}

/* Octets of the shortest big-endian form of value: 1 to 8. */
static inline size_t ilp_oer_uint_size(uint64_t value) { return value == 0 ? 1 : (size_t)(64 - __builtin_clzll(value) + 7) / 8; }

/* A length determinant: one octet below 0x80, else 0x80 | n and n octets, 1 <= n <= 8. */
static inline const uint8_t *ilp_oer_get_length(const uint8_t *at, const uint8_t *end, uint64_t *length, bool *canonical) {
    if (at >= end) return NULL;
    uint8_t first = *at++;
    if (first < 0x80) {
        *length = first;
        return at;
    }
    size_t n = first & 0x7f;
    if (n == 0 || n > 8 || (size_t)(end - at) < n) return NULL;
    *length = ilp_oer_get_uint(at, n);
    if (*length < 0x80 || at[0] == 0) *canonical = false;
    return at + n;
}

/* Octets of the canonical length determinant: 1 to 9. */
static inline size_t ilp_oer_length_size(uint64_t length) { return length < 0x80 ? 1 : 1 + ilp_oer_uint_size(length); }

/* Writes ilp_oer_length_size(length) octets and returns the position after them. */
static inline uint8_t *ilp_oer_put_length(uint8_t *at, uint64_t length) {
    if (length < 0x80) {
        *at++ = (uint8_t)length;
        return at;
    }
    size_t n = ilp_oer_uint_size(length);
    *at++ = (uint8_t)(0x80u | n);
    for (size_t i = n; i-- > 0;) *at++ = (uint8_t)(length >> (8 * i));
    return at;
}

/* A variable-length octet string of at most `max` octets: its octets are at *value, *length of them, inside [at, end). */
static inline const uint8_t *ilp_oer_get_varstring(const uint8_t *at, const uint8_t *end, uint32_t max, const uint8_t **value,
                                                   uint32_t *length, bool *canonical) {
    uint64_t claimed;
    at = ilp_oer_get_length(at, end, &claimed, canonical);
    if (!at || claimed > max || claimed > (uint64_t)(end - at)) return NULL;
    *value = at;
    *length = (uint32_t)claimed;
    return at + claimed;
}

/* Writes length and octets and returns the position after them. `value` may be NULL when length is 0. */
static inline uint8_t *ilp_oer_put_varstring(uint8_t *at, const uint8_t *value, uint32_t length) {
    at = ilp_oer_put_length(at, length);
    if (length) memcpy(at, value, length);
    return at + length;
}

/* A variable-length unsigned integer (sequence counts of BTP and CCP): length determinant, then 1 to 8 octets, big-endian. */
static inline const uint8_t *ilp_oer_get_varuint(const uint8_t *at, const uint8_t *end, uint64_t *value, bool *canonical) {
    const uint8_t *octets;
    uint32_t n;
    at = ilp_oer_get_varstring(at, end, 8, &octets, &n, canonical);
    if (!at || n == 0) return NULL;
    *value = ilp_oer_get_uint(octets, n);
    if (n > 1 && octets[0] == 0) *canonical = false;
    return at;
}

/* Writes 1 + ilp_oer_uint_size(value) octets and returns the position after them. */
static inline uint8_t *ilp_oer_put_varuint(uint8_t *at, uint64_t value) {
    size_t n = ilp_oer_uint_size(value);
    *at++ = (uint8_t)n;
    for (size_t i = n; i-- > 0;) *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

#ifdef __cplusplus
}
#endif

#endif
