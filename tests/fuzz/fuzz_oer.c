/* OER: each reader at every offset stays inside its bytes; what it read is written back to the same bytes when canonical. */
#include "fuzz.h"
#include "ilp_oer.h"

static void check_length(const uint8_t *at, const uint8_t *end) {
    uint8_t out[ILP_OER_LENGTH_MAX];
    uint64_t value;
    bool canonical = true;
    const uint8_t *after = ilp_oer_get_length(at, end, &value, &canonical);
    if (!after) return;
    REQUIRE(after > at && after <= end && after - at <= (ptrdiff_t)ILP_OER_LENGTH_MAX);
    size_t size = (size_t)(ilp_oer_put_length(out, value) - out);
    REQUIRE(size == ilp_oer_length_size(value) && size <= (size_t)(after - at));
    REQUIRE(canonical == (size == (size_t)(after - at)));
    if (canonical) REQUIRE(memcmp(out, at, size) == 0);
}

static void check_varuint(const uint8_t *at, const uint8_t *end) {
    uint8_t out[16];
    uint64_t value;
    bool canonical = true;
    const uint8_t *after = ilp_oer_get_varuint(at, end, &value, &canonical);
    if (!after) return;
    REQUIRE(after > at + 1 && after <= end);
    size_t size = (size_t)(ilp_oer_put_varuint(out, value) - out);
    REQUIRE(size <= (size_t)(after - at) && canonical == (size == (size_t)(after - at)));
    if (canonical) REQUIRE(memcmp(out, at, size) == 0);
}

static void check_varstring(const uint8_t *at, const uint8_t *end, uint32_t max) {
    const uint8_t *value;
    uint32_t len;
    bool canonical = true;
    const uint8_t *after = ilp_oer_get_varstring(at, end, max, &value, &len, &canonical);
    if (!after) return;
    REQUIRE(len <= max && value > at && value + len == after && after <= end);
    uint8_t *out = malloc(ilp_oer_length_size(len) + len);
    REQUIRE(out != NULL);
    size_t size = (size_t)(ilp_oer_put_varstring(out, value, len) - out);
    REQUIRE(canonical == (size == (size_t)(after - at)));
    if (canonical) REQUIRE(memcmp(out, at, size) == 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (size_t at = 0; at <= size && at < 64; at++) {
        check_length(data + at, data + size);
        check_varuint(data + at, data + size);
        check_varstring(data + at, data + size, UINT32_MAX);
        check_varstring(data + at, data + size, 3);
        if (size - at >= 8) {
            uint8_t out[8];
            ilp_oer_put_u64(out, ilp_oer_get_u64(data + at));
            REQUIRE(memcmp(out, data + at, 8) == 0);
        }
    }
    return 0;
}
