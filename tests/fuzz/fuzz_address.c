/* Addresses: the grammar against a plain reading of IL-RFC 15, and has_prefix against what it means. */
#include "fuzz.h"
#include "ilp_address.h"
#include "ilp_packet.h"

static bool plain_scheme(const uint8_t *at, size_t len) {
    static const char *const schemes[] = {"g", "private", "example", "peer", "self", "test", "test1", "test2", "test3", "local"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == len && memcmp(schemes[i], at, len) == 0) return true;
    return false;
}

/* Count segments; 0 when one is empty or holds a character that may not be there. */
static size_t plain_segments(const uint8_t *at, size_t len) {
    size_t segments = 0;
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && at[i] != '.') {
            uint8_t c = at[i];
            bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
            if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '~' && c != '-') return 0;
            continue;
        }
        if (i == start) return 0;
        segments++;
        start = i + 1;
    }
    return segments;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *dot = size ? memchr(data, '.', size) : NULL;
    size_t scheme = dot ? (size_t)(dot - data) : size;
    size_t segments = size <= ILP_ADDRESS_MAX && plain_scheme(data, scheme) ? plain_segments(data, size) : 0;
    REQUIRE(ilp_address_valid(data, size) == (segments >= 2));
    REQUIRE(ilp_address_prefix_valid(data, size) == (segments >= 1 || size == 0));
    if (segments >= 1) REQUIRE(ilp_address_scheme(data, size) != ILP_SCHEME_INVALID && ilp_address_characters(data, size));
    if (segments < 2) return 0;
    for (size_t cut = 0; cut <= size; cut++) {
        bool whole = cut == 0 || cut == size || data[cut] == '.';
        REQUIRE(ilp_address_has_prefix(data, size, data, cut) == whole);
    }
    return 0;
}
