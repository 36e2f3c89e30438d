/* Batches over real loopback sockets: what is added arrives whole and in order, however messages and runs are mixed. */
#include "check.h"
#include "udp_batch.h"

#include <unistd.h>

#define PAYLOAD 1200u

typedef struct pair {
    udp_sender sender;
    udp_receiver *receiver;
    int from, to;
    udp_address address;
} pair;

static void pair_open(pair *self) {
    int size = 8 << 20;
    socklen_t len = sizeof self->address;
    CHECK_EQ(udp_address_set(&self->address, "127.0.0.1", 0), 0);
    self->from = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    self->to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(self->from >= 0 && self->to >= 0);
    setsockopt(self->to, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    CHECK_EQ(bind(self->to, &self->address.any, sizeof self->address.v4), 0);
    CHECK_EQ(getsockname(self->to, &self->address.any, &len), 0);
    CHECK_EQ(udp_sender_init(&self->sender, PAYLOAD, true), 0);
    self->receiver = udp_receiver_new();
    CHECK(self->receiver != NULL);
}

static void pair_close(pair *self) {
    udp_sender_free(&self->sender);
    udp_receiver_free(self->receiver);
    close(self->from);
    close(self->to);
}

/* One datagram whose every octet is `mark`. */
static void add(pair *self, uint8_t mark, size_t len, bool more) {
    uint8_t *space = udp_sender_space(&self->sender);
    CHECK(space != NULL);
    memset(space, mark, len);
    udp_sender_add(&self->sender, &self->address, len, more);
}

static void expect(pair *self, const uint8_t *marks, const size_t *lens, uint32_t count) {
    uint32_t seen = 0;
    int n;
    while ((n = udp_receive(self->receiver, self->to)) > 0) {
        for (uint32_t i = 0; i < (uint32_t)n; i++, seen++) {
            udp_message message = udp_receiver_message(self->receiver, i);
            CHECK(seen < count);
            CHECK_EQ(message.len, lens[seen]);
            for (uint32_t at = 0; at < message.len; at++) CHECK_EQ(message.data_view[at], marks[seen]);
        }
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(seen, count);
}

/* The last message of a full batch was a run that others could still join, and the next datagram was too large for it: it was
 * given the space of the run and then a message of its own, one behind the end of every array of the batch. A peer could bring
 * that about with large answers, and the addresses of other datagrams were overwritten. */
static void a_datagram_too_large_for_the_run_of_the_last_message_has_a_place(void) {
    pair self;
    uint8_t marks[UDP_SEND_MESSAGES + 1];
    size_t lens[UDP_SEND_MESSAGES + 1];
    pair_open(&self);
    for (uint32_t i = 0; i <= UDP_SEND_MESSAGES; i++) {
        marks[i] = (uint8_t)(i + 1);
        lens[i] = i < UDP_SEND_MESSAGES - 1 ? 100 : i == UDP_SEND_MESSAGES ? 3 * PAYLOAD : PAYLOAD;
        if (i == UDP_SEND_MESSAGES) CHECK(self.sender.segment == PAYLOAD); /* the run is open */
        if (lens[i] > PAYLOAD) {
            uint8_t *space = udp_sender_space(&self.sender);
            CHECK(space != NULL);
            memset(space, marks[i], lens[i]);
            udp_sender_end_run(&self.sender);
            udp_sender_add(&self.sender, &self.address, lens[i], false);
        } else {
            add(&self, marks[i], lens[i], i == UDP_SEND_MESSAGES - 1);
        }
    }
    CHECK(udp_sender_space(&self.sender) == NULL); /* full: it must be sent before another one comes */
    CHECK_EQ(udp_send(&self.sender, self.from), 0);
    CHECK_EQ(self.sender.errors, 0);
    expect(&self, marks, lens, UDP_SEND_MESSAGES + 1);
    CHECK(udp_sender_space(&self.sender) != NULL);
    pair_close(&self);
}

/* A run met an error that had nothing to do with runs (here: a descriptor that is none, as a route that is gone would be), and
 * joined datagrams stayed off until the next start. */
static void an_error_that_passes_does_not_end_the_joining_of_datagrams(void) {
    pair self;
    const uint8_t marks[] = {1, 2};
    const size_t lens[] = {PAYLOAD, PAYLOAD};
    pair_open(&self);
    for (int attempt = 0; attempt < 2; attempt++) {
        add(&self, 1, PAYLOAD, true);
        add(&self, 2, PAYLOAD, false);
        CHECK_EQ(self.sender.count, 1);
        CHECK_EQ(udp_send(&self.sender, attempt ? self.from : -1), 0);
        CHECK(self.sender.gso);
    }
    CHECK_EQ(self.sender.errors, 2);
    expect(&self, marks, lens, 2);
    pair_close(&self);
}

int main(void) {
    a_datagram_too_large_for_the_run_of_the_last_message_has_a_place();
    an_error_that_passes_does_not_end_the_joining_of_datagrams();
    return 0;
}
