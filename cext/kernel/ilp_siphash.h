/* SipHash-2-4 with 128-bit output: the keyed hash under which secrets are looked up. Source: Aumasson and Bernstein, "SipHash".
 *
 * Owns the permutation only; knows no token and keeps no key. Time depends on the length alone, never on the bytes. */
#ifndef ILP_SIPHASH_H
#define ILP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct ilp_hash128 {
    uint64_t low;
    uint64_t high;
} ilp_hash128;

ilp_hash128 ilp_siphash(const uint8_t key[16], const uint8_t *input, size_t len);

#endif
