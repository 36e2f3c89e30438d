/* Two frame engines over a simulated network that loses, doubles and reorders datagrams, with peers that restart: each request is
 * forwarded at most once per session of the responder, each answer is handed over once and unchanged, and nothing leaks. */
#include "check.h"
#include "ilp_session.h"

#define HELD 512u /* datagrams on the way at most */
#define REQUESTS 4000u
#define ROOM 1180u

typedef struct node node;

typedef struct letter {
    node *to;
    uint64_t sender, receiver;
    size_t len;
    uint8_t *frames;
    int64_t at_ns;
} letter;

struct node {
    ilp_link link;
    ilp_session session;
    ilp_receiver receiver;
    node *peer;
    uint32_t forwarded[REQUESTS]; /* how often each request of the peer was forwarded, by its number in the packet */
    uint32_t answered[REQUESTS];
    uint64_t waiting[64]; /* tokens to answer later */
    uint8_t waiting_packet[64][8];
    uint32_t waiting_count;
};

static ilp_pool *pool;
static ilp_round now;
static letter letters[HELD];
static uint32_t letters_count;
static uint32_t loss, doubling; /* per cent */
static node a, b;

static void wake(ilp_session *session) { (void)session; }

static void answer(node *self, uint64_t token, const uint8_t number[8]) {
    ilp_buffer *buffer = ilp_pool_get(pool, 64);
    CHECK(buffer != NULL);
    buffer->data[0] = 13;
    memcpy(buffer->data + 1, number, 8);
    buffer->len = 9 + number[0] % 40;
    memset(buffer->data + 9, 0xee, buffer->len - 9);
    self->link.ops->reply(&self->link, token, buffer);
}

static void on_prepare(ilp_receiver *receiver, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns) {
    node *self = (node *)((uint8_t *)receiver - offsetof(node, receiver));
    uint64_t number;
    CHECK_EQ(now_ns, now.now_ns);
    memcpy(&number, packet->data + 1, 8);
    CHECK(number < REQUESTS && packet->len == 20 + number % 300);
    self->forwarded[number]++;
    ilp_pool_put(pool, packet);
    if (check_below(3) && self->waiting_count < 64) {
        self->waiting[self->waiting_count] = token;
        memcpy(self->waiting_packet[self->waiting_count++], &number, 8);
    } else {
        answer(self, token, (uint8_t *)&number);
    }
    (void)link;
}

static void on_answer(ilp_receiver *receiver, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *packet,
                      int64_t now_ns) {
    node *self = (node *)((uint8_t *)receiver - offsetof(node, receiver));
    uint64_t number;
    (void)now_ns;
    memcpy(&number, packet->data + 1, 8);
    CHECK_EQ(number, handle);
    CHECK_EQ(packet->len, 9 + packet->data[1] % 40);
    self->answered[number]++;
    ilp_pool_put(pool, packet);
    link->ops->finish(link, token, ILP_OUTCOME_FULFILLED);
}

static void begin(node *self, node *peer, uint64_t session_number, uint32_t open_max) {
    ilp_session_options options = {
        .local = session_number, .seed = check_random(), .in_flight = 200, .open_max = open_max, .room = ROOM};
    CHECK_EQ(ilp_session_init(&self->session, &self->link, pool, &now, &options), 0);
    self->session.wake = wake;
    self->receiver.on_prepare = on_prepare;
    self->receiver.on_answer = on_answer;
    self->link.receiver = &self->receiver;
    self->peer = peer;
    self->waiting_count = 0;
    ilp_session_start(&self->session);
}

static void put_letter(node *from, uint64_t receiver, const uint8_t *frames, size_t len) {
    if (check_below(100) < loss || letters_count == HELD) return;
    letters[letters_count++] = (letter){.to = from->peer,
                                        .sender = from->session.local,
                                        .receiver = receiver,
                                        .len = len,
                                        .frames = check_copy(frames, len),
                                        .at_ns = now.now_ns + (int64_t)check_below(8000000)};
}

