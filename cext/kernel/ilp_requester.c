/* The requester's half of the frame engine: Prepares sent, their resending, and the acknowledgement of answers.
 * Owns our ids and our LOW; must not know what an answer means. */
#include <assert.h>
#include <stdlib.h>

#include "ilp_session.h"

#define ACK_RANGES_MAX 4096u /* beyond it acknowledgements wait for the answer to be repeated */

/* How many requests may still be sent: zero also when an old open id keeps LOW so far back that the next id would not be taken. */
void ilp_requester_room(ilp_session *session) {
    uint32_t used = session->out.used;
    bool span = session->next_id - session->acked.low < ILP_WINDOW_SPAN;
    session->link->room = span && used < session->in_flight && !session->stopped ? session->in_flight - used : 0;
}

int ilp_requester_send(ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token) {
    ilp_session *session = link->owner;
    if (!link->up) return ILP_PEER_UNREACHABLE;
    if (link->room == 0) return ILP_PEER_BUSY;
    if (prepare->len > link->packet_max) return ILP_PACKET_TOO_LARGE;
    ilp_slot *slot = ilp_window_add(&session->out, session->next_id);
    if (!slot) return ILP_CONNECTOR_BUSY;
    slot->buffer = prepare;
    slot->tag = handle;
    slot->deadline_ns = deadline_ns;
    *token = session->next_id++;
    ilp_session_use(session, session->round->now_ns);
    ilp_window_move(&session->out, slot, ILP_WINDOW_READY);
    ilp_requester_room(session);
    session->wake(session);
    return ILP_OK;
}

/* LOW is the lowest open id, or the next one when none is open. Each id is looked at once on its way past. */
static void advance_low(ilp_session *session) {
    uint64_t low = session->acked.low;
    if (session->out.used == 0) {
        low = session->next_id;
    } else {
        while (!ilp_window_find(&session->out, low)) low++;
    }
    if (low != session->acked.low) ilp_idset_advance(&session->acked, low);
}

static void acknowledge(ilp_session *session, uint64_t id) {
    if (session->acks_count) {
        ilp_range *last = &session->acks[session->acks_count - 1];
        if (id == last->first + last->count && last->count < ILP_FRAME_ACK_IDS) {
            last->count++;
            session->acks_ids++;
            return;
        }
    }
    if (session->acks_count == session->acks_capacity) {
        uint32_t capacity = session->acks_capacity ? session->acks_capacity * 2 : 8;
        ilp_range *acks = capacity <= ACK_RANGES_MAX ? realloc(session->acks, capacity * sizeof *acks) : NULL;
        if (!acks) {
            session->counters.acks_lost++;
            return;
        }
        session->acks = acks;
        session->acks_capacity = capacity;
    }
    session->acks[session->acks_count++] = (ilp_range){.first = id, .count = 1};
    session->acks_ids++;
}

/* An ACK rides in the next datagram; only many of them are worth one of their own before the next tick. */
static void acknowledge_soon(ilp_session *session, uint64_t id) {
    acknowledge(session, id);
    if (session->acks_ids >= ILP_SESSION_ACK_SOON) session->wake(session);
}

void ilp_requester_finish(ilp_link *link, uint64_t token, int outcome) {
    ilp_session *session = link->owner;
    ilp_slot *slot = ilp_window_find(&session->out, token);
    if (!slot) return;
    bool counted = slot->answered && (outcome == ILP_OUTCOME_FULFILLED || outcome == ILP_OUTCOME_REJECTED);
    bool current = slot->generation == session->remote_generation;
    ilp_pool_put(session->pool, slot->buffer);
    slot->buffer = NULL;
    ilp_window_remove(&session->out, slot);
    if (counted && current) {
        if (token != session->acked.low) ilp_idset_add(&session->acked, token); /* else LOW is about to pass it */
        acknowledge_soon(session, token);
    }
    advance_low(session);
    ilp_requester_room(session);
}

