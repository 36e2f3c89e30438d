/* ilp_ratio.h at the borders of 64, 128 and 192 bits, where short cuts and Knuth's corrections begin. */
#include "check.h"
#include "ilp_ratio.h"

typedef unsigned __int128 u128;

static const uint64_t MAX = UINT64_MAX;

/* Both ways must agree on whether it fits, and on the result. */
static void expect(u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor, uint64_t result) {
    uint64_t out = ~result;
    CHECK(ilp_ratio_floor(numerator, multiplier, denominator, divisor, &out));
    CHECK(out == result);
    out = ~result;
    CHECK(ilp_ratio_floor_wide(numerator, multiplier, denominator, divisor, &out));
    CHECK(out == result);
}

static void expect_overflow(u128 numerator, uint64_t multiplier, uint64_t denominator, uint64_t divisor) {
    uint64_t out = 42;
    CHECK(!ilp_ratio_floor(numerator, multiplier, denominator, divisor, &out));
    CHECK(!ilp_ratio_floor_wide(numerator, multiplier, denominator, divisor, &out));
    CHECK(out == 42); /* untouched on failure */
}

static void test_small_numbers_floor(void) {
    expect(0, MAX, 1, 1, 0);
    expect(7, 1, 2, 1, 3);
    expect(7, 2, 3, 5, 0);
    expect(15, 2, 3, 5, 2);
    expect(14, 1, 3, 5, 0);
}

static void test_64_bit_border(void) {
    expect(MAX, 1, 1, 1, MAX);
    expect_overflow((u128)MAX + 1, 1, 1, 1);
    expect((u128)MAX + 1, 1, 1, 2, (uint64_t)1 << 63);
    expect(((u128)MAX + 1) * 2 - 1, 1, 2, 1, MAX); /* the remainder is floored away just below the border */
    expect_overflow(((u128)MAX + 1) * 2, 1, 2, 1);
}

static void test_128_bit_border(void) {
    u128 all = ~(u128)0;
    expect(all, 1, MAX, MAX, 1); /* (2^128-1) / (2^64-1)^2 = 1.0000... */
    expect((u128)MAX * MAX, 1, MAX, MAX, 1);
    expect((u128)MAX * MAX - 1, 1, MAX, MAX, 0);
    expect((u128)MAX * MAX, MAX, MAX, MAX, MAX); /* 192 bits over 128: the identity at the largest amounts */
    expect_overflow((u128)MAX * MAX + MAX, MAX, MAX, MAX);
    expect((u128)MAX * MAX - 1, MAX, MAX, MAX, MAX - 1);
}

static void test_divisor_with_empty_low_digit(void) {
    uint64_t top = (uint64_t)1 << 63;
    expect((u128)top << 64, 2, top, top, 4);
    expect(((u128)top << 64) - 1, 2, top, top, 3);
}

/* The estimate of the quotient digit is two too large: dividend 2^191 .., divisor 2^127 + 2^64 - 1 (all ones below). */
static void test_estimate_is_corrected(void) {
    for (uint64_t low = 0; low < 64; low++) {
        uint64_t a = ((uint64_t)1 << 63) + 1 + low, b = MAX - low; /* v1 just above 2^63 - 1, v0 varied */
        u128 v = (u128)a * b;
        for (uint64_t q = MAX - 40; q >= MAX - 80; q--) {
            /* v * q = numerator * multiplier exactly when numerator = v, multiplier = q. */
            expect(v, q, a, b, q);
            expect(v - 1, q, a, b, q - 1);
        }
    }
}

static void test_bound_saturates(void) {
    CHECK(ilp_ratio_bound(10, 3, 4) == 7);
    CHECK(ilp_ratio_bound(MAX, MAX, MAX) == MAX);
    CHECK(ilp_ratio_bound(MAX, MAX, MAX - 1) == MAX);
    CHECK(ilp_ratio_bound(MAX, 2, 1) == MAX);
    CHECK(ilp_ratio_bound(0, MAX, 1) == 0);
}

int main(void) {
    test_small_numbers_floor();
    test_64_bit_border();
    test_128_bit_border();
    test_divisor_with_empty_low_digit();
    test_estimate_is_corrected();
    test_bound_saturates();
    return 0;
}
