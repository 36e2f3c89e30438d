/* Sessions of the frame engine: proving the peer's freshness, taking datagrams apart, filling them, and the clock's tick.
 * Owns the order of frames in a datagram; requests and answers are left to ilp_requester.c and ilp_responder.c. */
#include "ilp_session.h"

#include <stdlib.h>

static const ilp_link_ops OPS = {.send = ilp_requester_send, .reply = ilp_responder_reply, .finish = ilp_requester_finish};

int ilp_session_init(ilp_session *session, ilp_link *link, ilp_pool *pool, const ilp_round *round,
                     const ilp_session_options *options) {
    memset(session, 0, sizeof *session);
    session->link = link;
    session->pool = pool;
    session->round = round;
    session->local = options->local;
    session->seed = options->seed;
    session->digest_key = options->seed * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
    session->in_flight = options->in_flight;
    session->room = options->room;
    session->next_id = 1;
    session->request_rtt.rto_ns = ILP_SESSION_RTO_FIRST_NS;
    session->answer_rtt.rto_ns = ILP_SESSION_RTO_FIRST_NS;
    if (ilp_window_init(&session->out, options->in_flight) || ilp_window_init(&session->in, options->open_max) ||
        ilp_idset_init(&session->acked, 1) || ilp_idset_init(&session->seen, 1)) {
        ilp_session_free(session);
        return -1;
    }
    link->ops = &OPS;
    link->owner = session;
    link->packet_max = (uint32_t)ilp_frame_packet_max(options->room - ILP_FRAME_LOW_SIZE);
    link->room = 0;
    link->up = 0;
    return 0;
}

void ilp_session_clear(ilp_session *session) {
    ilp_window_clear(&session->out, session->pool);
    ilp_window_clear(&session->in, session->pool);
    session->acks_count = 0;
    session->acks_ids = 0;
    session->remote = 0;
    session->stopped = true;
    session->close_due = false;
    session->link->up = 0;
    session->link->room = 0;
}

void ilp_session_free(ilp_session *session) {
    ilp_window_free(&session->out, session->pool);
    ilp_window_free(&session->in, session->pool);
    ilp_idset_free(&session->acked);
    ilp_idset_free(&session->seen);
    free(session->acks);
    session->acks = NULL;
}

void ilp_session_start(ilp_session *session) {
    session->opened_ns = session->heard_ns = session->used_ns = session->woken_ns = session->round->now_ns;
    session->ping_due = true;
    session->link->up = 1;
    ilp_requester_room(session);
    session->wake(session);
}

void ilp_session_stop(ilp_session *session) {
    session->stopped = true;
    session->close_due = session->remote != 0;
    session->link->up = 0;
    session->link->room = 0;
    session->wake(session);
}

void ilp_rtt_sample(ilp_rtt *rtt, int64_t sample_ns) {
    if (rtt->srtt_ns == 0) {
        rtt->srtt_ns = sample_ns > 0 ? sample_ns : 1;
        rtt->var_ns = sample_ns / 2;
    } else {
        int64_t error = sample_ns - rtt->srtt_ns;
        rtt->srtt_ns += error / 8;
        rtt->var_ns += ((error < 0 ? -error : error) - rtt->var_ns) / 4;
        if (rtt->srtt_ns <= 0) rtt->srtt_ns = 1;
    }
    int64_t rto = rtt->srtt_ns + 4 * rtt->var_ns;
    rtt->rto_ns = rto < ILP_SESSION_RTO_MIN_NS   ? ILP_SESSION_RTO_MIN_NS
                  : rto > ILP_SESSION_RTO_MAX_NS ? ILP_SESSION_RTO_MAX_NS
                                                 : rto;
}

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* 64 bits over the octets, by multiply and fold. It tells a repeated request from a changed one; since neither is forwarded,
 * a peer that finds a collision gains its own old answer and nothing else. */
uint64_t ilp_digest(uint64_t key, const uint8_t *bytes, size_t len) {
    uint64_t a, b, hash = key ^ mix(len + 0x9e3779b97f4a7c15ull, key | 1);
    while (len > 16) {
        memcpy(&a, bytes, 8);
        memcpy(&b, bytes + 8, 8);
        hash = mix(a ^ key ^ 0xa0761d6478bd642full, b ^ hash);
        bytes += 16;
        len -= 16;
    }
    uint8_t tail[16] = {0};
    memcpy(tail, bytes, len);
    memcpy(&a, tail, 8);
    memcpy(&b, tail + 8, 8);
    hash = mix(a ^ key ^ 0xe7037ed1a0b428dbull, b ^ hash);
    return mix(hash ^ 0x8ebc6af09c88c6e3ull, key ^ 0x589965cc75374cc3ull);
}

uint32_t ilp_session_due(ilp_session *session, ilp_window *window, const ilp_rtt *rtt) {
    uint32_t moved = 0;
    int64_t timeout = rtt->rto_ns;
    for (uint32_t level = 0; level < ILP_WINDOW_LEVELS; level++) {
        ilp_slot *slot;
        while ((slot = ilp_window_first(window, ILP_WINDOW_SENT + level)) && session->round->now_ns - slot->sent_ns >= timeout) {
            ilp_window_move(window, slot, ILP_WINDOW_READY);
            moved++;
        }
        if (timeout < ILP_SESSION_RTO_MAX_NS) timeout *= 2;
    }
    return moved;
}

