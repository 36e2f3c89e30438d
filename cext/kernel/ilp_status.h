/* Every status the packet path can return. Owns the numbers; knows no text (ilp_reject.c has it) and never logs.
 *
 * Statuses from ILP_REJECT_FIRST on become a Reject; each maps to one code and one fixed message. Several statuses may share
 * a code, so that a counter says which rule refused a packet. Names mirror the RFC's error names (IL-RFC 27). */
#ifndef ILP_STATUS_H
#define ILP_STATUS_H

typedef enum ilp_status {
    ILP_OK = 0,
    ILP_WAIT = 1, /* from on_response: hold the answer back until the open group is durable */

    ILP_REJECT_FIRST = 16,
    ILP_BAD_REQUEST = ILP_REJECT_FIRST, /* F00 */
    ILP_INVALID_PACKET,                 /* F01 bytes that are not an ILPv4 Prepare */
    ILP_UNKNOWN_PEER_PROTOCOL,          /* F01 peer.* that no controller answers */
    ILP_UNREACHABLE,                    /* F02 no route */
    ILP_ROUTE_LOOP,                     /* F02 the next link is the incoming link */
    ILP_WRONG_NETWORK,                  /* F02 test address on the live network, or the reverse, or a scheme never routed */
    ILP_INVALID_AMOUNT,                 /* F03 */
    ILP_WRONG_CONDITION,                /* F05 the fulfillment does not hash to the condition */
    ILP_UNEXPECTED_PAYMENT,             /* F06 */
    ILP_AMOUNT_TOO_LARGE,               /* F08 over max_packet_amount: data = received u64, maximum u64 */
    ILP_AMOUNT_OVERFLOW,                /* F08 the converted amount does not fit u64 */
    ILP_INTERNAL_ERROR,                 /* T00 */
    ILP_RATE_UNAVAILABLE,               /* T00 no usable exchange rate */
    ILP_PACKET_TOO_LARGE,               /* T00 does not fit the outgoing link */
    ILP_INVALID_ANSWER,                 /* T00 the next hop answered bytes that are no Fulfill or Reject */
    ILP_PEER_UNREACHABLE,               /* T01 the outgoing link is down */
    ILP_PEER_BUSY,                      /* T02 the outgoing link has no room */
    ILP_CONNECTOR_BUSY,                 /* T03 no pending slot or buffer left */
    ILP_STORE_BUSY,                     /* T03 the store is stalled, fenced, or the router is draining */
    ILP_INSUFFICIENT_LIQUIDITY,         /* T04 credit limit of the incoming account */
    ILP_OUTGOING_LIQUIDITY,             /* T04 our own limit towards the outgoing account */
    ILP_THROUGHPUT_EXCEEDED,            /* T04 value per second */
    ILP_IN_FLIGHT_EXCEEDED,             /* T04 packets or value in flight */
    ILP_RATE_LIMITED,                   /* T05 packets per second */
    ILP_TRANSFER_TIMED_OUT,             /* R00 our outgoing timer fired */
    ILP_INSUFFICIENT_SOURCE_AMOUNT,     /* R01 a non-zero amount converts to zero */
    ILP_INSUFFICIENT_TIMEOUT,           /* R02 arrived with too little time left */
    ILP_EXPIRED,                        /* R02 arrived expired */
    ILP_REJECT_END
} ilp_status;

#endif
