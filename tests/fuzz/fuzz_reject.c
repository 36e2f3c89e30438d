/* Reject: what parses encodes canonically to the same fields, a canonical packet to the same bytes. */
#include "fuzz.h"
#include "ilp_address.h"
#include "ilp_packet.h"
#include "ilp_status.h"

static bool same(ilp_bytes_view a, ilp_bytes_view b) { return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0); }

static void inside(ilp_bytes_view view, const uint8_t *packet, uint32_t len) {
    REQUIRE(view.at >= packet && view.at + view.len <= packet + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t out[ILP_REJECT_MAX];
    ilp_reject_view view;
    ilp_reject_view again;
    if (ilp_reject_parse(data, size, &view) != ILP_OK) return 0;
    REQUIRE(view.packet_len <= size);
    inside(view.triggered_by, data, view.packet_len);
    inside(view.message, data, view.packet_len);
    inside(view.data, data, view.packet_len);
    REQUIRE(ilp_address_characters(view.triggered_by.at, view.triggered_by.len));
    size_t len = ilp_reject_encode(out, sizeof out, view.code_view, view.triggered_by, view.message, view.data);
    REQUIRE(len >= 8 && len <= size);
    REQUIRE(view.canonical == (len == size && memcmp(out, data, len) == 0));
    REQUIRE(ilp_reject_parse(out, len, &again) == ILP_OK);
    REQUIRE(again.canonical && again.packet_len == len);
    REQUIRE(memcmp(again.code_view, view.code_view, 3) == 0);
    REQUIRE(same(again.triggered_by, view.triggered_by) && same(again.message, view.message) && same(again.data, view.data));
    REQUIRE(ilp_reject_encode(out, len - 1, view.code_view, view.triggered_by, view.message, view.data) == 0);
    return 0;
}
