/* Reads and writes link frames octet by octet. Owns the format; knows no session. The format is docs/link-protocol.md. */
#include "ilp_frame.h"

/* Read a length: the two top bits of the first octet give its size (1, 2, 4 octets; 8 is refused, no frame is that long). */
static bool read_length(const uint8_t **at, const uint8_t *end, uint32_t *out) {
    const uint8_t *p = *at;
    if (p == end) return false;
    switch (p[0] >> 6) {
    case 0:
        *out = p[0];
        *at = p + 1;
        return true;
    case 1:
        if (end - p < 2) return false;
        *out = (uint32_t)(p[0] & 0x3f) << 8 | p[1];
        *at = p + 2;
        return true;
    case 2:
        if (end - p < 4) return false;
        *out = (uint32_t)(p[0] & 0x3f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        *at = p + 4;
        return true;
    default: return false;
    }
}

static size_t write_length(uint8_t *out, size_t length) {
    if (length < 64) {
        out[0] = (uint8_t)length;
        return 1;
    }
    if (length < 16384) {
        out[0] = (uint8_t)(0x40 | length >> 8);
        out[1] = (uint8_t)length;
        return 2;
    }
    out[0] = (uint8_t)(0x80 | length >> 24);
    out[1] = (uint8_t)(length >> 16);
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    return 4;
}

bool ilp_datagram_parse(const uint8_t *datagram, size_t len, ilp_datagram_header *out) {
    if (len < ILP_DATAGRAM_HEADER) return false;
    if (datagram[0] != ILP_DATAGRAM_PLAIN || datagram[1] != 0) return false;
    out->sender = ilp_load_u64(datagram + 4);
    out->receiver = ilp_load_u64(datagram + 12);
    return out->sender != 0;
}

void ilp_datagram_write(uint8_t out[ILP_DATAGRAM_HEADER], uint64_t sender, uint64_t receiver) {
    out[0] = ILP_DATAGRAM_PLAIN;
    out[1] = 0;
    out[2] = 0;
    out[3] = 0;
    ilp_store_u64(out + 4, sender);
    ilp_store_u64(out + 12, receiver);
}

static bool id_valid(uint64_t id) { return id != 0 && id <= ILP_FRAME_ID_MAX; }

/* Sum of the counts of an ACK body, or 0 when the body is not one. */
static uint32_t ack_ids(const uint8_t *body, uint32_t len) {
    uint32_t sum = 0;
    if (len == 0 || len % ILP_FRAME_ACK_RANGE != 0) return 0;
    for (uint32_t i = 0; i < len / ILP_FRAME_ACK_RANGE; i++) {
        uint64_t first;
        uint32_t count = ilp_frame_ack_range(body, i, &first);
        if (count == 0 || !id_valid(first)) return 0;
        sum += count;
        if (sum > ILP_FRAME_ACK_IDS) return sum;
    }
    return sum;
}

int ilp_frames_check(const uint8_t *frames, size_t len) {
    const uint8_t *at = frames, *end = frames + len;
    uint32_t acked = 0;
    while (at < end) {
        uint8_t type = *at++;
        uint32_t length;
        if (type == ILP_FRAME_PAD) continue;
        if (!read_length(&at, end, &length) || length > (size_t)(end - at)) return ILP_FRAMES_MALFORMED;
        switch (type) {
        case ILP_FRAME_REQ:
        case ILP_FRAME_ANS:
            if (length < 9 || !id_valid(ilp_load_u64(at))) return ILP_FRAMES_MALFORMED;
            break;
        case ILP_FRAME_ACK: {
            uint32_t ids = ack_ids(at, length);
            if (ids == 0 || ids > ILP_FRAME_ACK_IDS) return ILP_FRAMES_MALFORMED;
            acked += ids;
            if (acked > ILP_FRAME_ACK_IDS) return ILP_FRAMES_MALFORMED;
            break;
        }
        case ILP_FRAME_LOW:
            if (length != 8 || !id_valid(ilp_load_u64(at))) return ILP_FRAMES_MALFORMED;
            break;
        case ILP_FRAME_PING:
        case ILP_FRAME_PONG: /* what follows the time is for later versions */
            if (length < 8) return ILP_FRAMES_MALFORMED;
            break;
        case ILP_FRAME_CLOSE:
            if (length < 1) return ILP_FRAMES_MALFORMED;
            break;
        default:
            if (type < ILP_FRAME_OPTIONAL) return ILP_FRAMES_UNKNOWN;
        }
        at += length;
    }
    return ILP_FRAMES_OK;
}

bool ilp_frame_next(const uint8_t **at, const uint8_t *end, ilp_frame *out) {
    const uint8_t *p = *at;
    while (p < end) {
        uint8_t type = *p++;
        uint32_t length;
        if (type == ILP_FRAME_PAD) continue;
        if (!read_length(&p, end, &length) || length > (size_t)(end - p)) break;
        const uint8_t *body = p;
        p += length;
        if (type >= ILP_FRAME_OPTIONAL) continue;
        out->type = type;
        out->id = 0;
        out->body_view = body;
        out->len = length;
        if (type != ILP_FRAME_ACK && type != ILP_FRAME_CLOSE) {
            if (length < 8) break;
            out->id = ilp_load_u64(body);
            out->body_view = body + 8;
            out->len = length - 8;
        }
        *at = p;
        return true;
    }
    *at = end;
    return false;
}

size_t ilp_frame_packet_max(size_t room) {
    if (room < 11) return 0;
    size_t packet = room - 10; /* with a one-octet length */
    if (packet + 8 < 64) return packet;
    packet = room - 11;
    if (packet + 8 < 64) return 55; /* one more octet of length would be needed for 56 */
    if (packet + 8 < 16384) return packet;
    packet = room - 13;
    return packet + 8 < 16384 ? 16375 : packet;
}

size_t ilp_frame_write_packet(uint8_t *out, uint8_t type, uint64_t id, const uint8_t *packet, size_t packet_len) {
    out[0] = type;
    size_t n = 1 + write_length(out + 1, packet_len + 8);
    ilp_store_u64(out + n, id);
    memcpy(out + n + 8, packet, packet_len);
    return n + 8 + packet_len;
}

size_t ilp_frame_write_word(uint8_t *out, uint8_t type, uint64_t word) {
    out[0] = type;
    out[1] = 8;
    ilp_store_u64(out + 2, word);
    return 10;
}

size_t ilp_frame_write_close(uint8_t *out, uint8_t reason) {
    out[0] = ILP_FRAME_CLOSE;
    out[1] = 1;
    out[2] = reason;
    return ILP_FRAME_CLOSE_SIZE;
}

size_t ilp_frame_write_ack_head(uint8_t *out, uint32_t ranges) {
    out[0] = ILP_FRAME_ACK;
    return 1 + write_length(out + 1, (size_t)ranges * ILP_FRAME_ACK_RANGE);
}

size_t ilp_frame_write_range(uint8_t *out, uint64_t first, uint32_t count) {
    ilp_store_u64(out, first);
    out[8] = (uint8_t)(count >> 8);
    out[9] = (uint8_t)count;
    return ILP_FRAME_ACK_RANGE;
}
