/* The three packets of ilp_packet.h: a walk over the OER fields each way. Keeps no state and copies no data unless asked to encode. */
#include "ilp_packet.h"

#include <assert.h>
#include <string.h>

#include "ilp_address.h"
#include "ilp_oer.h"
#include "ilp_status.h"
#include "ilp_time.h"

/* Offsets inside a Prepare's content. */
#define EXPIRES_AT 8u
#define CONDITION 25u
#define DESTINATION 57u

_Static_assert(CONDITION == EXPIRES_AT + ILP_TIMESTAMP_LEN && DESTINATION == CONDITION + 32, "the fixed fields touch");
_Static_assert(ILP_PREPARE_MAX == 1 + 3 + DESTINATION + 3 + ILP_ADDRESS_MAX + 3 + ILP_DATA_MAX, "largest Prepare");
_Static_assert(ILP_FULFILL_MAX == 1 + 3 + 32 + 3 + ILP_DATA_MAX, "largest Fulfill");
_Static_assert(ILP_REJECT_MAX == 1 + 3 + 3 + 3 + ILP_ADDRESS_MAX + 3 + ILP_MESSAGE_MAX + 3 + ILP_DATA_MAX, "largest Reject");
_Static_assert(ILP_PREPARE_MIN == 1 + 1 + DESTINATION + 1 + 3 + 1, "smallest Prepare: destination g.a, no data");

/* Read type and length; [returned, *content_end) is the content. NULL unless the whole content is there. */
static inline const uint8_t *open_envelope(const uint8_t *packet, size_t len, uint8_t type, const uint8_t **content_end,
                                           bool *canonical) {
    uint64_t length;
    if (len < 2 || packet[0] != type) return NULL;
    const uint8_t *end = packet + len;
    const uint8_t *at = ilp_oer_get_length(packet + 1, end, &length, canonical);
    if (!at || length > (uint64_t)(end - at)) return NULL;
    *content_end = at + length;
    return at;
}

static inline const uint8_t *get_view(const uint8_t *at, const uint8_t *end, uint32_t max, ilp_bytes_view *view,
                                      bool *canonical) {
    return ilp_oer_get_varstring(at, end, max, &view->at, &view->len, canonical);
}

/* `at` is where the last known field ended: what follows, inside the envelope or after it, is ignored but not canonical. */
static inline bool ends_exactly(const uint8_t *at, const uint8_t *content_end, const uint8_t *packet, size_t len) {
    return at == content_end && content_end == packet + len;
}

int ilp_prepare_parse(const uint8_t *packet, size_t len, ilp_prepare_view *out) {
    const uint8_t *end;
    bool canonical = true;
    const uint8_t *content = open_envelope(packet, len, ILP_PREPARE, &end, &canonical);
    if (!content || end - content < (ptrdiff_t)DESTINATION) return ILP_INVALID_PACKET;
    if (ilp_time_parse(content + EXPIRES_AT, &out->expires_at_ms) != ILP_OK) return ILP_INVALID_PACKET;
    const uint8_t *at = get_view(content + DESTINATION, end, ILP_ADDRESS_MAX, &out->destination, &canonical);
    if (!at || !ilp_address_valid(out->destination.at, out->destination.len)) return ILP_INVALID_PACKET;
    at = get_view(at, end, ILP_DATA_MAX, &out->data, &canonical);
    if (!at) return ILP_INVALID_PACKET;
    out->amount = ilp_oer_get_u64(content);
    out->amount_offset = (uint32_t)(content - packet);
    out->packet_len = (uint32_t)(end - packet);
    out->condition_view = content + CONDITION;
    out->canonical = canonical && ends_exactly(at, end, packet, len);
    return ILP_OK;
}

int ilp_fulfill_parse(const uint8_t *packet, size_t len, ilp_fulfill_view *out) {
    const uint8_t *end;
    bool canonical = true;
    const uint8_t *content = open_envelope(packet, len, ILP_FULFILL, &end, &canonical);
    if (!content || end - content < 32) return ILP_INVALID_PACKET;
    const uint8_t *at = get_view(content + 32, end, ILP_DATA_MAX, &out->data, &canonical);
    if (!at) return ILP_INVALID_PACKET;
    out->fulfillment_view = content;
    out->packet_len = (uint32_t)(end - packet);
    out->canonical = canonical && ends_exactly(at, end, packet, len);
    return ILP_OK;
}

