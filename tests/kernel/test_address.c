/* ilp_address: the grammar against a slow reading of IL-RFC 15, over strings that are nearly addresses. */
#include "check.h"
#include "ilp_address.h"
#include "ilp_packet.h"

/* The rules one after the other, as the RFC lists them. */
static bool slow_valid(const char *text, size_t len, bool prefix) {
    static const char *schemes[] = {"g", "private", "example", "peer", "self", "test", "test1", "test2", "test3", "local"};
    if (prefix && len == 0) return true;
    if (len < 1 || len > 1023) return false;
    size_t scheme = 0;
    while (scheme < len && text[scheme] != '.') scheme++;
    bool known = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == scheme && memcmp(schemes[i], text, scheme) == 0) known = true;
    if (!known) return false;
    if (scheme == len) return prefix;
    size_t segment = 0;
    for (size_t i = scheme + 1; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '.') {
            if (segment == 0) return false;
            segment = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '~' ||
                   c == '-') {
            segment++;
        } else {
            return false;
        }
    }
    return segment > 0;
}

static void compare(const char *text, size_t len) {
    uint8_t *exact = check_copy(text, len);
    bool valid = slow_valid(text, len, false);
    bool prefix = slow_valid(text, len, true);
    CHECK_EQ(ilp_address_valid(exact, len), valid);
    CHECK_EQ(ilp_address_prefix_valid(exact, len), prefix);
    if (valid) CHECK(ilp_address_scheme(exact, len) != ILP_SCHEME_INVALID);
    if (prefix) CHECK(ilp_address_characters(exact, len));
    free(exact);
}

static void nearly_addresses(void) {
    static const char *pieces[] = {"g",     "test", "test1", "test3", "test4", "local", "peer", "self", "private", "example", ".",
                                   ".",     ".",    "a",     "bob",   "B~-_9", "0",     " ",    "!",    "G",       "\n",      "@",
                                   "test1", "gg",   "[",     "`",     "{",     "/",     ":",    "\x80", "\xff",    "alice"};
    for (int i = 0; i < 300000; i++) {
        char text[64];
        size_t len = 0;
        for (uint64_t parts = check_below(7); parts > 0; parts--) {
            /* Mostly harmless pieces, so that many strings are valid. */
            const char *piece = pieces[check_below(check_below(4) ? 17 : sizeof pieces / sizeof *pieces)];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        compare(text, len);
    }
}

static void each_byte_in_each_place(void) {
    static const char base[] = "test2.alice.b";
    for (size_t at = 0; at < sizeof base - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof base];
            memcpy(text, base, sizeof base);
            text[at] = (char)byte;
            compare(text, sizeof base - 1);
        }
    }
}

static void lengths(void) {
    static char text[1100];
    memset(text, 'x', sizeof text);
    memcpy(text, "g.", 2);
    for (size_t len = 0; len < sizeof text; len++) compare(text, len);
    CHECK(ilp_address_valid((uint8_t *)text, ILP_ADDRESS_MAX) && !ilp_address_valid((uint8_t *)text, ILP_ADDRESS_MAX + 1));
}

static void schemes(void) {
    static const struct {
        const char *address;
        ilp_scheme scheme;
    } cases[] = {
        {"g.a", ILP_SCHEME_G},
        {"private.a", ILP_SCHEME_PRIVATE},
        {"example.a", ILP_SCHEME_EXAMPLE},
        {"peer.a", ILP_SCHEME_PEER},
        {"self.a", ILP_SCHEME_SELF},
        {"test.a", ILP_SCHEME_TEST},
        {"test1.a", ILP_SCHEME_TEST},
        {"test2.a", ILP_SCHEME_TEST},
        {"test3.a", ILP_SCHEME_TEST},
        {"local.a.b", ILP_SCHEME_LOCAL},
        {"g", ILP_SCHEME_G},
        {"local", ILP_SCHEME_LOCAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].address);
        uint8_t *exact = check_copy(cases[i].address, len);
        CHECK_EQ(ilp_address_scheme(exact, len), cases[i].scheme);
        free(exact);
    }
}

static void has_prefix(const char *address, const char *prefix, bool want) {
    uint8_t *a = check_copy(address, strlen(address));
    uint8_t *p = check_copy(prefix, strlen(prefix));
    CHECK_EQ(ilp_address_has_prefix(a, strlen(address), p, strlen(prefix)), want);
    free(a);
    free(p);
}

int main(void) {
    nearly_addresses();
    each_byte_in_each_place();
    lengths();
    schemes();
    has_prefix("g.alice", "", true);
    has_prefix("g.alice", "g", true);
    has_prefix("g.alice", "g.alice", true);
    has_prefix("g.alice.bob", "g.alice", true);
    has_prefix("g.alice", "g.al", false);
    has_prefix("g.alice", "g.alice.bob", false);
    has_prefix("g.alice", "g.bob", false);
    has_prefix("test1.a", "test", false);
    return 0;
}
