/* SHA-256 of 32 bytes: the same compression twice, in plain C and in the CPU's SHA instructions. Hashes nothing else. Source: FIPS 180-4.
 *
 * The padded message is one block whose second half never changes: 0x80, zeros, and the length of 256 bits. */
#include "ilp_sha256.h"

#include <string.h>

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

_Alignas(16) static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t word, unsigned by) { return word >> by | word << (32 - by); }

void ilp_sha256_32_portable(const uint8_t input[32], uint8_t digest[32]) {
    uint32_t w[64];
    for (int i = 0; i < 8; i++)
        w[i] =
            (uint32_t)input[4 * i] << 24 | (uint32_t)input[4 * i + 1] << 16 | (uint32_t)input[4 * i + 2] << 8 | input[4 * i + 3];
    w[8] = 0x80000000;
    for (int i = 9; i < 15; i++) w[i] = 0;
    w[15] = 256;
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    /* Each round renames the state words by one place instead of moving them: with all eight names written out, the compiler
     * keeps them in registers. */
    uint32_t h[8];
    memcpy(h, initial, sizeof h);
    for (int i = 0; i < 64; i += 8) {
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            uint32_t a = h[(8 - j) % 8], b = h[(9 - j) % 8], c = h[(10 - j) % 8], *d = &h[(11 - j) % 8];
            uint32_t e = h[(12 - j) % 8], f = h[(13 - j) % 8], g = h[(14 - j) % 8], *last = &h[(15 - j) % 8];
            uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
            uint32_t t1 = *last + sum1 + ((e & f) ^ (~e & g)) + round_constant[i + j] + w[i + j];
            uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
            *d += t1;
            *last = t1 + sum0 + ((a & b) ^ (a & c) ^ (b & c));
        }
    }
    for (int i = 0; i < 8; i++) {
        uint32_t word = h[i] + initial[i];
        digest[4 * i] = (uint8_t)(word >> 24);
        digest[4 * i + 1] = (uint8_t)(word >> 16);
        digest[4 * i + 2] = (uint8_t)(word >> 8);
        digest[4 * i + 3] = (uint8_t)word;
    }
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

/* Written once before main and only read afterwards: asking the CPU each time would cost more than the hash. */
static bool accelerated;

__attribute__((constructor)) static void detect(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    accelerated = b >> 29 & 1; /* SHA extensions */
}

/* The instructions keep the eight state words as two vectors, from the highest lane down: A B E F and C D G H. */
__attribute__((target("sha,sse4.1,ssse3"))) static void sha256_32_instructions(const uint8_t input[32], uint8_t digest[32]) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    const __m128i abef0 = _mm_set_epi32((int)initial[0], (int)initial[1], (int)initial[4], (int)initial[5]);
    const __m128i cdgh0 = _mm_set_epi32((int)initial[2], (int)initial[3], (int)initial[6], (int)initial[7]);
    __m128i abef = abef0;
    __m128i cdgh = cdgh0;
    __m128i w[4] = {
        _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)input), big_endian),
        _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(input + 16)), big_endian),
        _mm_set_epi32(0, 0, 0, (int)0x80000000),
        _mm_set_epi32(256, 0, 0, 0),
    };
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i now = w[i % 4];
        if (i < 12) { /* the four words that are due four steps from here */
            __m128i seven_back = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
            w[i % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), seven_back), w[(i + 3) % 4]);
        }
        now = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(round_constant + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, now);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(now, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef0);
    cdgh = _mm_add_epi32(cdgh, cdgh0);
    _mm_storeu_si128((__m128i *)digest, _mm_shuffle_epi8(_mm_unpackhi_epi64(cdgh, abef), reversed));
    _mm_storeu_si128((__m128i *)(digest + 16), _mm_shuffle_epi8(_mm_unpacklo_epi64(cdgh, abef), reversed));
}

void ilp_sha256_32(const uint8_t input[32], uint8_t digest[32]) {
    if (accelerated)
        sha256_32_instructions(input, digest);
    else
        ilp_sha256_32_portable(input, digest);
}

bool ilp_sha256_accelerated(void) { return accelerated; }

#else

void ilp_sha256_32(const uint8_t input[32], uint8_t digest[32]) { ilp_sha256_32_portable(input, digest); }

bool ilp_sha256_accelerated(void) { return false; }

#endif
