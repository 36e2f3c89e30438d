/* The seam between endpoints and whoever handles packets: a link (one peer over an endpoint), a receiver (the switch, a load
 * generator, a test), and a round (one batch of work, ended by one flush).
 *
 * Endpoints include this and nothing else of the router's; the switch includes this and no endpoint. Everything here is called
 * on one thread, without the GIL, and never fails by exception.
 *
 * Ownership: a packet is an ilp_buffer from the shared pool; packet bytes are data[offset .. offset + len). Passing a buffer passes it on. */
#ifndef ILP_LINK_H
#define ILP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "ilp_context.h"
#include "ilp_pool.h"
#include "ilp_status.h"

typedef struct ilp_link ilp_link;
typedef struct ilp_round ilp_round;
typedef struct ilp_flusher ilp_flusher;

/* How a request to the next hop ended, told to the outgoing link once its answer is final. */
typedef enum ilp_outcome {
    ILP_OUTCOME_FULFILLED, /* the Fulfill counts and is durable: acknowledge it */
    ILP_OUTCOME_REJECTED,  /* a Reject was accepted: acknowledge it */
    ILP_OUTCOME_EXPIRED,   /* no answer counted in time: a later one is refused */
    ILP_OUTCOME_REFUSED,   /* an answer came and was not accepted (bad fulfillment, no ILP answer, too late) */
} ilp_outcome;

/* What an endpoint implements for a link. */
typedef struct ilp_link_ops {
    /* Queue a Prepare for the peer. `handle` names the request when its answer comes. On ILP_OK the buffer is the link's and
     * *token is the link's own name for the request. Any other status (T-class) means: nothing was queued, the buffer is still
     * the caller's. Must not call the receiver. `deadline_ns` (CLOCK_BOOTTIME) is when the receiver stops waiting. */
    int (*send)(ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token);
    /* Answer the request `token` that this link delivered. Always takes the buffer. A token whose requester has gone is ignored. */
    void (*reply)(ilp_link *link, uint64_t token, ilp_buffer *answer);
    /* The request `token` sent earlier is finished: acknowledge, free, or refuse later answers. Called exactly once per sent request. */
    void (*finish)(ilp_link *link, uint64_t token, int outcome);
} ilp_link_ops;

/* What the switch (or a generator, or a test) implements. */
typedef struct ilp_receiver {
    /* A request from the peer. Takes the buffer. `token` comes back in exactly one reply, now or later. */
    void (*on_prepare)(struct ilp_receiver *self, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns);
    /* An answer to the request `handle` (given to send). Takes the buffer. The receiver calls finish in its own time, once:
     * a request that it has finished already (expired) must not be answered any more, the link drops such answers itself. */
    void (*on_answer)(struct ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *answer,
                      int64_t now_ns);
    /* The next hop said in the transport's own words that it will not answer `handle` (HTTP status, refused stream):
     * `status` is the Reject to make. Never called when the outcome is in doubt (lost connection): then the timer decides. */
    void (*on_failure)(struct ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, int status, int64_t now_ns);
    /* Number of the link that the request `handle` came in on, for a local link whose answer depends on who asks;
     * UINT32_MAX when the request is over. May be NULL itself: the receiver does not tell. */
    uint32_t (*origin)(struct ilp_receiver *self, uint64_t handle);
} ilp_receiver;

struct ilp_link {
    const ilp_link_ops *ops;
    ilp_receiver *receiver;
    uint32_t number; /* dense, from 0; the switch's index into its tables */
    uint32_t room;   /* requests that may still be sent now: 0 means busy (T02). Kept by the endpoint */
    uint8_t up;      /* 0: down (T01). Kept by the endpoint */
    uint8_t lossy;   /* reserved for links that may lose answers after a crash (HTTP): 1, links with resume: 0 */
    uint16_t reserved;
    uint32_t packet_max; /* largest ILP packet the link carries, bytes; larger ones are refused with T00 before send */
    void *owner;         /* the endpoint's own state */
    /* Counters, written by the receiver (packets) and the endpoint (bytes); read by the metrics at scrape. */
    uint64_t prepares_in, prepares_out, fulfills_in, fulfills_out, rejects_in, rejects_out;
    uint64_t bytes_in, bytes_out;
    uint64_t fulfills_wrong; /* of fulfills_in: in time, but not the preimage of the condition (F05) */
};

/* May a Prepare of `len` bytes go out now? ILP_OK, ILP_PEER_UNREACHABLE, ILP_PEER_BUSY or ILP_PACKET_TOO_LARGE. */
static inline int ilp_link_ready(const ilp_link *link, uint32_t len) {
    if (!link->up) return ILP_PEER_UNREACHABLE;
    if (len > link->packet_max) return ILP_PACKET_TOO_LARGE;
    if (link->room == 0) return ILP_PEER_BUSY;
    return ILP_OK;
}

/* A round is one entry from the event loop: a socket batch, a timer tick, a commit that returned. Whoever queues bytes asks
 * for one flush at its end. Sockets written in C flush without the GIL; transports of uvloop flush with it, after the others. */
struct ilp_flusher {
    void (*flush)(ilp_flusher *self); /* needs_gil = 0: called without the GIL; 1: called with it */
    ilp_flusher *next;
    uint8_t queued;
    uint8_t needs_gil;
};

struct ilp_round {
    ilp_flusher *first;     /* without the GIL */
    ilp_flusher *first_gil; /* with the GIL */
    int64_t now_ns;         /* CLOCK_BOOTTIME, read once when the round began */
    int64_t wall_offset_ns; /* wall clock = now_ns + wall_offset_ns, sampled when the round began */
};

static inline void ilp_round_flush_later(ilp_round *round, ilp_flusher *flusher) {
    if (flusher->queued) return;
    flusher->queued = 1;
    if (flusher->needs_gil) {
        flusher->next = round->first_gil;
        round->first_gil = flusher;
    } else {
        flusher->next = round->first;
        round->first = flusher;
    }
}

#endif