static void flush(node *self) {
    uint8_t out[ROOM];
    while (ilp_session_wants(&self->session)) {
        uint64_t receiver;
        size_t cap = check_below(4) ? ROOM : 300 + check_below(ROOM - 300); /* a run of smaller datagrams */
        size_t len = ilp_session_fill(&self->session, out, cap, ROOM, &receiver);
        CHECK(len <= cap);
        CHECK(len > 0 || cap < ROOM || !ilp_session_wants(&self->session));
        if (!len) continue;
        put_letter(self, receiver, out, len);
        if (check_below(100) < doubling) put_letter(self, receiver, out, len);
    }
}

static void deliver(void) {
    for (uint32_t i = 0; i < letters_count;) {
        if (letters[i].at_ns > now.now_ns) {
            i++;
            continue;
        }
        letter taken = letters[i];
        letters[i] = letters[--letters_count]; /* order is lost on purpose */
        int verdict = ilp_session_receive(&taken.to->session, taken.sender, taken.receiver, taken.frames, taken.len);
        CHECK(verdict == ILP_SESSION_OK || verdict == ILP_SESSION_STALE || verdict == ILP_SESSION_NOT_YET);
        free(taken.frames);
    }
}

static void step(void) {
    now.now_ns += 1000000;
    deliver();
    for (node *self = &a; self; self = self == &a ? &b : NULL) {
        while (self->waiting_count && check_below(2)) {
            uint32_t i = --self->waiting_count;
            answer(self, self->waiting[i], self->waiting_packet[i]);
        }
        if (now.now_ns % 5000000 == 0) ilp_session_tick(&self->session);
        flush(self);
    }
}

static bool ask(node *self, uint64_t number, int64_t deadline_ns) {
    uint64_t token;
    uint32_t len = 20 + number % 300;
    if (ilp_link_ready(&self->link, len) != ILP_OK) return false;
    ilp_buffer *buffer = ilp_pool_get(pool, len);
    buffer->len = len;
    memset(buffer->data, 0x0c, len);
    memcpy(buffer->data + 1, &number, 8);
    CHECK_EQ(self->link.ops->send(&self->link, buffer, number, deadline_ns, &token), ILP_OK);
    return true;
}

static void reset(uint32_t loss_per_cent, uint32_t doubling_per_cent) {
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    now.now_ns = 1000000000;
    loss = loss_per_cent;
    doubling = doubling_per_cent;
}

static void end(void) {
    ilp_session_free(&a.session);
    ilp_session_free(&b.session);
    while (letters_count) free(letters[--letters_count].frames);
    CHECK_EQ(ilp_pool_in_use(pool), 0);
}

static void each_request_once(uint32_t loss_per_cent, uint32_t doubling_per_cent, uint32_t open_max) {
    uint64_t from_a = 0, from_b = 0;
    reset(loss_per_cent, doubling_per_cent);
    begin(&a, &b, 1001, open_max);
    begin(&b, &a, 2001, open_max);
    for (int64_t ms = 0; ms < 400000; ms++) {
        while (from_a < REQUESTS && check_below(5) && ask(&a, from_a, INT64_MAX)) from_a++;
        while (from_b < REQUESTS && check_below(5) && ask(&b, from_b, INT64_MAX)) from_b++;
        step();
        if (from_a == REQUESTS && from_b == REQUESTS && !ilp_session_busy(&a.session) && !ilp_session_busy(&b.session)) break;
    }
    for (uint32_t i = 0; i < REQUESTS; i++) {
        CHECK_EQ(b.forwarded[i], 1);
        CHECK_EQ(a.answered[i], 1);
        CHECK_EQ(a.forwarded[i], 1);
        CHECK_EQ(b.answered[i], 1);
    }
    CHECK_EQ(a.session.out.used + b.session.out.used + a.session.in.used + b.session.in.used, 0);
    CHECK_EQ(a.session.acked.low, REQUESTS + 1);
    CHECK_EQ(b.session.seen.low, REQUESTS + 1);
    end();
}

