/* The machine's own UDP limit: an echo server and a client that keeps a window of datagrams on their way, 64 per system call.
 *
 * Owns two loops over plain sockets. Knows nothing of ILP, frames or the event loop; shares no code with the endpoints, so that
 * what it measures is the kernel's cost. `offload` adds UDP_GRO on receive and UDP_SEGMENT on send. */
#ifndef ILP_BENCH_UDP_ECHO_H
#define ILP_BENCH_UDP_ECHO_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ECHO_BATCH 64u
#define ECHO_AREA 65536u      /* one slot takes the largest merged datagram */
#define ECHO_SEGMENTS_MAX 64u /* the kernel's UDP_MAX_SEGMENTS of older releases */
#define ECHO_PAYLOAD_MAX 65000u

typedef struct echo_slots {
    struct mmsghdr messages[ECHO_BATCH];
    struct iovec vectors[ECHO_BATCH];
    struct sockaddr_storage addresses[ECHO_BATCH];
    union {
        struct cmsghdr align;
        char bytes[64];
    } controls[ECHO_BATCH];
    uint8_t *area; /* ECHO_BATCH * ECHO_AREA bytes, the caller's */
} echo_slots;

static inline int64_t echo_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Ready every slot for recvmmsg. */
static inline void echo_prepare_receive(echo_slots *slots) {
    for (uint32_t i = 0; i < ECHO_BATCH; i++) {
        struct msghdr *header = &slots->messages[i].msg_hdr;
        slots->vectors[i].iov_base = slots->area + (size_t)i * ECHO_AREA;
        slots->vectors[i].iov_len = ECHO_AREA;
        header->msg_name = &slots->addresses[i];
        header->msg_namelen = sizeof slots->addresses[i];
        header->msg_iov = &slots->vectors[i];
        header->msg_iovlen = 1;
        header->msg_control = slots->controls[i].bytes;
        header->msg_controllen = sizeof slots->controls[i].bytes;
        header->msg_flags = 0;
    }
}

/* Size of the datagrams that UDP_GRO merged into this message; 0 when it holds a single one. */
static inline uint32_t echo_segment_size(const struct msghdr *header) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR((struct msghdr *)header); c; c = CMSG_NXTHDR((struct msghdr *)header, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return (uint32_t)size;
        }
    }
    return 0;
}

/* Make the message leave as datagrams of `size` bytes; size 0: as one. */
static inline void echo_set_segment(echo_slots *slots, uint32_t i, uint32_t size) {
    struct msghdr *header = &slots->messages[i].msg_hdr;
    if (size == 0) {
        header->msg_control = NULL;
        header->msg_controllen = 0;
        return;
    }
    header->msg_control = slots->controls[i].bytes;
    header->msg_controllen = CMSG_SPACE(sizeof(uint16_t));
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t segment = (uint16_t)size;
    memcpy(CMSG_DATA(control), &segment, sizeof segment);
}

static inline int echo_enable_merge(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
}

/* Echo until a datagram of one byte comes, or nothing for the receive timeout of the socket. Returns echoes. */
static inline uint64_t echo_serve(int fd, uint8_t *area) {
    static echo_slots slots; /* one server per process; too large for a stack */
    uint64_t echoes = 0;
    slots.area = area;
    for (;;) {
        echo_prepare_receive(&slots);
        int count = recvmmsg(fd, slots.messages, ECHO_BATCH, MSG_WAITFORONE, NULL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return echoes;
        for (int i = 0; i < count; i++) {
            uint32_t len = slots.messages[i].msg_len;
            if (len == 1) return echoes;
            uint32_t size = echo_segment_size(&slots.messages[i].msg_hdr);
            slots.vectors[i].iov_len = len;
            echo_set_segment(&slots, (uint32_t)i, size < len ? size : 0);
            echoes += size ? (len + size - 1) / size : 1;
        }
        for (int sent = 0; sent < count;) {
            int now = sendmmsg(fd, slots.messages + sent, (unsigned)(count - sent), 0);
            if (now < 0 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS) return echoes;
            if (now > 0) sent += now;
        }
    }
}

/* Keep `window` datagrams of `size` bytes on their way to the connected peer for `duration_ns`. Returns echoes received. */
static inline uint64_t echo_drive(int fd, uint8_t *area, uint32_t size, uint32_t window, int offload, int64_t duration_ns) {
    static echo_slots slots;
    uint64_t echoes = 0;
    uint32_t outstanding = 0;
    uint32_t per_message = 1;
    slots.area = area;
    if (offload) {
        per_message = ECHO_PAYLOAD_MAX / size;
        if (per_message > ECHO_SEGMENTS_MAX) per_message = ECHO_SEGMENTS_MAX;
    }
    int64_t end_ns = echo_now_ns() + duration_ns;
    while (echo_now_ns() < end_ns) {
        uint32_t room = (window - outstanding) / per_message;
        uint32_t count = room < ECHO_BATCH ? room : ECHO_BATCH;
        for (uint32_t i = 0; i < count; i++) {
            slots.vectors[i].iov_base = area + (size_t)i * ECHO_AREA;
            slots.vectors[i].iov_len = (size_t)size * per_message;
            memset(&slots.messages[i].msg_hdr, 0, sizeof slots.messages[i].msg_hdr);
            slots.messages[i].msg_hdr.msg_iov = &slots.vectors[i];
            slots.messages[i].msg_hdr.msg_iovlen = 1;
            echo_set_segment(&slots, i, per_message > 1 ? size : 0);
        }
        if (count) {
            int sent = sendmmsg(fd, slots.messages, count, 0);
            if (sent > 0) outstanding += (uint32_t)sent * per_message;
        }
        echo_prepare_receive(&slots);
        int received = recvmmsg(fd, slots.messages, ECHO_BATCH, MSG_WAITFORONE, NULL);
        if (received < 0) {
            outstanding = 0; /* the receive timeout passed: what is missing was lost */
            continue;
        }
        for (int i = 0; i < received; i++) {
            uint32_t got = echo_segment_size(&slots.messages[i].msg_hdr);
            uint32_t count_back = got ? (slots.messages[i].msg_len + got - 1) / got : 1;
            echoes += count_back;
            outstanding = count_back < outstanding ? outstanding - count_back : 0;
        }
    }
    return echoes;
}

#endif
