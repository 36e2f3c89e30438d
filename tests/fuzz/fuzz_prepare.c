/* Prepare: what parses encodes canonically to the same fields, a canonical packet to the same bytes, and a patch stays in its place. */
#include "fuzz.h"
#include "ilp_address.h"
#include "ilp_packet.h"
#include "ilp_status.h"
#include "ilp_time.h"

static bool same(ilp_bytes_view a, ilp_bytes_view b) { return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0); }

static void inside(ilp_bytes_view view, const uint8_t *packet, uint32_t len) {
    REQUIRE(view.at >= packet && view.at + view.len <= packet + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t out[ILP_PREPARE_MAX];
    ilp_prepare_view view;
    ilp_prepare_view again;
    if (ilp_prepare_parse(data, size, &view) != ILP_OK) return 0;
    REQUIRE(view.packet_len <= size && view.packet_len >= ILP_PREPARE_MIN);
    inside(view.destination, data, view.packet_len);
    inside(view.data, data, view.packet_len);
    REQUIRE(ilp_address_valid(view.destination.at, view.destination.len));

    size_t len =
        ilp_prepare_encode(out, sizeof out, view.amount, view.expires_at_ms, view.condition_view, view.destination, view.data);
    REQUIRE(len >= ILP_PREPARE_MIN && len <= size);
    REQUIRE(view.canonical == (len == size && memcmp(out, data, len) == 0));
    REQUIRE(ilp_prepare_parse(out, len, &again) == ILP_OK);
    REQUIRE(again.canonical && again.packet_len == len);
    REQUIRE(again.amount == view.amount && again.expires_at_ms == view.expires_at_ms);
    REQUIRE(memcmp(again.condition_view, view.condition_view, 32) == 0);
    REQUIRE(same(again.destination, view.destination) && same(again.data, view.data));
    REQUIRE(ilp_prepare_encode(out, len - 1, view.amount, view.expires_at_ms, view.condition_view, view.destination, view.data) ==
            0);

    /* Patch a copy of the input, whatever its form. */
    uint8_t *copy = malloc(size);
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    uint64_t amount = ~view.amount;
    int64_t expires_at_ms = view.expires_at_ms > 0 ? view.expires_at_ms - 1 : ILP_TIME_MS_MAX;
    ilp_prepare_patch(copy, view.amount_offset, amount, expires_at_ms);
    REQUIRE(ilp_prepare_parse(copy, size, &again) == ILP_OK);
    REQUIRE(again.amount == amount && again.expires_at_ms == expires_at_ms && again.canonical == view.canonical);
    memcpy(copy + view.amount_offset, data + view.amount_offset, 25);
    REQUIRE(memcmp(copy, data, size) == 0);
    free(copy);
    return 0;
}
