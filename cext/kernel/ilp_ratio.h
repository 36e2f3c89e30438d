/* Exact multiplication and division of unsigned integers by ratios: one floor, no float, no hidden overflow.
 *
 * Owns the 192-bit arithmetic and its short cuts. Knows no price, no unit and no packet. */
#ifndef ILP_RATIO_H
#define ILP_RATIO_H

#include <stdbool.h>
#include <stdint.h>

/* floor(numerator * multiplier / (denominator * divisor)) -> *out.
 *
 * numerator u128, the rest u64; denominator and divisor > 0. The product has up to 192 bits and is never cut.
 * Returns false, and leaves *out alone, when the result does not fit u64. */
bool ilp_ratio_floor(unsigned __int128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t *out);

/* The general case of ilp_ratio_floor, without short cuts; its own entry so that tests reach it with small numbers too. */
bool ilp_ratio_floor_wide(unsigned __int128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor,
                          uint64_t *out);

/* floor(value * multiplier / divisor), or UINT64_MAX when that does not fit: for advisory bounds, never for money that moves.
 * divisor > 0. */
static inline uint64_t ilp_ratio_bound(uint64_t value, uint64_t multiplier, uint64_t divisor) {
    unsigned __int128 quotient = (unsigned __int128)value * multiplier / divisor;
    return quotient > UINT64_MAX ? UINT64_MAX : (uint64_t)quotient;
}

#endif
