/* The address grammar of ilp_address.h: one table of characters, one list of schemes. Makes no routing decision. */
#include "ilp_address.h"

#include <string.h>

#include "ilp_packet.h"

/* 1: may stand in a segment, 2: separates segments, 0: never in an address. */
/* clang-format off */
static const uint8_t character[256] = {
    ['.'] = 2, ['-'] = 1, ['_'] = 1, ['~'] = 1,
    ['0'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['A'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['a'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};
/* clang-format on */

static ilp_scheme scheme_of(const uint8_t *at, size_t len) {
    switch (len) {
    case 1: return at[0] == 'g' ? ILP_SCHEME_G : ILP_SCHEME_INVALID;
    case 4:
        if (memcmp(at, "test", 4) == 0) return ILP_SCHEME_TEST;
        if (memcmp(at, "peer", 4) == 0) return ILP_SCHEME_PEER;
        if (memcmp(at, "self", 4) == 0) return ILP_SCHEME_SELF;
        return ILP_SCHEME_INVALID;
    case 5:
        if (memcmp(at, "test", 4) == 0 && at[4] >= '1' && at[4] <= '3') return ILP_SCHEME_TEST;
        return memcmp(at, "local", 5) == 0 ? ILP_SCHEME_LOCAL : ILP_SCHEME_INVALID;
    case 7:
        if (memcmp(at, "private", 7) == 0) return ILP_SCHEME_PRIVATE;
        return memcmp(at, "example", 7) == 0 ? ILP_SCHEME_EXAMPLE : ILP_SCHEME_INVALID;
    default: return ILP_SCHEME_INVALID;
    }
}

static inline size_t scheme_length(const uint8_t *at, size_t len) {
    size_t n = 0;
    while (n < len && n < 8 && at[n] != '.') n++;
    return n;
}

/* Is [at, at + len) one or more segments, joined by single dots? */
static bool segments_valid(const uint8_t *at, size_t len) {
    uint8_t previous = 2; /* as if a dot came before: the first character must not be one */
    for (size_t i = 0; i < len; i++) {
        uint8_t kind = character[at[i]];
        if (kind == 0 || (kind & previous & 2)) return false;
        previous = kind;
    }
    return previous == 1;
}

bool ilp_address_valid(const uint8_t *address, size_t len) {
    if (len > ILP_ADDRESS_MAX) return false;
    size_t scheme = scheme_length(address, len);
    if (scheme + 1 >= len || scheme_of(address, scheme) == ILP_SCHEME_INVALID) return false;
    return segments_valid(address + scheme + 1, len - scheme - 1);
}

bool ilp_address_prefix_valid(const uint8_t *prefix, size_t len) {
    if (len == 0) return true;
    size_t scheme = scheme_length(prefix, len);
    if (scheme == len) return scheme_of(prefix, scheme) != ILP_SCHEME_INVALID;
    return ilp_address_valid(prefix, len);
}

ilp_scheme ilp_address_scheme(const uint8_t *address, size_t len) { return scheme_of(address, scheme_length(address, len)); }

bool ilp_address_has_prefix(const uint8_t *address, size_t len, const uint8_t *prefix, size_t prefix_len) {
    if (prefix_len == 0) return true;
    if (prefix_len > len || memcmp(address, prefix, prefix_len) != 0) return false;
    return prefix_len == len || address[prefix_len] == '.';
}

bool ilp_address_characters(const uint8_t *at, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (character[at[i]] == 0) return false;
    return true;
}
