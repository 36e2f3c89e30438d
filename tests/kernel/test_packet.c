/* ilp_packet: what is encoded is parsed again, every truncation is refused, limits hold, a patch touches 25 bytes only. */
#include "check.h"
#include "ilp_oer.h"
#include "ilp_packet.h"
#include "ilp_status.h"
#include "ilp_time.h"

static uint8_t filler[40000];

static ilp_bytes_view text(const char *string) { return (ilp_bytes_view){(const uint8_t *)string, (uint32_t)strlen(string)}; }

static ilp_bytes_view bytes(uint32_t len) { return (ilp_bytes_view){filler, len}; }

static ilp_bytes_view address(uint32_t len) {
    static uint8_t long_address[2000];
    memset(long_address, 'x', sizeof long_address);
    memcpy(long_address, "g.", 2);
    return (ilp_bytes_view){long_address, len};
}

static void prepare_round_trip(void) {
    static const uint32_t sizes[] = {0, 1, 60, 61, 62, 63, 64, 127, 128, 188, 189, 190, 255, 256, 32766, 32767};
    static uint8_t out[ILP_PREPARE_MAX];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t len =
            ilp_prepare_encode(out, sizeof out, UINT64_MAX - i, 1700000000123, filler, text("test2.b_~-0.Z"), bytes(sizes[i]));
        CHECK(len != 0);
        ilp_prepare_view view;
        uint8_t *exact = check_copy(out, len);
        CHECK_EQ(ilp_prepare_parse(exact, len, &view), ILP_OK);
        CHECK_EQ(view.amount, UINT64_MAX - i);
        CHECK_EQ(view.expires_at_ms, 1700000000123);
        CHECK(view.canonical);
        CHECK_EQ(view.packet_len, len);
        CHECK_EQ(view.data.len, sizes[i]);
        CHECK_BYTES(view.destination.at, "test2.b_~-0.Z", view.destination.len);
        CHECK_BYTES(view.condition_view, filler, 32);
        CHECK_BYTES(view.data.at, filler, sizes[i]);
        CHECK_EQ(view.amount_offset, len < 130 ? 2 : len < 259 ? 3 : 4);
        free(exact);
    }
}

static void every_truncation_is_refused(void) {
    uint8_t out[400];
    ilp_prepare_view prepare;
    ilp_fulfill_view fulfill;
    ilp_reject_view reject;
    size_t len = ilp_prepare_encode(out, sizeof out, 5, 0, filler, text("g.alice.bob"), bytes(150));
    CHECK(len > 200);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = check_copy(out, cut);
        CHECK_EQ(ilp_prepare_parse(exact, cut, &prepare), ILP_INVALID_PACKET);
        free(exact);
    }
    len = ilp_fulfill_encode(out, sizeof out, filler, bytes(150));
    CHECK(len > 180);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = check_copy(out, cut);
        CHECK_EQ(ilp_fulfill_parse(exact, cut, &fulfill), ILP_INVALID_PACKET);
        free(exact);
    }
    len = ilp_reject_encode(out, sizeof out, filler, text("g.me"), text("no"), bytes(150));
    CHECK(len > 150);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = check_copy(out, cut);
        CHECK_EQ(ilp_reject_parse(exact, cut, &reject), ILP_INVALID_PACKET);
        free(exact);
    }
}

/* A field cut short by the envelope must not be completed from the bytes after it. */
static void fields_end_with_the_envelope(void) {
    uint8_t out[200];
    ilp_prepare_view view;
    size_t len = ilp_prepare_encode(out, sizeof out, 5, 0, filler, text("g.a"), bytes(10));
    for (uint8_t shorter = 1; shorter <= len - 2; shorter++) {
        uint8_t *exact = check_copy(out, len);
        exact[1] = (uint8_t)(exact[1] - shorter);
        CHECK_EQ(ilp_prepare_parse(exact, len, &view), ILP_INVALID_PACKET);
        free(exact);
    }
}