void ilp_session_written(ilp_session *session, ilp_window *window, ilp_slot *slot) {
    uint32_t level = slot->sends < ILP_WINDOW_LEVELS ? slot->sends : ILP_WINDOW_LEVELS - 1;
    slot->sent_ns = session->round->now_ns;
    if (slot->sends < UINT8_MAX) slot->sends++;
    ilp_window_move(window, slot, ILP_WINDOW_SENT + level);
}

/* A new session of the peer was proved fresh: what belonged to the one before is void. */
static void take_up(ilp_session *session, uint64_t remote) {
    ilp_requester_forget_session(session);
    ilp_responder_forget_session(session);
    session->remote = remote;
    session->remote_generation++;
    session->counters.sessions++;
    session->pong_due = false;
}

static void closed_by_peer(ilp_session *session) {
    session->counters.closes_in++;
    session->closed = session->remote;
    session->remote = 0;
    session->link->up = 0;
    ilp_requester_forget_session(session);
    ilp_responder_forget_session(session);
}

/* Does the datagram answer our open PING? Also notes a PING that must be answered. */
static bool proves_fresh(ilp_session *session, uint64_t sender, uint64_t receiver, const uint8_t *at, const uint8_t *end) {
    ilp_frame frame;
    bool fresh = false;
    session->candidate_pong_due = false;
    while (ilp_frame_next(&at, end, &frame)) {
        if (frame.type == ILP_FRAME_PONG && session->ping_open && frame.id == session->ping_time)
            fresh = receiver == session->local;
        if (frame.type == ILP_FRAME_PING) {
            session->candidate_pong = frame.id;
            session->candidate_pong_due = true;
        }
    }
    session->candidate = fresh ? 0 : sender;
    return fresh;
}

int ilp_session_receive(ilp_session *session, uint64_t sender, uint64_t receiver, const uint8_t *frames, size_t len) {
    const uint8_t *at = frames, *end = frames + len;
    int64_t now = session->round->now_ns;
    int verdict = ilp_frames_check(frames, len);
    if (verdict != ILP_FRAMES_OK) return verdict == ILP_FRAMES_UNKNOWN ? ILP_SESSION_UNKNOWN : ILP_SESSION_MALFORMED;
    if (session->stopped || sender == session->closed || !session->link->receiver) return ILP_SESSION_STALE;
    if (receiver != 0 && receiver != session->local) { /* meant for who was here before us: let the peer learn who is */
        if (now - session->pinged_ns >= ILP_SESSION_HELLO_NS) {
            session->ping_due = true;
            session->wake(session);
        }
        return ILP_SESSION_STALE;
    }
    if (sender != session->remote || receiver == 0) {
        if (!proves_fresh(session, sender, receiver, at, end)) {
            session->wake(session);
            return ILP_SESSION_NOT_YET;
        }
        take_up(session, sender);
    }
    session->heard_ns = now;
    session->link->bytes_in += len;
    if (!session->link->up) {
        session->link->up = 1;
        ilp_requester_room(session);
    }
    ilp_frame frame;
    while (ilp_frame_next(&at, end, &frame)) {
        switch (frame.type) {
        case ILP_FRAME_REQ: ilp_responder_request(session, &frame); break;
        case ILP_FRAME_ANS: ilp_requester_answer(session, &frame); break;
        case ILP_FRAME_ACK: ilp_responder_acked(session, &frame); break;
        case ILP_FRAME_LOW: ilp_responder_low(session, frame.id); break;
        case ILP_FRAME_PING:
            session->counters.pings_in++;
            session->pong_time = frame.id;
            session->pong_due = true;
            session->wake(session);
            break;
        case ILP_FRAME_PONG:
            if (frame.id == session->ping_time) session->ping_open = false;
            break;
        default: /* CLOSE: the check let nothing else through */ closed_by_peer(session); return ILP_SESSION_OK;
        }
    }
    if (session->out.lists[ILP_WINDOW_READY].first) session->wake(session); /* held back until the peer was known */
    return ILP_SESSION_OK;
}

static size_t write_ping(ilp_session *session, uint8_t *out) {
    if (!session->ping_open) {
        session->seed = mix(session->seed ^ 0xd6e8feb86659fd93ull, (uint64_t)session->round->now_ns | 1) + session->local;
        session->ping_time = session->seed;
        session->ping_open = true;
    }
    session->pinged_ns = session->round->now_ns;
    session->ping_due = false;
    return ilp_frame_write_word(out, ILP_FRAME_PING, session->ping_time);
}

/* The datagram that asks a session we have not taken up to prove itself; also our first words when we know none. */
static size_t fill_challenge(ilp_session *session, uint8_t *out, uint64_t *receiver) {
    size_t n = 0;
    *receiver = session->candidate;
    if (session->candidate && session->candidate_pong_due)
        n += ilp_frame_write_word(out, ILP_FRAME_PONG, session->candidate_pong);
    n += write_ping(session, out + n);
    session->candidate = 0;
    session->candidate_pong_due = false;
    return n;
}

