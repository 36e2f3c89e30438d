/* Datagrams in batches: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT, and the table of known addresses.
 * Owns the receive areas and the send arena of one socket; must not know what a datagram says, nor who opened the socket.
 *
 * Memory is mapped once and touched on first use. Nothing is allocated per datagram. Not thread safe. */
#ifndef UDP_BATCH_H
#define UDP_BATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define UDP_RECEIVE_MESSAGES 64u
#define UDP_SEND_MESSAGES 64u
#define UDP_SEND_ARENA (1u << 20)
#define UDP_PAYLOAD_MAX 65507u   /* over IPv4 */
#define UDP_SEGMENTS_MAX 64u     /* the smallest UDP_MAX_SEGMENTS of a kernel we run on */
#define UDP_GSO_BYTES_MAX 65000u /* of one send with UDP_SEGMENT: it must fit an IP packet before it is cut */

typedef union udp_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} udp_address;

static inline uint32_t udp_address_len(const udp_address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* Numeric host only. 0, or -1 when it is not an address of that family. */
int udp_address_set(udp_address *out, const char *host, uint16_t port);

/* Known senders: address -> anything. */
typedef struct udp_entry {
    udp_address address;
    void *value; /* NULL: free */
} udp_entry;

typedef struct udp_table {
    udp_entry *entries;
    uint32_t capacity; /* a power of two, at least twice `used` */
    uint32_t used;
    uint64_t key; /* of the hash: which entries collide is nobody's business */
} udp_table;

int udp_table_init(udp_table *table, uint64_t key);
void udp_table_free(udp_table *table);
void *udp_table_find(const udp_table *table, const udp_address *address);
int udp_table_add(udp_table *table, const udp_address *address, void *value); /* -1: there already, or no memory */
void udp_table_remove(udp_table *table, const udp_address *address);

typedef struct udp_receiver udp_receiver;

/* One message is one datagram, or several of one sender that the kernel joined: each `segment` octets but the last. */
typedef struct udp_message {
    const udp_address *address;
    const uint8_t *data_view; /* valid until the next udp_receive */
    uint32_t len;
    uint32_t segment; /* = len when not joined; 0 for an empty datagram */
} udp_message;

udp_receiver *udp_receiver_new(void);
void udp_receiver_free(udp_receiver *receiver);
/* Number of messages read, 0 when there is nothing, -errno otherwise. */
int udp_receive(udp_receiver *receiver, int fd);
udp_message udp_receiver_message(const udp_receiver *receiver, uint32_t i);
uint32_t udp_receiver_overflow(const udp_receiver *receiver); /* datagrams the kernel dropped at this socket (SO_RXQ_OVFL) */

typedef struct udp_sender {
    uint8_t *arena;
    size_t used;
    struct udp_send_batch *batch;
    uint32_t first, count; /* messages [first, count) are not sent yet */
    uint32_t segment;      /* size of the datagrams of the open run; 0: the next datagram starts a message */
    uint32_t payload_size; /* of a usual datagram */
    bool gso;              /* cleared when the kernel or the interface refuses */
    uint64_t datagrams, padding, messages, errors, fallbacks;
} udp_sender;

int udp_sender_init(udp_sender *sender, uint32_t payload_size, bool gso);
void udp_sender_free(udp_sender *sender);

/* Where the next datagram goes: room for UDP_PAYLOAD_MAX octets. NULL when udp_send must run first. */
uint8_t *udp_sender_space(udp_sender *sender);
/* Take the datagram of `len` octets that was written there. `more`: others to the same address follow at once, so that this one
 * may be padded with zero octets (PAD frames) up to the size of its run. Only a datagram of at most `segment` octets may join. */
void udp_sender_add(udp_sender *sender, const udp_address *to, size_t len, bool more);
/* The next datagram is for someone else, or does not fit the run. */
static inline void udp_sender_end_run(udp_sender *sender) { sender->segment = 0; }
/* Send what was added. 0 when all is gone (or was refused by the kernel, counted), 1 when the socket is full: call again. */
int udp_send(udp_sender *sender, int fd);

#endif
