/* The frame engine of one link: sessions, request ids, duplicates, resending, acknowledgements. It turns ilp_link_ops into
 * frames and frames into receiver calls, and implements docs/link-protocol.md.
 *
 * Owns everything between the ILP packet and the frame octets; must not know sockets, datagram headers on the wire, or time other
 * than round->now_ns. The transport feeds frames to ilp_session_receive, asks ilp_session_fill for frames to write, and calls
 * ilp_session_tick every few milliseconds while ilp_session_busy, else once a second. Nothing is allocated per packet. */
#ifndef ILP_SESSION_H
#define ILP_SESSION_H

#include "ilp_frame.h"
#include "ilp_link.h"
#include "ilp_pool.h"
#include "ilp_window.h"

#define ILP_SESSION_RTO_FIRST_NS 100000000ll /* before the first round-trip sample */
#define ILP_SESSION_RTO_MIN_NS 20000000ll
#define ILP_SESSION_RTO_MAX_NS 2000000000ll
#define ILP_SESSION_PING_NS 1000000000ll /* a link silent for this long is pinged */
#define ILP_SESSION_HELLO_NS 100000000ll /* pings of a new session, for its first two seconds */
#define ILP_SESSION_HELLO_FOR_NS 2000000000ll
#define ILP_SESSION_SILENCE_NS 5000000000ll /* a link silent for this long is down */
/* Ten thousand quiet peers must not cost a core their heartbeats: a link at rest is asked less often, and given longer. */
#define ILP_SESSION_REST_NS 10000000000ll /* a link without requests for this long is at rest */
#define ILP_SESSION_REST_PING_NS 5000000000ll
#define ILP_SESSION_REST_SILENCE_NS 15000000000ll
#define ILP_SESSION_ACK_SOON 64u /* ids to acknowledge that are not kept for the next tick */

typedef enum ilp_session_verdict {
    ILP_SESSION_OK = 0,
    ILP_SESSION_MALFORMED, /* a frame or a length that the protocol forbids: nothing of the datagram was used */
    ILP_SESSION_UNKNOWN,   /* a mandatory frame we do not know: likewise */
    ILP_SESSION_STALE,     /* for an earlier session of ours, or from one of the peer that is closed: likewise */
    ILP_SESSION_NOT_YET,   /* from a session of the peer not proved fresh: only PING and PONG were used */
} ilp_session_verdict;

typedef struct ilp_range {
    uint64_t first;
    uint32_t count;
} ilp_range;

/* Round-trip estimate, RFC 6298 without its one-second floor. */
typedef struct ilp_rtt {
    int64_t srtt_ns; /* 0: no sample yet */
    int64_t var_ns;
    int64_t rto_ns;
} ilp_rtt;

typedef struct ilp_session_counters {
    uint64_t requests_in;          /* REQ frames that were new and were handed to the receiver */
    uint64_t requests_duplicate;   /* same id, same bytes */
    uint64_t requests_mutated;     /* same id, other bytes: never forwarded */
    uint64_t requests_below_low;   /* id under the peer's own LOW, or already finished */
    uint64_t requests_over_window; /* id too far above LOW, or too many open */
    uint64_t requests_no_buffer;   /* dropped because the pool or memory was used up: the peer sends them again */
    uint64_t requests_resent;
    uint64_t answers_in; /* ANS frames that were first and were handed to the receiver */
    uint64_t answers_duplicate;
    uint64_t answers_late;    /* for a request that ended without this answer counting */
    uint64_t answers_unknown; /* for an id never sent to this session of the peer */
    uint64_t answers_no_buffer;
    uint64_t answers_resent;
    uint64_t answers_orphaned; /* the requester's session was gone when we answered */
    uint64_t acks_unknown;     /* ids acknowledged that we were not keeping an answer for */
    uint64_t acks_lost;        /* acknowledgements dropped for want of memory: repeated when the answer is */
    uint64_t sessions;         /* sessions of the peer that were taken up */
    uint64_t pings_in;
    uint64_t closes_in;
} ilp_session_counters;

typedef struct ilp_session ilp_session;

struct ilp_session {
    ilp_link *link;
    ilp_pool *pool;
    const ilp_round *round;
    void (*wake)(ilp_session *self); /* there is something to write: the transport asks for a flush of its round */
    void *owner;                     /* the transport's */

    uint64_t local;             /* our session; never 0 */
    uint64_t remote;            /* the peer's, 0 until proved fresh */
    uint32_t remote_generation; /* grows with each session of the peer */
    uint64_t closed;            /* a session of the peer that said CLOSE */
    uint64_t candidate;         /* a session of the peer to be challenged by a PING in the next flush, or 0 */
    uint64_t candidate_pong;    /* what the PONG to it must say */
    uint64_t ping_time;         /* what our open PING says; a PONG with it proves freshness */
    uint64_t pong_time;         /* what the PONG to the peer's last PING must say */
    uint64_t seed;              /* of ping_time */
    int64_t opened_ns, heard_ns, pinged_ns;
    int64_t used_ns;  /* last request in either direction */
    int64_t woken_ns; /* when the last rest ended: silence during it says little */
    bool ping_open;   /* ping_time is not answered yet: it is repeated until it is */
    bool candidate_pong_due, ping_due, pong_due, ack_due, close_due, stopped;
    uint32_t room; /* octets of frames in a usual datagram */