static void other_types_are_refused(void) {
    uint8_t out[200];
    ilp_prepare_view prepare;
    ilp_fulfill_view fulfill;
    ilp_reject_view reject;
    size_t len = ilp_prepare_encode(out, sizeof out, 5, 0, filler, text("g.a"), bytes(10));
    for (int type = 0; type < 256; type++) {
        out[0] = (uint8_t)type;
        CHECK_EQ(ilp_prepare_parse(out, len, &prepare) == ILP_OK, type == ILP_PREPARE);
        if (type != ILP_FULFILL) CHECK_EQ(ilp_fulfill_parse(out, len, &fulfill), ILP_INVALID_PACKET);
        if (type != ILP_REJECT) CHECK_EQ(ilp_reject_parse(out, len, &reject), ILP_INVALID_PACKET);
    }
}

static void odd_forms_are_read_and_written_canonically(void) {
    static const uint8_t envelope[][10] = {{1, 0x3e}, {2, 0x81, 0x3e}, {3, 0x82, 0, 0x3e}, {9, 0x88, 0, 0, 0, 0, 0, 0, 0, 0x3e}};
    uint8_t canonical[64];
    CHECK_EQ(ilp_prepare_encode(canonical, sizeof canonical, 7, 12345, filler, text("g.a"), bytes(0)), ILP_PREPARE_MIN);
    for (size_t i = 0; i < 4; i++) {
        for (size_t trailing = 0; trailing < 3; trailing++) {
            uint8_t odd[100];
            uint8_t again[64];
            size_t header = 1 + (size_t)envelope[i][0];
            odd[0] = ILP_PREPARE;
            memcpy(odd + 1, envelope[i] + 1, envelope[i][0]);
            memcpy(odd + header, canonical + 2, 62);
            memset(odd + header + 62, 0xee, trailing);
            uint8_t *exact = check_copy(odd, header + 62 + trailing);
            ilp_prepare_view view;
            CHECK_EQ(ilp_prepare_parse(exact, header + 62 + trailing, &view), ILP_OK);
            CHECK_EQ(view.canonical, i == 0 && trailing == 0);
            CHECK_EQ(view.packet_len, header + 62);
            CHECK_EQ(view.amount_offset, header);
            ilp_prepare_patch(exact, view.amount_offset, 9, 54321);
            CHECK_EQ(ilp_prepare_parse(exact, header + 62 + trailing, &view), ILP_OK);
            CHECK(view.amount == 9 && view.expires_at_ms == 54321);
            CHECK_EQ(ilp_prepare_encode(again, sizeof again, 7, 12345, view.condition_view, view.destination, view.data), 64);
            CHECK_BYTES(again, canonical, 64);
            free(exact);
        }
    }
}

static void a_patch_touches_amount_and_expiry_only(void) {
    uint8_t before[200];
    uint8_t after[200];
    ilp_prepare_view view;
    size_t len = ilp_prepare_encode(before, sizeof before, 5, 0, filler, text("g.a"), bytes(100));
    CHECK_EQ(ilp_prepare_parse(before, len, &view), ILP_OK);
    memcpy(after, before, len);
    ilp_prepare_patch(after, view.amount_offset, 0xffffffffffffffff, ILP_TIME_MS_MAX);
    for (size_t i = 0; i < len; i++)
        if (i < view.amount_offset || i >= view.amount_offset + 25) CHECK_EQ(after[i], before[i]);
    CHECK_EQ(ilp_prepare_parse(after, len, &view), ILP_OK);
    CHECK(view.amount == UINT64_MAX && view.expires_at_ms == ILP_TIME_MS_MAX && view.canonical);
}