/* b dies and comes back: what was sent to the old b is never forwarded by the new one, and its answers never reach a. */
static void a_restart_forwards_nothing_again(void) {
    uint64_t sent = 0;
    reset(10, 20);
    begin(&a, &b, 1001, 1000);
    begin(&b, &a, 2001, 1000);
    for (uint64_t life = 0; life < 12; life++) {
        for (int ms = 0; ms < 300; ms++) {
            for (int i = 0; i < 3; i++) {
                if (sent < REQUESTS && ask(&a, sent, now.now_ns + 400000000)) sent++;
            }
            step();
        }
        ilp_session_free(&b.session);
        begin(&b, &a, 2002 + life, 1000);
        for (uint32_t number = 1; number < a.session.out.fresh; number++) { /* the receiver's timers */
            ilp_slot *slot = &a.session.out.slots[number];
            if (slot->id && slot->deadline_ns <= now.now_ns) ilp_requester_finish(&a.link, slot->id, ILP_OUTCOME_EXPIRED);
        }
    }
    uint32_t once = 0;
    for (uint32_t i = 0; i < sent; i++) {
        CHECK(b.forwarded[i] <= 1);
        CHECK(a.answered[i] <= b.forwarded[i]);
        once += a.answered[i];
    }
    CHECK(sent > 500 && once > sent / 4);
    CHECK(a.session.counters.sessions >= 6);
    end();
}

/* A request that nobody answers for long must not stop the others: 100 000 ids pass it. */
static void one_slow_request_does_not_stop_the_rest(void) {
    reset(0, 0);
    begin(&a, &b, 1001, 1000);
    begin(&b, &a, 2001, 1000);
    while (!a.session.remote) step();
    CHECK(ask(&a, 0, INT64_MAX)); /* taken by hand below: never sent */
    ilp_window_move(&a.session.out, ilp_window_find(&a.session.out, 1), ILP_WINDOW_NONE);
    for (uint64_t done = 0; done < 100000;) {
        while (ask(&a, 1 + done % (REQUESTS - 1), INT64_MAX)) done++;
        step();
    }
    CHECK_EQ(a.session.acked.low, 1);
    CHECK(b.session.in.capacity <= 2048);
    for (int i = 0; i < 2000 && a.session.out.used > 1; i++) step();
    ilp_requester_finish(&a.link, 1, ILP_OUTCOME_EXPIRED);
    for (int i = 0; i < 100; i++) step();
    CHECK_EQ(b.session.seen.low, a.session.next_id);
    CHECK_EQ(a.link.room, 200);
    end();
}

static uint64_t unfinished[3];
static uint32_t unfinished_count;

static void on_answer_wait(ilp_receiver *receiver, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *packet,
                           int64_t now_ns) {
    (void)receiver, (void)link, (void)handle, (void)now_ns;
    ilp_pool_put(pool, packet);
    unfinished[unfinished_count++] = token;
}

/* The commit barrier: an answer is acknowledged, and LOW passes its id, only after the receiver said that it counts. */
static void nothing_is_acknowledged_before_it_is_finished(void) {
    reset(0, 0);
    begin(&a, &b, 1001, 1000);
    begin(&b, &a, 2001, 1000);
    a.receiver.on_answer = on_answer_wait;
    for (uint64_t i = 0; i < 3; i++) CHECK(ask(&a, i, INT64_MAX));
    for (int ms = 0; ms < 700; ms++) step();
    CHECK_EQ(unfinished_count, 3);
    CHECK_EQ(b.session.in.used, 3); /* still repeating its answers */
    CHECK(b.session.counters.answers_resent >= 3);
    CHECK_EQ(b.session.seen.low, 1);
    CHECK_EQ(a.link.room, 197);
    uint64_t first = unfinished[0] < unfinished[1] ? 0 : 1;
    if (unfinished[2] < unfinished[first]) first = 2;
    a.link.ops->finish(&a.link, unfinished[(first + 1) % 3], ILP_OUTCOME_FULFILLED);
    for (int ms = 0; ms < 30; ms++) step();
    CHECK_EQ(b.session.in.used, 2); /* acknowledged by its id alone: an older one keeps LOW */
    CHECK_EQ(b.session.seen.low, 1);
    a.link.ops->finish(&a.link, unfinished[(first + 2) % 3], ILP_OUTCOME_REFUSED);
    for (int ms = 0; ms < 300; ms++) step();
    CHECK_EQ(b.session.in.used, 2); /* refused: never acknowledged */
    a.link.ops->finish(&a.link, unfinished[first], ILP_OUTCOME_EXPIRED);
    for (int ms = 0; ms < 30; ms++) step();
    CHECK_EQ(b.session.in.used, 0); /* LOW told */
    CHECK_EQ(b.session.seen.low, 4);
    CHECK_EQ(b.session.counters.acks_unknown, 0);
    end();
}

