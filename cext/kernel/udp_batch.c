/* recvmmsg and sendmmsg over preset headers. Owns the arrays the kernel reads and fills; see udp_batch.h. */
#define _GNU_SOURCE
#include "udp_batch.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The areas are not a multiple of the page size apart, so that the heads of messages fall into different cache sets. */
#define RECEIVE_STRIDE (65536u + 4096u + 192u)
#define RECEIVE_CONTROL (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t)))
#define SEND_CONTROL CMSG_SPACE(sizeof(uint16_t))

struct udp_receiver {
    struct mmsghdr messages[UDP_RECEIVE_MESSAGES];
    struct iovec areas[UDP_RECEIVE_MESSAGES];
    udp_address addresses[UDP_RECEIVE_MESSAGES];
    uint32_t segments[UDP_RECEIVE_MESSAGES];
    _Alignas(struct cmsghdr) uint8_t control[UDP_RECEIVE_MESSAGES][RECEIVE_CONTROL];
    uint8_t *memory;
    uint32_t overflow;
};

/* One message more than a batch takes: space that was given for the open run of the last one may be used for a datagram that
 * does not fit the run, and that one needs a message of its own. */
#define SEND_SLOTS (UDP_SEND_MESSAGES + 1u)

struct udp_send_batch {
    struct mmsghdr messages[SEND_SLOTS];
    struct iovec pieces[SEND_SLOTS];
    udp_address addresses[SEND_SLOTS];
    uint32_t segments[SEND_SLOTS];     /* datagrams in the message */
    uint32_t segment_size[SEND_SLOTS]; /* of each but the last */
    _Alignas(struct cmsghdr) uint8_t control[SEND_SLOTS][SEND_CONTROL];
};

static void *map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

udp_receiver *udp_receiver_new(void) {
    udp_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver) return NULL;
    receiver->memory = map((size_t)RECEIVE_STRIDE * UDP_RECEIVE_MESSAGES);
    if (!receiver->memory) {
        free(receiver);
        return NULL;
    }
    for (uint32_t i = 0; i < UDP_RECEIVE_MESSAGES; i++) {
        receiver->areas[i].iov_base = receiver->memory + (size_t)i * RECEIVE_STRIDE;
        receiver->areas[i].iov_len = 65536;
        receiver->messages[i].msg_hdr.msg_iov = &receiver->areas[i];
        receiver->messages[i].msg_hdr.msg_iovlen = 1;
        receiver->messages[i].msg_hdr.msg_name = &receiver->addresses[i];
        receiver->messages[i].msg_hdr.msg_control = receiver->control[i];
        receiver->messages[i].msg_hdr.msg_namelen = sizeof(udp_address);
        receiver->messages[i].msg_hdr.msg_controllen = RECEIVE_CONTROL;
    }
    return receiver;
}

void udp_receiver_free(udp_receiver *receiver) {
    if (!receiver) return;
    munmap(receiver->memory, (size_t)RECEIVE_STRIDE * UDP_RECEIVE_MESSAGES);
    free(receiver);
}

static void read_control(udp_receiver *receiver, uint32_t i) {
    struct msghdr *header = &receiver->messages[i].msg_hdr;
    uint32_t len = receiver->messages[i].msg_len;
    receiver->segments[i] = len;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            if (size > 0 && (uint32_t)size < len) receiver->segments[i] = (uint32_t)size;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&receiver->overflow, CMSG_DATA(c), sizeof receiver->overflow);
        }
    }
    header->msg_namelen = sizeof(udp_address); /* the kernel shortened both; set them for the next call */
    header->msg_controllen = RECEIVE_CONTROL;
}

