/* The whole test framework of the C kernel: CHECK, a seeded random number, exact heap copies. Knows nothing of what is tested.
 *
 * A test file is a program: main runs its functions one after the other and returns 0; a failed CHECK says where and aborts. */
#ifndef ILP_CHECK_H
#define ILP_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

/* Both as unsigned 64 bits; the values are shown. */
#define CHECK_EQ(got, want)                                                                                                     \
    do {                                                                                                                        \
        uint64_t got_ = (uint64_t)(got);                                                                                        \
        uint64_t want_ = (uint64_t)(want);                                                                                      \
        if (got_ != want_) {                                                                                                    \
            fprintf(stderr, "%s:%d: %s is %" PRIu64 " and should be %s = %" PRIu64 "\n", __FILE__, __LINE__, #got, got_, #want, \
                    want_);                                                                                                     \
            abort();                                                                                                            \
        }                                                                                                                       \
    } while (0)

#define CHECK_BYTES(got, want, len)                                                                      \
    do {                                                                                                 \
        if (memcmp(got, want, len) != 0) {                                                               \
            fprintf(stderr, "%s:%d: the bytes of %s differ from %s\n", __FILE__, __LINE__, #got, #want); \
            abort();                                                                                     \
        }                                                                                                \
    } while (0)

/* xorshift64*: the same numbers in every run, so that a failure repeats. */
static uint64_t check_state = 0x9e3779b97f4a7c15u;

static inline uint64_t check_random(void) {
    check_state ^= check_state >> 12;
    check_state ^= check_state << 25;
    check_state ^= check_state >> 27;
    return check_state * 0x2545f4914f6cdd1du;
}

static inline uint64_t check_below(uint64_t bound) { return check_random() % bound; }

/* A heap copy of exactly len bytes: reading one byte too many is an error that the address sanitizer sees. */
static inline uint8_t *check_copy(const void *bytes, size_t len) {
    uint8_t *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    if (len) memcpy(copy, bytes, len);
    return copy;
}

#endif
