/* SipHash-2-4-128. Owns the rounds; knows nothing of what is hashed. */
#include "ilp_siphash.h"

#include <string.h>

typedef struct sip_state {
    uint64_t a, b, c, d;
} sip_state;

static inline uint64_t rotate(uint64_t word, unsigned bits) { return (word << bits) | (word >> (64 - bits)); }

static inline uint64_t load64(const uint8_t *at) {
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) word |= (uint64_t)at[i] << (8 * i);
    return word;
}

static inline void sip_round(sip_state *s) {
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

ilp_hash128 ilp_siphash(const uint8_t key[16], const uint8_t *input, size_t len) {
    const uint64_t key_low = load64(key), key_high = load64(key + 8);
    sip_state s = {
        .a = key_low ^ 0x736f6d6570736575ULL,
        .b = key_high ^ 0x646f72616e646f6dULL ^ 0xee, /* 0xee marks the 128-bit variant */
        .c = key_low ^ 0x6c7967656e657261ULL,
        .d = key_high ^ 0x7465646279746573ULL,
    };
    const size_t whole = len & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8) {
        const uint64_t word = load64(input + at);
        s.d ^= word;
        sip_round(&s);
        sip_round(&s);
        s.a ^= word;
    }
    uint64_t tail = (uint64_t)len << 56;
    for (size_t i = whole; i < len; i++) tail |= (uint64_t)input[i] << (8 * (i - whole));
    s.d ^= tail;
    sip_round(&s);
    sip_round(&s);
    s.a ^= tail;

    ilp_hash128 hash;
    s.c ^= 0xee;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.low = s.a ^ s.b ^ s.c ^ s.d;
    s.b ^= 0xdd;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.high = s.a ^ s.b ^ s.c ^ s.d;
    return hash;
}