int udp_receive(udp_receiver *receiver, int fd) {
    int n;
    do {
        n = recvmmsg(fd, receiver->messages, UDP_RECEIVE_MESSAGES, MSG_DONTWAIT, NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    for (int i = 0; i < n; i++) read_control(receiver, (uint32_t)i);
    return n;
}

udp_message udp_receiver_message(const udp_receiver *receiver, uint32_t i) {
    return (udp_message){
        .address = &receiver->addresses[i],
        .data_view = receiver->areas[i].iov_base,
        .len = receiver->messages[i].msg_len,
        .segment = receiver->segments[i],
    };
}

uint32_t udp_receiver_overflow(const udp_receiver *receiver) { return receiver->overflow; }

int udp_sender_init(udp_sender *sender, uint32_t payload_size, bool gso) {
    memset(sender, 0, sizeof *sender);
    sender->payload_size = payload_size;
    sender->gso = gso;
    sender->batch = calloc(1, sizeof *sender->batch);
    sender->arena = map(UDP_SEND_ARENA);
    if (sender->batch && sender->arena) return 0;
    udp_sender_free(sender);
    return -1;
}

void udp_sender_free(udp_sender *sender) {
    if (sender->arena) munmap(sender->arena, UDP_SEND_ARENA);
    free(sender->batch);
    sender->arena = NULL;
    sender->batch = NULL;
}

uint8_t *udp_sender_space(udp_sender *sender) {
    bool joins = sender->segment != 0;
    if (!joins && sender->count >= UDP_SEND_MESSAGES) return NULL;
    if (UDP_SEND_ARENA - sender->used < UDP_PAYLOAD_MAX) return NULL;
    return sender->arena + sender->used;
}

static void start_message(udp_sender *sender, const udp_address *to, size_t len) {
    struct udp_send_batch *batch = sender->batch;
    uint32_t i = sender->count++;
    batch->addresses[i] = *to;
    batch->segments[i] = 1;
    batch->segment_size[i] = (uint32_t)len;
    batch->pieces[i].iov_base = sender->arena + sender->used;
    batch->pieces[i].iov_len = len;
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &batch->addresses[i],
        .msg_namelen = udp_address_len(to),
        .msg_iov = &batch->pieces[i],
        .msg_iovlen = 1,
    };
}

/* From the second datagram on the message says where the kernel must cut it. */
static void mark_segments(struct udp_send_batch *batch, uint32_t i) {
    struct msghdr *header = &batch->messages[i].msg_hdr;
    header->msg_control = batch->control[i];
    header->msg_controllen = SEND_CONTROL;
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    uint16_t size = (uint16_t)batch->segment_size[i];
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

void udp_sender_add(udp_sender *sender, const udp_address *to, size_t len, bool more) {
    uint32_t i = sender->count - 1;
    struct udp_send_batch *batch = sender->batch;
    sender->datagrams++;
    if (sender->segment) {
        uint32_t segment = sender->segment;
        if (len < segment && more && segment - len <= segment / 4) { /* a little padding is cheaper than a message more */
            memset(sender->arena + sender->used + len, 0, segment - len);
            sender->padding += segment - len;
            len = segment;
        }
        batch->pieces[i].iov_len += len;
        batch->segments[i]++;
        if (batch->segments[i] == 2) mark_segments(batch, i);
        if (!more || len < segment || batch->segments[i] == UDP_SEGMENTS_MAX ||
            batch->pieces[i].iov_len + segment > UDP_GSO_BYTES_MAX) {
            sender->segment = 0;
        }
    } else {
        start_message(sender, to, len);
        /* A run of small datagrams would bind those that follow to their size. */
        if (sender->gso && more && len <= sender->payload_size && len > sender->payload_size / 2) sender->segment = (uint32_t)len;
    }
    sender->used += len;
}

/* The kernel or the interface does not cut: send the datagrams of message i one by one. Their loss is the network's right. */
static void send_split(udp_sender *sender, int fd, uint32_t i) {
    struct udp_send_batch *batch = sender->batch;
    const uint8_t *at = batch->pieces[i].iov_base;
    size_t left = batch->pieces[i].iov_len;
    sender->fallbacks++;
    while (left) {
        size_t len = left < batch->segment_size[i] ? left : batch->segment_size[i];
        if (sendto(fd, at, len, MSG_DONTWAIT, &batch->addresses[i].any, udp_address_len(&batch->addresses[i])) < 0)
            sender->errors++;
        at += len;
        left -= len;
    }
}

/* EIO: no checksum offload on the way; the others: the kernel, or the interface's MTU, does not take such a message. Anything
 * else (no route, no memory, a filter) passes, and must not cost the speed of every later datagram. */
static bool cannot_cut(int error) {
    return error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

int udp_send(udp_sender *sender, int fd) {
    sender->segment = 0;
    while (sender->first < sender->count) {
        int n = sendmmsg(fd, sender->batch->messages + sender->first, sender->count - sender->first, MSG_DONTWAIT);
        if (n > 0) {
            sender->messages += (uint32_t)n;
            sender->first += (uint32_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 1;
        if (sender->batch->segments[sender->first] > 1) {
            if (cannot_cut(errno)) sender->gso = false;
            send_split(sender, fd, sender->first);
        } else {
            sender->errors++; /* unreachable, forbidden, too large: as if lost on the way */
        }
        sender->first++;
    }
    sender->first = sender->count = 0;
    sender->used = 0;
    return 0;
}
