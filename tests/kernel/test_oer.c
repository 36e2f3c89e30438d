/* ilp_oer.h: boundaries, truncation, the non-canonical forms that IL-RFC 27 permits. */
#include "check.h"
#include "ilp_oer.h"

/* Read from an exact heap copy; returns the octets used, 0 when refused. */
static size_t read_length(const uint8_t *bytes, size_t len, uint64_t *value, bool *canonical) {
    uint8_t *copy = check_copy(bytes, len);
    *canonical = true;
    const uint8_t *after = ilp_oer_get_length(copy, copy + len, value, canonical);
    size_t used = after ? (size_t)(after - copy) : 0;
    free(copy);
    return used;
}

static void lengths_round_trip(void) {
    uint64_t value;
    bool canonical;
    for (int bits = 0; bits < 64; bits++) {
        for (int around = -1; around <= 1; around++) {
            uint64_t length = (UINT64_C(1) << bits) + (uint64_t)around;
            uint8_t out[ILP_OER_LENGTH_MAX];
            size_t size = (size_t)(ilp_oer_put_length(out, length) - out);
            CHECK_EQ(size, ilp_oer_length_size(length));
            CHECK_EQ(read_length(out, size, &value, &canonical), size);
            CHECK_EQ(value, length);
            CHECK(canonical);
            for (size_t cut = 0; cut < size; cut++) CHECK_EQ(read_length(out, cut, &value, &canonical), 0);
        }
    }
}

static void odd_lengths(void) {
    static const struct {
        uint8_t bytes[10];
        size_t len;
        size_t used; /* 0: refused */
        uint64_t value;
    } cases[] = {
        {{0x80}, 1, 0, 0},                             /* no octets of length */
        {{0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 10, 0, 0}, /* nine of them */
        {{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 10, 0, 0},
        {{0x81, 0x00}, 2, 2, 0},
        {{0x81, 0x7f}, 2, 2, 127},
        {{0x82, 0x00, 0x80}, 3, 3, 128},
        {{0x88, 0, 0, 0, 0, 0, 0, 0, 1}, 9, 9, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value;
        bool canonical;
        CHECK_EQ(read_length(cases[i].bytes, cases[i].len, &value, &canonical), cases[i].used);
        if (cases[i].used == 0) continue;
        CHECK_EQ(value, cases[i].value);
        CHECK(!canonical);
    }
}

static void a_reader_never_sets_canonical(void) {
    uint8_t fine[] = {1, 7};
    uint64_t value;
    bool canonical = false;
    CHECK(ilp_oer_get_varuint(fine, fine + sizeof fine, &value, &canonical) == fine + 2);
    CHECK(!canonical);
}

static void integers(void) {
    uint8_t out[16];
    uint64_t value;
    for (int bits = 0; bits < 64; bits++) {
        uint64_t number = UINT64_C(1) << bits | (uint64_t)bits;
        ilp_oer_put_u64(out, number);
        CHECK_EQ(ilp_oer_get_u64(out), number);
        CHECK_EQ(ilp_oer_get_uint(out, 8), number);

        size_t size = (size_t)(ilp_oer_put_varuint(out, number) - out);
        CHECK_EQ(size, 1 + ilp_oer_uint_size(number));
        for (size_t cut = 0; cut <= size; cut++) {
            uint8_t *copy = check_copy(out, cut);
            bool canonical = true;
            const uint8_t *after = ilp_oer_get_varuint(copy, copy + cut, &value, &canonical);
            CHECK(after == (cut == size ? copy + size : NULL));
            free(copy);
        }
        CHECK_EQ(value, number);
    }
    bool canonical = true;
    uint8_t none[] = {0};
    uint8_t nine[] = {9, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    CHECK(ilp_oer_get_varuint(none, none + sizeof none, &value, &canonical) == NULL);
    CHECK(ilp_oer_get_varuint(nine, nine + sizeof nine, &value, &canonical) == NULL);
    CHECK(canonical);
    uint8_t padded[] = {2, 0, 1};
    CHECK(ilp_oer_get_varuint(padded, padded + sizeof padded, &value, &canonical) == padded + 3);
    CHECK(value == 1 && !canonical);
}

static void strings(void) {
    const uint8_t *at;
    uint32_t len;
    bool canonical = true;
    uint8_t out[300];
    uint8_t value[200];
    memset(value, 'v', sizeof value);
    uint8_t *end = ilp_oer_put_varstring(out, value, sizeof value);
    CHECK(end == out + 202);
    CHECK(ilp_oer_get_varstring(out, end, 200, &at, &len, &canonical) == end);
    CHECK(len == 200 && at == out + 2 && canonical);
    CHECK(ilp_oer_get_varstring(out, end, 199, &at, &len, &canonical) == NULL);     /* over the limit */
    CHECK(ilp_oer_get_varstring(out, end - 1, 200, &at, &len, &canonical) == NULL); /* truncated */
    CHECK(ilp_oer_put_varstring(out, NULL, 0) == out + 1 && out[0] == 0);
    uint8_t huge[] = {0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3};
    CHECK(ilp_oer_get_varstring(huge, huge + sizeof huge, UINT32_MAX, &at, &len, &canonical) == NULL);
}

int main(void) {
    lengths_round_trip();
    odd_lengths();
    a_reader_never_sets_canonical();
    integers();
    strings();
    return 0;
}