void ilp_requester_answer(ilp_session *session, const ilp_frame *frame) {
    ilp_link *link = session->link;
    ilp_slot *slot = ilp_window_find(&session->out, frame->id);
    if (!slot) {
        if (frame->id >= session->next_id) {
            session->counters.answers_unknown++;
        } else if (frame->id < session->acked.low || ilp_idset_has(&session->acked, frame->id)) {
            /* Our ACK or LOW was lost, or crossed this frame: say it again. */
            session->counters.answers_duplicate++;
            if (frame->id >= session->acked.low) {
                acknowledge_soon(session, frame->id);
            } else {
                session->low_sent = 0;
            }
        } else {
            session->counters.answers_late++;
        }
        return;
    }
    if (slot->generation != session->remote_generation) {
        session->counters.answers_unknown++;
        return;
    }
    if (slot->answered) {
        session->counters.answers_duplicate++;
        return;
    }
    /* The Prepare is needed no more: its buffer takes the answer, so that a pool used up by requests still lets answers in. */
    ilp_buffer *answer = slot->buffer;
    if (answer->cap < frame->len) {
        answer = ilp_pool_get(session->pool, frame->len);
        if (!answer) {
            session->counters.answers_no_buffer++;
            return;
        }
        ilp_pool_put(session->pool, slot->buffer);
    }
    slot->buffer = NULL;
    answer->next = NULL;
    answer->offset = 0;
    answer->len = frame->len;
    memcpy(answer->data, frame->body_view, frame->len);
    if (slot->sends == 1) ilp_rtt_sample(&session->request_rtt, session->round->now_ns - slot->sent_ns);
    ilp_window_move(&session->out, slot, ILP_WINDOW_NONE);
    slot->answered = 1;
    session->counters.answers_in++;
    link->receiver->on_answer(link->receiver, link, slot->tag, frame->id, answer, session->round->now_ns);
}

void ilp_requester_forget_session(ilp_session *session) {
    for (uint32_t number = 1; number < session->out.fresh; number++) {
        ilp_slot *slot = &session->out.slots[number];
        if (slot->id == 0 || slot->generation == 0) continue; /* never sent to anyone: may go to the new session */
        ilp_window_move(&session->out, slot, ILP_WINDOW_NONE);
        ilp_pool_put(session->pool, slot->buffer); /* only its timer is left */
        slot->buffer = NULL;
    }
    ilp_idset_reset(&session->acked, session->acked.low);
    session->acks_count = 0;
    session->acks_ids = 0;
    session->low_sent = 0;
}

size_t ilp_requester_fill_acks(ilp_session *session, uint8_t *out, size_t cap) {
    uint32_t ranges = 0, ids = 0;
    if (session->acks_count == 0 || cap < 4 + ILP_FRAME_ACK_RANGE) return 0;
    uint32_t room = (uint32_t)((cap - 3) / ILP_FRAME_ACK_RANGE);
    if (room > ILP_FRAME_ACK_RANGES) room = ILP_FRAME_ACK_RANGES;
    while (ranges < session->acks_count && ranges < room) {
        uint32_t count = session->acks[session->acks_count - 1 - ranges].count; /* from the end: the rest needs no moving */
        if (ids + count > ILP_FRAME_ACK_IDS) break;
        ids += count;
        ranges++;
    }
    size_t n = ilp_frame_write_ack_head(out, ranges);
    for (uint32_t i = 0; i < ranges; i++) {
        ilp_range range = session->acks[session->acks_count - ranges + i];
        n += ilp_frame_write_range(out + n, range.first, range.count);
    }
    session->acks_count -= ranges;
    session->acks_ids -= ids;
    return n;
}

size_t ilp_requester_fill(ilp_session *session, uint8_t *out, size_t cap) {
    size_t n = 0;
    ilp_slot *slot;
    while ((slot = ilp_window_first(&session->out, ILP_WINDOW_READY)) != NULL) {
        if (slot->deadline_ns <= session->round->now_ns) { /* nobody waits for its answer any more */
            ilp_window_move(&session->out, slot, ILP_WINDOW_NONE);
            continue;
        }
        size_t size = ilp_frame_size(slot->buffer->len);
        if (size > cap - n) break;
        n += ilp_frame_write_packet(out + n, ILP_FRAME_REQ, slot->id, slot->buffer->data + slot->buffer->offset,
                                    slot->buffer->len);
        if (slot->sends) session->counters.requests_resent++;
        slot->generation = session->remote_generation;
        ilp_session_written(session, &session->out, slot);
    }
    return n;
}
