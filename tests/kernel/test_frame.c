/* ilp_frame: what the writers write, the readers read; borders of lengths and ids; no read outside the octets given. */
#include "check.h"
#include "ilp_frame.h"

static void lengths_take_their_shortest_form(void) {
    static const struct {
        size_t packet, head;
    } cases[] = {{1, 10}, {55, 10}, {56, 11}, {16375, 11}, {16376, 13}, {41997, 13}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = cases[i].packet;
        uint8_t *packet = calloc(1, size), *out = malloc(size + 16);
        CHECK_EQ(ilp_frame_size(size), size + cases[i].head);
        CHECK_EQ(ilp_frame_write_packet(out, ILP_FRAME_ANS, 77, packet, size), size + cases[i].head);
        CHECK_EQ(ilp_frames_check(out, size + cases[i].head), ILP_FRAMES_OK);
        CHECK_EQ(ilp_frames_check(out, size + cases[i].head - 1), ILP_FRAMES_MALFORMED);
        const uint8_t *at = out;
        ilp_frame frame;
        CHECK(ilp_frame_next(&at, out + size + cases[i].head, &frame));
        CHECK_EQ(frame.type, ILP_FRAME_ANS);
        CHECK_EQ(frame.id, 77);
        CHECK_EQ(frame.len, size);
        CHECK(!ilp_frame_next(&at, out + size + cases[i].head, &frame));
        free(packet);
        free(out);
    }
}

static void packet_max_is_the_largest_that_fits(void) {
    for (size_t room = 0; room < 70000; room++) {
        size_t packet = ilp_frame_packet_max(room);
        if (packet) CHECK(ilp_frame_size(packet) <= room);
        CHECK(ilp_frame_size(packet + 1) > room);
    }
}

static void a_datagram_has_its_header(void) {
    uint8_t octets[ILP_DATAGRAM_HEADER];
    ilp_datagram_header header;
    ilp_datagram_write(octets, 0x0102030405060708, 0x1112131415161718);
    CHECK_BYTES(octets, "\1\0\0\0\1\2\3\4\5\6\7\10\21\22\23\24\25\26\27\30", 20);
    CHECK(ilp_datagram_parse(octets, 20, &header));
    CHECK_EQ(header.sender, 0x0102030405060708);
    CHECK_EQ(header.receiver, 0x1112131415161718);
    CHECK(!ilp_datagram_parse(octets, 19, &header));
    octets[1] = 1;
    CHECK(!ilp_datagram_parse(octets, 20, &header));
    ilp_datagram_write(octets, 0, 1);
    CHECK(!ilp_datagram_parse(octets, 20, &header));
}

static void acks_are_ranges(void) {
    uint8_t out[64];
    size_t n = ilp_frame_write_ack_head(out, 2);
    n += ilp_frame_write_range(out + n, 5, 4000);
    n += ilp_frame_write_range(out + n, 9000, 96);
    CHECK_EQ(n, 22);
    CHECK_EQ(ilp_frames_check(out, n), ILP_FRAMES_OK);
    const uint8_t *at = out;
    ilp_frame frame;
    uint64_t first;
    CHECK(ilp_frame_next(&at, out + n, &frame));
    CHECK_EQ(frame.len, 20);
    CHECK_EQ(ilp_frame_ack_range(frame.body_view, 0, &first), 4000);
    CHECK_EQ(first, 5);
    CHECK_EQ(ilp_frame_ack_range(frame.body_view, 1, &first), 96);
    CHECK_EQ(first, 9000);
    ilp_frame_write_range(out + 12, 9000, 97); /* one id more than a datagram may acknowledge */
    CHECK_EQ(ilp_frames_check(out, n), ILP_FRAMES_MALFORMED);
}

/* Random octets in heap copies of exact size: the sanitizer sees any read outside. What the check lets through, `next` walks whole. */
static void random_octets_stay_inside(void) {
    for (int round = 0; round < 300000; round++) {
        uint8_t octets[48];
        size_t len = check_below(sizeof octets + 1);
        for (size_t i = 0; i < len; i++) octets[i] = (uint8_t)(check_below(3) ? check_below(12) : check_random());
        uint8_t *copy = check_copy(octets, len);
        int verdict = ilp_frames_check(copy, len);
        const uint8_t *at = copy;
        ilp_frame frame;
        size_t frames = 0;
        while (ilp_frame_next(&at, copy + len, &frame)) {
            CHECK(frame.body_view >= copy && frame.body_view + frame.len <= copy + len);
            frames++;
            if (verdict == ILP_FRAMES_OK) CHECK(frame.type >= ILP_FRAME_REQ && frame.type <= ILP_FRAME_CLOSE);
        }
        CHECK(frames <= len);
        free(copy);
    }
}

int main(void) {
    lengths_take_their_shortest_form();
    packet_max_is_the_largest_that_fits();
    a_datagram_has_its_header();
    acks_are_ranges();
    random_octets_stay_inside();
    return 0;
}