    ilp_window out;  /* requests we sent */
    ilp_idset acked; /* of those, finished ids whose answer counted; low = our LOW */
    uint64_t next_id;
    uint32_t in_flight;
    uint64_t low_sent;
    ilp_rtt request_rtt;
    ilp_range *acks;
    uint32_t acks_count, acks_capacity, acks_ids;

    ilp_window in;  /* requests of the peer's session that are not finished */
    ilp_idset seen; /* ids of that session; low = its LOW */
    uint64_t digest_key;
    ilp_rtt answer_rtt;

    ilp_session_counters counters;
};

typedef struct ilp_session_options {
    uint64_t local;     /* our session: not 0, and different after each start */
    uint64_t seed;      /* unpredictable */
    uint32_t in_flight; /* requests we may have open */
    uint32_t open_max;  /* requests of the peer we keep state for */
    uint32_t room;      /* octets of frames that fit a datagram; link->packet_max follows from it */
} ilp_session_options;

/* Fills link->ops, owner, packet_max, room, up. The caller sets wake and owner afterwards. 0, or -1 when memory runs out. */
int ilp_session_init(ilp_session *session, ilp_link *link, ilp_pool *pool, const ilp_round *round,
                     const ilp_session_options *options);
/* Forget every request and give every buffer back. The ops of the link stay callable: they find nothing. */
void ilp_session_clear(ilp_session *session);
/* Clear, and give the memory back: nothing of the link may be called any more. */
void ilp_session_free(ilp_session *session);

/* A request goes out or comes in: the link is not at rest. */
static inline void ilp_session_use(ilp_session *session, int64_t now_ns) {
    if (now_ns - session->used_ns >= ILP_SESSION_REST_NS) session->woken_ns = now_ns;
    session->used_ns = now_ns;
}

/* Start: the link may be used at once, packets leave when the peer has answered the first PING. */
void ilp_session_start(ilp_session *session);
/* Say CLOSE in the next fill and take nothing any more. */
void ilp_session_stop(ilp_session *session);

/* The frames of one datagram that came with these two session numbers. Returns an ilp_session_verdict. */
int ilp_session_receive(ilp_session *session, uint64_t sender, uint64_t receiver, const uint8_t *frames, size_t len);

/* Write frames for one datagram of at most `cap` <= room octets, to be sent with receiver's session *receiver. Answers come
 * before requests. Returns the octets written, 0 when there is nothing (that fits). An answer that fits no datagram of `room`
 * octets is written alone, and only if it fits `alone_cap`: the one case where more than `cap` octets are written. */
size_t ilp_session_fill(ilp_session *session, uint8_t *out, size_t cap, size_t alone_cap, uint64_t *receiver);
/* Is there anything that a flush must write now? */
bool ilp_session_wants(const ilp_session *session);

/* Resend, ping, notice silence. Calls wake when there is something to write. */
void ilp_session_tick(ilp_session *session);
/* Needs ticks of a few milliseconds. */
bool ilp_session_busy(const ilp_session *session);

/* --- between the files of the engine --- */
void ilp_rtt_sample(ilp_rtt *rtt, int64_t sample_ns);
uint64_t ilp_digest(uint64_t key, const uint8_t *bytes, size_t len);
/* Move slots whose time-out has passed to the ready list; returns how many. */
uint32_t ilp_session_due(ilp_session *session, ilp_window *window, const ilp_rtt *rtt);
/* A slot was written to a datagram: note when, and put it on the list of its next time-out. */
void ilp_session_written(ilp_session *session, ilp_window *window, ilp_slot *slot);

int ilp_requester_send(ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token);
void ilp_requester_finish(ilp_link *link, uint64_t token, int outcome);
void ilp_requester_answer(ilp_session *session, const ilp_frame *frame);
void ilp_requester_forget_session(ilp_session *session); /* the peer restarted: nothing sent to it before is sent again */
void ilp_requester_room(ilp_session *session);
size_t ilp_requester_fill(ilp_session *session, uint8_t *out, size_t cap);      /* REQ frames */
size_t ilp_requester_fill_acks(ilp_session *session, uint8_t *out, size_t cap); /* ACK frames */

void ilp_responder_reply(ilp_link *link, uint64_t token, ilp_buffer *answer);
void ilp_responder_request(ilp_session *session, const ilp_frame *frame);
void ilp_responder_acked(ilp_session *session, const ilp_frame *frame);
void ilp_responder_low(ilp_session *session, uint64_t low);
void ilp_responder_forget_session(ilp_session *session);
size_t ilp_responder_fill(ilp_session *session, uint8_t *out, size_t cap);             /* ANS frames */
size_t ilp_responder_fill_alone(ilp_session *session, uint8_t *out, size_t alone_cap); /* the next ANS, when larger than room */

#endif
