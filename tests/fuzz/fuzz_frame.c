/* Link frames from a hostile but configured peer: the whole frame engine under arbitrary octets, times and answers.
 * Owns one link per input; checks that nothing leaks, that a request is handed over once per id, and that output can be read. */
#include <stdlib.h>

#include "ilp_session.h"

#define REQUIRE(condition)                  \
    do {                                    \
        if (!(condition)) __builtin_trap(); \
    } while (0)

#define ROOM 1180u
#define IDS 64u

static ilp_pool *pool;
static ilp_round now;
static ilp_link link_;
static ilp_session session;
static ilp_receiver receiver;
static uint64_t tokens[64];
static uint32_t tokens_count;
static uint64_t sent[64];
static uint32_t sent_count;
static uint8_t forwarded[IDS]; /* in the present session of the peer */
static uint64_t generation;

static void wake(ilp_session *self) { (void)self; }

static void on_prepare(ilp_receiver *self, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns) {
    (void)self, (void)now_ns;
    uint64_t id = token & ILP_FRAME_ID_MAX;
    if (generation != session.remote_generation) memset(forwarded, 0, sizeof forwarded);
    generation = session.remote_generation;
    if (id < IDS) REQUIRE(forwarded[id]++ == 0);
    if (packet->data[packet->len - 1] & 1 && tokens_count < 64) {
        tokens[tokens_count++] = token;
        ilp_pool_put(pool, packet);
    } else {
        link->ops->reply(link, token, packet);
    }
}

static void on_answer(ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *packet, int64_t now_ns) {
    (void)self, (void)now_ns;
    REQUIRE(handle == token + 7);
    ilp_pool_put(pool, packet);
    if (handle & 1) link->ops->finish(link, token, ILP_OUTCOME_FULFILLED);
}

static void flush(void) {
    static uint8_t out[ILP_DATAGRAM_MAX];
    for (int i = 0; i < 200 && ilp_session_wants(&session); i++) {
        uint64_t to;
        size_t len = ilp_session_fill(&session, out, ROOM, sizeof out, &to);
        REQUIRE(len > 0 || !ilp_session_wants(&session));
        REQUIRE(ilp_frames_check(out, len) == ILP_FRAMES_OK);
    }
}

/* What a peer that is alive would say, so that the input reaches the inner parts. */
static void prove_fresh(uint64_t number) {
    uint8_t frames[ILP_FRAME_PING_SIZE];
    session.ping_due = true;
    flush();
    ilp_frame_write_word(frames, ILP_FRAME_PONG, session.ping_time);
    ilp_session_receive(&session, number, session.local, frames, sizeof frames);
}

static void send_one(uint8_t size) {
    ilp_buffer *buffer = ilp_pool_get(pool, 1 + size);
    uint64_t token;
    if (!buffer) return;
    memset(buffer->data, size, 1 + size);
    buffer->len = 1 + size;
    if (ilp_link_ready(&link_, buffer->len) != ILP_OK ||
        link_.ops->send(&link_, buffer, session.next_id + 7, now.now_ns + 300000000, &token) != ILP_OK) {
        ilp_pool_put(pool, buffer);
    } else {
        sent[sent_count++ % 64] = token;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!pool) pool = ilp_pool_new(256, 4);
    ilp_session_options options = {.local = 11, .seed = 5, .in_flight = 40, .open_max = 60, .room = ROOM};
    now.now_ns = 1000000000;
    tokens_count = sent_count = 0;
    generation = 0;
    memset(&link_, 0, sizeof link_);
    REQUIRE(ilp_session_init(&session, &link_, pool, &now, &options) == 0);
    session.wake = wake;
    receiver.on_prepare = on_prepare;
    receiver.on_answer = on_answer;
    link_.receiver = &receiver;
    ilp_session_start(&session);
    prove_fresh(22);
    while (size >= 2) {
        uint8_t what = data[0], amount = data[1];
        data += 2;
        size -= 2;
        switch (what & 7) {
        case 0:
        case 1:
        case 2: { /* a datagram, in a heap copy of its size */
            size_t len = amount < size ? amount : size;
            uint8_t *copy = malloc(len ? len : 1);
            REQUIRE(copy != NULL);
            memcpy(copy, data, len);
            ilp_session_receive(&session, what & 8 ? 33 : 22, what & 16 ? what >> 5 : session.local, copy, len);
            free(copy);
            data += len;
            size -= len;
            break;
        }
        case 3:
            now.now_ns += (int64_t)amount * 2000000;
            ilp_session_tick(&session);
            break;
        case 4: send_one(amount); break;
        case 5:
            if (sent_count) ilp_requester_finish(&link_, sent[amount % (sent_count < 64 ? sent_count : 64)], what >> 6);
            break;
        case 6:
            if (tokens_count) {
                ilp_buffer *buffer = ilp_pool_get(pool, what & 8 ? 40000 : 1 + amount);
                if (buffer) {
                    buffer->len = what & 8 ? 40000 : 1 + amount;
                    ilp_responder_reply(&link_, tokens[amount % tokens_count], buffer);
                }
            }
            break;
        default:
            if (what & 8) prove_fresh(22 + amount % 3);
            flush();
        }
        REQUIRE(session.out.used <= 40 && session.in.used <= 60);
    }
    flush();
    ilp_session_free(&session);
    REQUIRE(ilp_pool_in_use(pool) == 0);
    return 0;
}