static void silence_takes_the_link_down_and_speech_up_again(void) {
    reset(0, 0);
    begin(&a, &b, 1001, 1000);
    CHECK(a.link.up); /* a link may be used before the peer spoke */
    begin(&b, &a, 2001, 1000);
    while (!a.session.remote) step();
    loss = 100;
    for (int ms = 0; ms < 4800; ms++) step();
    CHECK(a.link.up);
    for (int ms = 0; ms < 400; ms++) step();
    CHECK(!a.link.up && !b.link.up);
    CHECK_EQ(ilp_link_ready(&a.link, 10), ILP_PEER_UNREACHABLE);
    loss = 0;
    for (int ms = 0; ms < 1200; ms++) step();
    CHECK(a.link.up && b.link.up);
    CHECK_EQ(a.session.counters.sessions, 1);
    ilp_session_stop(&b.session);
    for (int ms = 0; ms < 20; ms++) step();
    CHECK(!a.link.up);
    CHECK_EQ(a.session.counters.closes_in, 1);
    end();
}

/* A link at rest is pinged each five seconds instead of each second, stays up for fifteen seconds of silence, and the request
 * that ends the rest gets the usual five seconds to be heard. */
static void a_link_at_rest_costs_few_pings_and_wakes_for_a_request(void) {
    reset(0, 0);
    begin(&a, &b, 1001, 1000);
    begin(&b, &a, 2001, 1000);
    for (int ms = 0; ms < 10000; ms++) step();
    uint64_t used = a.session.counters.pings_in + b.session.counters.pings_in;
    CHECK(used >= 8); /* before the rest: one each second */
    for (int ms = 0; ms < 20000; ms++) step();
    CHECK(a.session.counters.pings_in + b.session.counters.pings_in - used <= 10);
    CHECK(a.link.up && b.link.up);
    loss = 100;
    for (int ms = 0; ms < 9000; ms++) step();
    CHECK(a.link.up); /* silent for at least nine seconds, but at rest */
    CHECK(ask(&a, 1, now.now_ns + 60000000000));
    for (int ms = 0; ms < 4800; ms++) step();
    CHECK(a.link.up); /* woken: five seconds from the request */
    for (int ms = 0; ms < 400; ms++) step();
    CHECK(!a.link.up);
    loss = 0;
    for (int ms = 0; ms < 6000; ms++) step();
    CHECK(a.link.up && b.link.up);
    CHECK_EQ(b.session.counters.requests_in, 1);
    end();
}

static void the_digest_sees_every_octet(void) {
    uint8_t octets[70] = {0};
    for (size_t len = 0; len <= sizeof octets; len++) {
        uint64_t whole = ilp_digest(99, octets, len);
        CHECK(len == 0 || whole != ilp_digest(99, octets, len - 1));
        CHECK(whole != ilp_digest(98, octets, len));
        for (size_t i = 0; i < len; i++) {
            octets[i] ^= 1;
            CHECK(ilp_digest(99, octets, len) != whole);
            octets[i] ^= 1;
        }
    }
}

int main(void) {
    pool = ilp_pool_new(4096, 4);
    the_digest_sees_every_octet();
    each_request_once(0, 0, 1000);
    each_request_once(20, 50, 1000);
    each_request_once(30, 30, 40); /* the responder keeps fewer requests than the requester sends */
    a_restart_forwards_nothing_again();
    one_slow_request_does_not_stop_the_rest();
    nothing_is_acknowledged_before_it_is_finished();
    silence_takes_the_link_down_and_speech_up_again();
    a_link_at_rest_costs_few_pings_and_wakes_for_a_request();
    ilp_pool_free(pool);
    return 0;
}
