/* The table of ilp_reject.h: for each status its ILP code, a name for counters, and the message a peer reads. Holds no other text. */
#include "ilp_reject.h"

#include <assert.h>
#include <string.h>

#include "ilp_oer.h"

#define ENTRY(status, code, name, message) [(status) - ILP_REJECT_FIRST] = {code, name, message}

static const ilp_reject_entry entries[] = {
    ENTRY(ILP_BAD_REQUEST, "F00", "bad_request", "Bad request"),
    ENTRY(ILP_INVALID_PACKET, "F01", "invalid_packet", "Invalid packet"),
    ENTRY(ILP_UNKNOWN_PEER_PROTOCOL, "F01", "unknown_peer_protocol", "Unknown peer protocol"),
    ENTRY(ILP_UNREACHABLE, "F02", "unreachable", "No route to the destination"),
    ENTRY(ILP_ROUTE_LOOP, "F02", "route_loop", "The route leads back to where the packet came from"),
    ENTRY(ILP_WRONG_NETWORK, "F02", "wrong_network", "The destination belongs to another network"),
    ENTRY(ILP_INVALID_AMOUNT, "F03", "invalid_amount", "Invalid amount"),
    ENTRY(ILP_WRONG_CONDITION, "F05", "wrong_condition", "The fulfillment does not match the condition"),
    ENTRY(ILP_UNEXPECTED_PAYMENT, "F06", "unexpected_payment", "Unexpected payment"),
    ENTRY(ILP_AMOUNT_TOO_LARGE, "F08", "amount_too_large", "Amount too large"),
    ENTRY(ILP_AMOUNT_OVERFLOW, "F08", "amount_overflow", "The converted amount is too large"),
    ENTRY(ILP_INTERNAL_ERROR, "T00", "internal_error", "Internal error"),
    ENTRY(ILP_RATE_UNAVAILABLE, "T00", "rate_unavailable", "No exchange rate available"),
    ENTRY(ILP_PACKET_TOO_LARGE, "T00", "packet_too_large", "The packet does not fit the next link"),
    ENTRY(ILP_INVALID_ANSWER, "T00", "invalid_answer", "The next hop gave an invalid answer"),
    ENTRY(ILP_PEER_UNREACHABLE, "T01", "peer_unreachable", "The next hop is unreachable"),
    ENTRY(ILP_PEER_BUSY, "T02", "peer_busy", "The next hop is busy"),
    ENTRY(ILP_CONNECTOR_BUSY, "T03", "connector_busy", "Connector busy"),
    ENTRY(ILP_STORE_BUSY, "T03", "store_busy", "Connector cannot take payments now"),
    ENTRY(ILP_INSUFFICIENT_LIQUIDITY, "T04", "insufficient_liquidity", "Credit limit reached"),
    ENTRY(ILP_OUTGOING_LIQUIDITY, "T04", "outgoing_liquidity", "No liquidity towards the next hop"),
    ENTRY(ILP_THROUGHPUT_EXCEEDED, "T04", "throughput_exceeded", "Throughput limit reached"),
    ENTRY(ILP_IN_FLIGHT_EXCEEDED, "T04", "in_flight_exceeded", "Too much in flight"),
    ENTRY(ILP_RATE_LIMITED, "T05", "rate_limited", "Too many packets"),
    ENTRY(ILP_TRANSFER_TIMED_OUT, "R00", "transfer_timed_out", "Transfer timed out"),
    ENTRY(ILP_INSUFFICIENT_SOURCE_AMOUNT, "R01", "insufficient_source_amount", "The amount converts to zero"),
    ENTRY(ILP_INSUFFICIENT_TIMEOUT, "R02", "insufficient_timeout", "Too little time left"),
    ENTRY(ILP_EXPIRED, "R02", "expired", "The packet has expired"),
};

_Static_assert(sizeof entries / sizeof *entries == ILP_REJECT_END - ILP_REJECT_FIRST, "every status has an entry");

const ilp_reject_entry *ilp_reject_lookup(int status) {
    if (status < ILP_REJECT_FIRST || status >= ILP_REJECT_END) status = ILP_INTERNAL_ERROR;
    return &entries[status - ILP_REJECT_FIRST];
}

size_t ilp_reject_make(uint8_t *out, size_t cap, int status, ilp_bytes_view triggered_by, uint64_t received, uint64_t maximum) {
    const ilp_reject_entry *entry = ilp_reject_lookup(status);
    uint8_t amounts[ILP_F08_DATA_LEN];
    ilp_bytes_view message = {(const uint8_t *)entry->message, (uint32_t)strlen(entry->message)};
    ilp_bytes_view data = {NULL, 0};
    if (status == ILP_AMOUNT_TOO_LARGE) {
        ilp_oer_put_u64(amounts, received);
        ilp_oer_put_u64(amounts + 8, maximum);
        data = (ilp_bytes_view){amounts, sizeof amounts};
    }
    return ilp_reject_encode(out, cap, (const uint8_t *)entry->code, triggered_by, message, data);
}