static bool speaks(const ilp_session *session) { return session->remote != 0 && session->link->up; }

bool ilp_session_wants(const ilp_session *session) {
    if (session->close_due) return true;
    if (session->stopped) return false;
    if (session->candidate || session->ping_due) return true;
    if (!speaks(session)) return false;
    return session->pong_due || session->ack_due || session->acks_ids >= ILP_SESSION_ACK_SOON ||
           session->in.lists[ILP_WINDOW_READY].first || session->out.lists[ILP_WINDOW_READY].first;
}

static bool low_is_news(const ilp_session *session) { return session->acked.low != session->low_sent; }

static size_t write_low(ilp_session *session, uint8_t *out) {
    session->low_sent = session->acked.low;
    return ilp_frame_write_word(out, ILP_FRAME_LOW, session->acked.low);
}

static size_t fill_datagram(ilp_session *session, uint8_t *out, size_t cap, size_t alone_cap) {
    size_t n = ilp_responder_fill_alone(session, out, alone_cap);
    if (n) return n;
    if (session->pong_due && cap - n >= ILP_FRAME_PING_SIZE) {
        n += ilp_frame_write_word(out + n, ILP_FRAME_PONG, session->pong_time);
        session->pong_due = false;
    }
    if (session->ping_due && cap - n >= ILP_FRAME_PING_SIZE) n += write_ping(session, out + n);
    n += ilp_requester_fill_acks(session, out + n, cap - n);
    bool low_written = false;
    if (low_is_news(session) && cap - n >= ILP_FRAME_LOW_SIZE) {
        n += write_low(session, out + n);
        low_written = true;
    }
    if (session->acks_count == 0 && !low_is_news(session)) session->ack_due = false;
    n += ilp_responder_fill(session, out + n, cap - n);
    if (session->in.lists[ILP_WINDOW_READY].first) return n; /* answers first: requests wait for the next datagram */
    size_t low_size = low_written ? 0 : ILP_FRAME_LOW_SIZE;  /* a datagram with requests says LOW, before them */
    if (cap - n > low_size) {
        size_t requests = ilp_requester_fill(session, out + n + low_size, cap - n - low_size);
        if (requests && low_size) write_low(session, out + n);
        if (requests) n += low_size + requests;
    }
    return n;
}

size_t ilp_session_fill(ilp_session *session, uint8_t *out, size_t cap, size_t alone_cap, uint64_t *receiver) {
    size_t n = 0;
    *receiver = session->remote;
    if (session->close_due) {
        session->close_due = false;
        n = ilp_frame_write_close(out, 0);
    } else if (session->stopped) {
        return 0;
    } else if (session->candidate || (session->ping_due && !session->remote)) {
        n = cap < 2 * ILP_FRAME_PING_SIZE ? 0 : fill_challenge(session, out, receiver);
    } else if (speaks(session)) {
        n = fill_datagram(session, out, cap, alone_cap);
    } else if (session->ping_due) {
        n = write_ping(session, out); /* to a known peer that has fallen silent */
    }
    session->link->bytes_out += n;
    return n;
}

static bool waits(const ilp_window *window) {
    for (uint32_t list = ILP_WINDOW_READY; list < ILP_WINDOW_LISTS; list++) {
        if (window->lists[list].first) return true;
    }
    return false;
}

void ilp_session_tick(ilp_session *session) {
    int64_t now = session->round->now_ns;
    if (session->stopped) return;
    bool rest = session->out.used == 0 && session->in.used == 0 && now - session->used_ns >= ILP_SESSION_REST_NS;
    int64_t silence_ns = now - (session->heard_ns > session->woken_ns ? session->heard_ns : session->woken_ns);
    if (silence_ns >= (rest ? ILP_SESSION_REST_SILENCE_NS : ILP_SESSION_SILENCE_NS)) session->link->up = 0;
    int64_t ping_ns = rest ? ILP_SESSION_REST_PING_NS : ILP_SESSION_PING_NS;
    bool hello = session->remote == 0 && now - session->opened_ns < ILP_SESSION_HELLO_FOR_NS;
    bool quiet = session->remote == 0 || now - session->heard_ns >= ping_ns;
    if (quiet && now - session->pinged_ns >= (hello ? ILP_SESSION_HELLO_NS : ping_ns)) session->ping_due = true;
    if (speaks(session)) {
        ilp_session_due(session, &session->out, &session->request_rtt);
        ilp_session_due(session, &session->in, &session->answer_rtt);
        if (session->acks_count || low_is_news(session)) session->ack_due = true;
    }
    if (ilp_session_wants(session)) session->wake(session);
}

bool ilp_session_busy(const ilp_session *session) {
    if (session->stopped || !session->link->up) return false;
    if (session->remote == 0) return true;
    return session->acks_count || low_is_news(session) || waits(&session->out) || waits(&session->in);
}