/* Each writer stops at `cap` (a byte past it would be outside the heap block) and at each field's own limit. */
static void writers_respect_limits(void) {
    uint8_t *out = malloc(ILP_REJECT_MAX);
    CHECK(out != NULL);
    CHECK_EQ(ilp_prepare_encode(out, ILP_PREPARE_MAX, 1, 0, filler, address(1023), bytes(32767)), ILP_PREPARE_MAX);
    CHECK_EQ(ilp_fulfill_encode(out, ILP_FULFILL_MAX, filler, bytes(32767)), ILP_FULFILL_MAX);
    CHECK_EQ(ilp_reject_encode(out, ILP_REJECT_MAX, filler, address(1023), bytes(8191), bytes(32767)), ILP_REJECT_MAX);
    CHECK_EQ(ilp_prepare_encode(out, ILP_PREPARE_MAX - 1, 1, 0, filler, address(1023), bytes(32767)), 0);
    CHECK_EQ(ilp_fulfill_encode(out, ILP_FULFILL_MAX - 1, filler, bytes(32767)), 0);
    CHECK_EQ(ilp_reject_encode(out, ILP_REJECT_MAX - 1, filler, address(1023), bytes(8191), bytes(32767)), 0);
    CHECK_EQ(ilp_prepare_encode(out, ILP_REJECT_MAX, 1, 0, filler, address(1024), bytes(0)), 0);
    CHECK_EQ(ilp_prepare_encode(out, ILP_REJECT_MAX, 1, 0, filler, address(4), bytes(32768)), 0);
    CHECK_EQ(ilp_fulfill_encode(out, ILP_REJECT_MAX, filler, bytes(32768)), 0);
    CHECK_EQ(ilp_reject_encode(out, ILP_REJECT_MAX, filler, address(1024), bytes(0), bytes(0)), 0);
    CHECK_EQ(ilp_reject_encode(out, ILP_REJECT_MAX, filler, address(4), bytes(8192), bytes(0)), 0);
    CHECK_EQ(ilp_reject_encode(out, ILP_REJECT_MAX, filler, address(4), bytes(0), bytes(32768)), 0);
    CHECK_EQ(ilp_prepare_encode(out, ILP_REJECT_MAX, 1, ILP_TIME_MS_MAX + 1, filler, address(4), bytes(0)), 0);
    CHECK_EQ(ilp_prepare_encode(out, ILP_REJECT_MAX, 1, ILP_TIME_MS_MIN - 1, filler, address(4), bytes(0)), 0);
    free(out);
    for (size_t cap = 0; cap < 70; cap++) {
        uint8_t *small = malloc(cap ? cap : 1);
        CHECK(small != NULL);
        CHECK_EQ(ilp_prepare_encode(small, cap, 1, 0, filler, text("g.a"), bytes(0)), cap < 64 ? 0 : 64);
        CHECK_EQ(ilp_fulfill_encode(small, cap, filler, bytes(0)), cap < 35 ? 0 : 35);
        CHECK_EQ(ilp_reject_encode(small, cap, filler, bytes(0), bytes(0), bytes(0)), cap < 8 ? 0 : 8);
        free(small);
    }
}

static void rejects_from_other_nodes(void) {
    static const struct {
        const char *code;
        const char *triggered_by;
        int status;
    } cases[] = {
        {"F02", "", ILP_OK},
        {"F02", "g.me", ILP_OK},
        {"F02", "connector", ILP_OK},
        {"zz\x7f", "g.me", ILP_OK},
        {"F0\x80", "g.me", ILP_INVALID_PACKET},
        {"F02", "g.m e", ILP_INVALID_PACKET},
        {"F02", "g.\n", ILP_INVALID_PACKET},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[200];
        ilp_reject_view view;
        size_t len = ilp_reject_encode(out, sizeof out, (const uint8_t *)cases[i].code, text(cases[i].triggered_by),
                                       text("caf\xc3\xa9 \xff"), bytes(3));
        CHECK_EQ(ilp_reject_parse(out, len, &view), cases[i].status);
        if (cases[i].status != ILP_OK) continue;
        CHECK(view.canonical && view.packet_len == len && view.data.len == 3);
        CHECK_BYTES(view.code_view, cases[i].code, 3);
        CHECK_BYTES(view.message.at, "caf\xc3\xa9 \xff", 7);
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof filler; i++) filler[i] = (uint8_t)(i * 7 % 127);
    prepare_round_trip();
    every_truncation_is_refused();
    fields_end_with_the_envelope();
    other_types_are_refused();
    odd_forms_are_read_and_written_canonically();
    a_patch_touches_amount_and_expiry_only();
    writers_respect_limits();
    rejects_from_other_nodes();
    return 0;
}
