/* ilp_ratio_floor: short cuts for what real prices need, Knuth's division for the rest. Never rounds twice. */
#include "ilp_ratio.h"

typedef unsigned __int128 u128;

static inline uint64_t high(u128 value) { return (uint64_t)(value >> 64); }

bool ilp_ratio_floor_wide(u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t *out) {
    /* Dividend of three 64-bit digits d2 d1 d0, divisor of two: v1 v0. */
    u128 low = (u128)(uint64_t)numerator * multiplier;
    u128 top = (u128)high(numerator) * multiplier + high(low); /* (2^64-1)^2 + 2^64-1 < 2^128 */
    uint64_t d2 = high(top), d1 = (uint64_t)top, d0 = (uint64_t)low;
    u128 v = (u128)denominator * divisor;

    /* The quotient is below 2^64 exactly when the upper two digits of the dividend are below the divisor. */
    if (top >= v) return false;

    if (high(v) == 0) { /* then d2 == 0 and d1 < v: a plain division of two digits by one */
        *out = (uint64_t)((((u128)d1 << 64) | d0) / (uint64_t)v);
        return true;
    }

    /* Shift the divisor up to its top bit, the dividend by as much: top < v, so nothing falls off. */
    unsigned shift = (unsigned)__builtin_clzll(high(v));
    if (shift > 0) {
        v <<= shift;
        d2 = (d2 << shift) | (d1 >> (64 - shift));
        d1 = (d1 << shift) | (d0 >> (64 - shift));
        d0 <<= shift;
    }
    uint64_t v1 = high(v), v0 = (uint64_t)v;

    /* Estimate the one quotient digit from d2 d1 / v1: at most two too large (Knuth, TAOCP 2, 4.3.1, theorem B). It may reach
     * 2^64 + 1 before it is corrected; digit * v0 still fits 128 bits then. */
    u128 digit = (((u128)d2 << 64) | d1) / v1;
    u128 rest = (((u128)d2 << 64) | d1) % v1;
    /* Too large while digit * v0 > rest * 2^64 + d0; once rest has more than 64 bits it cannot be. */
    while (high(rest) == 0 && digit * v0 > ((rest << 64) | d0)) {
        digit -= 1;
        rest += v1;
    }
    *out = (uint64_t)digit;
    return true;
}

bool ilp_ratio_floor(u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t *out) {
    u128 dividend, v = (u128)denominator * divisor;
    if (__builtin_mul_overflow(numerator, (u128)multiplier, &dividend))
        return ilp_ratio_floor_wide(numerator, multiplier, denominator, divisor, out);
    /* One processor division where both fit 64 bits: a 128-bit one costs three times as much. */
    if (high(dividend) == 0 && high(v) == 0) {
        *out = (uint64_t)dividend / (uint64_t)v;
        return true;
    }
    u128 quotient = dividend / v;
    if (high(quotient) != 0) return false;
    *out = (uint64_t)quotient;
    return true;
}
