/* ilp_ratio_floor and its general case against long division bit by bit. Owns the slow model; knows no price. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ilp_ratio.h"

typedef unsigned __int128 u128;

/* floor(numerator * multiplier / (denominator * divisor)): the product by 32-bit digits as on paper, the quotient by shift and
 * subtract over all 192 bits. False when it needs more than 64 bits. */
static bool model(u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t *out) {
    uint32_t product[7] = {0}; /* little end first; the last digit stays 0 */
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 2; j++) {
            carry += (uint64_t)(uint32_t)(numerator >> (32 * i)) * (uint32_t)(multiplier >> (32 * j)) + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + 2] = (uint32_t)carry;
    }
    u128 by = (u128)denominator * divisor;
    u128 rest = 0, quotient = 0;
    for (int at = 191; at >= 0; at--) {
        bool carry = rest >> 127;
        rest = (rest << 1) | ((product[at / 32] >> (at % 32)) & 1);
        bool fits = carry || rest >= by;
        if (fits) rest -= by;
        if (quotient >> 127) return false;
        quotient = (quotient << 1) | fits;
    }
    if (quotient > UINT64_MAX) return false;
    *out = (uint64_t)quotient;
    return true;
}

/* Random words are nearly always huge: the first byte of each field cuts it down or makes it all ones at the top. */
static uint64_t word(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at + 1, sizeof(value));
    unsigned bits = at[0] & 63;
    if (at[0] & 64) return (at[0] & 128) ? UINT64_MAX - (value >> bits) : (uint64_t)1 << bits;
    return value >> bits;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size < 45) return 0;
    u128 numerator = ((u128)word(input) << 64) | word(input + 9);
    uint64_t multiplier = word(input + 18);
    uint64_t denominator = word(input + 27);
    uint64_t divisor = word(input + 36);
    if (denominator == 0 || divisor == 0) return 0;

    uint64_t expected = 1, fast = 2, wide = 3;
    bool fits = model(numerator, multiplier, denominator, divisor, &expected);
    bool fast_fits = ilp_ratio_floor(numerator, multiplier, denominator, divisor, &fast);
    bool wide_fits = ilp_ratio_floor_wide(numerator, multiplier, denominator, divisor, &wide);
    if (fast_fits != fits || wide_fits != fits) __builtin_trap();
    if (fits && (fast != expected || wide != expected)) __builtin_trap();
    if (!fits && (fast != 2 || wide != 3)) __builtin_trap();

    uint64_t bound = ilp_ratio_bound((uint64_t)numerator, multiplier, divisor);
    if (!model((uint64_t)numerator, multiplier, 1, divisor, &expected)) expected = UINT64_MAX;
    if (bound != expected) __builtin_trap();
    return 0;
}
