/* The responder's half of the frame engine: requests of the peer, each forwarded once and answered with the same octets.
 * Owns the memory of what was seen; must not know what a request or an answer means. */
#include "ilp_session.h"

/* The token of a request: its id and 16 bits of the session it belongs to, so that an answer for a session that is gone finds
 * nothing. 65 536 sessions of a peer within the life of one request do not happen. */
static uint64_t token_of(const ilp_session *session, uint64_t id) { return (uint64_t)session->remote_generation << 48 | id; }

void ilp_responder_request(ilp_session *session, const ilp_frame *frame) {
    ilp_link *link = session->link;
    ilp_session_counters *counters = &session->counters;
    if (frame->id < session->seen.low) {
        counters->requests_below_low++;
        return;
    }
    ilp_session_use(session, session->round->now_ns);
    uint64_t digest = ilp_digest(session->digest_key, frame->body_view, frame->len);
    if (ilp_idset_has(&session->seen, frame->id)) {
        ilp_slot *known = ilp_window_find(&session->in, frame->id);
        if (!known) { /* the peer has acknowledged the answer already */
            counters->requests_below_low++;
            return;
        }
        if (known->tag != digest) {
            counters->requests_mutated++;
            return;
        }
        counters->requests_duplicate++;
        if (known->answered && known->list != ILP_WINDOW_READY) {
            ilp_window_move(&session->in, known, ILP_WINDOW_READY);
            session->wake(session);
        }
        return;
    }
    if (frame->id - session->seen.low >= ILP_WINDOW_SPAN || session->in.used >= session->in.open_max) {
        counters->requests_over_window++;
        return;
    }
    /* From here on failing means as if the datagram was lost: the id must not be marked as seen. */
    ilp_buffer *packet = ilp_pool_get(session->pool, frame->len);
    ilp_slot *slot = packet ? ilp_window_add(&session->in, frame->id) : NULL;
    if (!slot || !ilp_idset_add(&session->seen, frame->id)) {
        if (slot) ilp_window_remove(&session->in, slot);
        ilp_pool_put(session->pool, packet);
        counters->requests_no_buffer++;
        return;
    }
    slot->tag = digest;
    memcpy(packet->data, frame->body_view, frame->len);
    packet->len = frame->len;
    counters->requests_in++;
    link->receiver->on_prepare(link->receiver, link, token_of(session, frame->id), packet, session->round->now_ns);
}

void ilp_responder_reply(ilp_link *link, uint64_t token, ilp_buffer *answer) {
    ilp_session *session = link->owner;
    uint64_t id = token & ILP_FRAME_ID_MAX;
    ilp_slot *slot = token == token_of(session, id) ? ilp_window_find(&session->in, id) : NULL;
    if (!slot || slot->answered) {
        ilp_pool_put(session->pool, answer);
        session->counters.answers_orphaned++;
        return;
    }
    slot->buffer = answer;
    slot->answered = 1;
    ilp_window_move(&session->in, slot, ILP_WINDOW_READY);
    session->wake(session);
}

static void forget(ilp_session *session, ilp_slot *slot) {
    ilp_pool_put(session->pool, slot->buffer);
    slot->buffer = NULL;
    ilp_window_remove(&session->in, slot);
}

void ilp_responder_acked(ilp_session *session, const ilp_frame *frame) {
    for (uint32_t i = 0; i < frame->len / ILP_FRAME_ACK_RANGE; i++) {
        uint64_t first;
        uint32_t count = ilp_frame_ack_range(frame->body_view, i, &first);
        for (uint64_t id = first; id < first + count; id++) {
            ilp_slot *slot = ilp_window_find(&session->in, id);
            if (!slot || !slot->answered || !slot->sends) { /* nothing to acknowledge, or nothing was sent */
                session->counters.acks_unknown++;
                continue;
            }
            if (slot->sends == 1) ilp_rtt_sample(&session->answer_rtt, session->round->now_ns - slot->sent_ns);
            forget(session, slot);
        }
    }
}

void ilp_responder_low(ilp_session *session, uint64_t low) {
    uint64_t old = session->seen.low;
    if (low <= old) return;
    if (session->in.used && low - old < session->in.fresh) {
        for (uint64_t id = old; id < low; id++) {
            ilp_slot *slot = ilp_window_find(&session->in, id);
            if (slot) forget(session, slot);
        }
    } else if (session->in.used) { /* a long jump: fewer slots than ids */
        for (uint32_t number = 1; number < session->in.fresh; number++) {
            ilp_slot *slot = &session->in.slots[number];
            if (slot->id && slot->id < low) forget(session, slot);
        }
    }
    ilp_idset_advance(&session->seen, low);
}

void ilp_responder_forget_session(ilp_session *session) {
    ilp_window_clear(&session->in, session->pool);
    ilp_idset_reset(&session->seen, 1);
}

size_t ilp_responder_fill_alone(ilp_session *session, uint8_t *out, size_t alone_cap) {
    ilp_slot *slot = ilp_window_first(&session->in, ILP_WINDOW_READY);
    if (!slot) return 0;
    size_t size = ilp_frame_size(slot->buffer->len);
    if (size <= session->room || size > alone_cap) return 0;
    if (slot->sends) session->counters.answers_resent++;
    size = ilp_frame_write_packet(out, ILP_FRAME_ANS, slot->id, slot->buffer->data + slot->buffer->offset, slot->buffer->len);
    ilp_session_written(session, &session->in, slot);
    return size;
}

size_t ilp_responder_fill(ilp_session *session, uint8_t *out, size_t cap) {
    size_t n = 0;
    ilp_slot *slot;
    while ((slot = ilp_window_first(&session->in, ILP_WINDOW_READY)) != NULL) {
        if (ilp_frame_size(slot->buffer->len) > cap - n) break;
        if (slot->sends) session->counters.answers_resent++;
        n += ilp_frame_write_packet(out + n, ILP_FRAME_ANS, slot->id, slot->buffer->data + slot->buffer->offset,
                                    slot->buffer->len);
        ilp_session_written(session, &session->in, slot);
    }
    return n;
}
