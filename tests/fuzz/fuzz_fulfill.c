/* Fulfill: what parses encodes canonically to the same fields, a canonical packet to the same bytes; both hashes agree. */
#include "fuzz.h"
#include "ilp_packet.h"
#include "ilp_sha256.h"
#include "ilp_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t out[ILP_FULFILL_MAX];
    ilp_fulfill_view view;
    ilp_fulfill_view again;
    uint8_t condition[32];
    uint8_t portable[32];
    if (ilp_fulfill_parse(data, size, &view) != ILP_OK) return 0;
    REQUIRE(view.packet_len <= size);
    REQUIRE(view.data.at >= data && view.data.at + view.data.len <= data + view.packet_len);
    size_t len = ilp_fulfill_encode(out, sizeof out, view.fulfillment_view, view.data);
    REQUIRE(len >= 35 && len <= size);
    REQUIRE(view.canonical == (len == size && memcmp(out, data, len) == 0));
    REQUIRE(ilp_fulfill_parse(out, len, &again) == ILP_OK);
    REQUIRE(again.canonical && again.packet_len == len && again.data.len == view.data.len);
    REQUIRE(memcmp(again.fulfillment_view, view.fulfillment_view, 32) == 0);
    REQUIRE(memcmp(again.data.at, view.data.at, view.data.len) == 0);
    REQUIRE(ilp_fulfill_encode(out, len - 1, view.fulfillment_view, view.data) == 0);
    ilp_sha256_32(view.fulfillment_view, condition);
    ilp_sha256_32_portable(view.fulfillment_view, portable);
    REQUIRE(memcmp(condition, portable, 32) == 0);
    return 0;
}