int ilp_reject_parse(const uint8_t *packet, size_t len, ilp_reject_view *out) {
    const uint8_t *end;
    bool canonical = true;
    const uint8_t *content = open_envelope(packet, len, ILP_REJECT, &end, &canonical);
    if (!content || end - content < 3 || (content[0] | content[1] | content[2]) > 0x7f) return ILP_INVALID_PACKET;
    const uint8_t *at = get_view(content + 3, end, ILP_ADDRESS_MAX, &out->triggered_by, &canonical);
    if (!at || !ilp_address_characters(out->triggered_by.at, out->triggered_by.len)) return ILP_INVALID_PACKET;
    at = get_view(at, end, ILP_MESSAGE_MAX, &out->message, &canonical);
    if (!at) return ILP_INVALID_PACKET;
    at = get_view(at, end, ILP_DATA_MAX, &out->data, &canonical);
    if (!at) return ILP_INVALID_PACKET;
    out->code_view = content;
    out->packet_len = (uint32_t)(end - packet);
    out->canonical = canonical && ends_exactly(at, end, packet, len);
    return ILP_OK;
}

void ilp_prepare_patch(uint8_t *packet, uint32_t amount_offset, uint64_t amount, int64_t expires_at_ms) {
    ilp_oer_put_u64(packet + amount_offset, amount);
    ilp_time_format(expires_at_ms, packet + amount_offset + EXPIRES_AT);
}

static inline size_t varstring_size(uint32_t len) { return ilp_oer_length_size(len) + len; }

/* Write type and length of a packet whose content has `content` bytes. NULL when it does not fit cap; *total is the packet's length. */
static inline uint8_t *start_envelope(uint8_t *out, size_t cap, uint8_t type, size_t content, size_t *total) {
    *total = 1 + ilp_oer_length_size(content) + content;
    if (*total > cap) return NULL;
    *out++ = type;
    return ilp_oer_put_length(out, content);
}

size_t ilp_prepare_encode(uint8_t *out, size_t cap, uint64_t amount, int64_t expires_at_ms, const uint8_t condition[32],
                          ilp_bytes_view destination, ilp_bytes_view data) {
    size_t total;
    if (destination.len > ILP_ADDRESS_MAX || data.len > ILP_DATA_MAX) return 0;
    if (expires_at_ms < ILP_TIME_MS_MIN || expires_at_ms > ILP_TIME_MS_MAX) return 0;
    uint8_t *at =
        start_envelope(out, cap, ILP_PREPARE, DESTINATION + varstring_size(destination.len) + varstring_size(data.len), &total);
    if (!at) return 0;
    ilp_oer_put_u64(at, amount);
    ilp_time_format(expires_at_ms, at + EXPIRES_AT);
    memcpy(at + CONDITION, condition, 32);
    at = ilp_oer_put_varstring(at + DESTINATION, destination.at, destination.len);
    at = ilp_oer_put_varstring(at, data.at, data.len);
    assert((size_t)(at - out) == total);
    return total;
}

size_t ilp_fulfill_encode(uint8_t *out, size_t cap, const uint8_t fulfillment[32], ilp_bytes_view data) {
    size_t total;
    if (data.len > ILP_DATA_MAX) return 0;
    uint8_t *at = start_envelope(out, cap, ILP_FULFILL, 32 + varstring_size(data.len), &total);
    if (!at) return 0;
    memcpy(at, fulfillment, 32);
    at = ilp_oer_put_varstring(at + 32, data.at, data.len);
    assert((size_t)(at - out) == total);
    return total;
}

size_t ilp_reject_encode(uint8_t *out, size_t cap, const uint8_t code[3], ilp_bytes_view triggered_by, ilp_bytes_view message,
                         ilp_bytes_view data) {
    size_t total;
    if (triggered_by.len > ILP_ADDRESS_MAX || message.len > ILP_MESSAGE_MAX || data.len > ILP_DATA_MAX) return 0;
    size_t content = 3 + varstring_size(triggered_by.len) + varstring_size(message.len) + varstring_size(data.len);
    uint8_t *at = start_envelope(out, cap, ILP_REJECT, content, &total);
    if (!at) return 0;
    memcpy(at, code, 3);
    at = ilp_oer_put_varstring(at + 3, triggered_by.at, triggered_by.len);
    at = ilp_oer_put_varstring(at, message.at, message.len);
    at = ilp_oer_put_varstring(at, data.at, data.len);
    assert((size_t)(at - out) == total);
    return total;
}
