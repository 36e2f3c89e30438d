# The frame engine and the datagram batches of the kernel. Meaning, units and ownership are in cext/kernel/ilp_session.h,
# ilp_frame.h and udp_batch.h.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from ilprouter.bindings.kernel cimport ilp_link, ilp_pool, ilp_round


cdef extern from "ilp_frame.h" nogil:
    enum:
        ILP_DATAGRAM_HEADER
        ILP_DATAGRAM_MAX
    ctypedef struct ilp_datagram_header:
        uint64_t sender
        uint64_t receiver
    enum:
        ILP_FRAME_REQ
        ILP_FRAME_ANS
        ILP_FRAME_ACK
        ILP_FRAME_LOW
        ILP_FRAME_PING
        ILP_FRAME_PONG
        ILP_FRAME_CLOSE
        ILP_FRAMES_OK
        ILP_FRAMES_MALFORMED
        ILP_FRAMES_UNKNOWN
        ILP_FRAME_ACK_RANGE
    ctypedef struct ilp_frame:
        uint8_t type
        uint32_t len
        uint64_t id
        const uint8_t *body_view
    int ilp_frames_check(const uint8_t *frames, size_t len)
    bint ilp_frame_next(const uint8_t **at, const uint8_t *end, ilp_frame *out)
    uint32_t ilp_frame_ack_range(const uint8_t *body_view, uint32_t i, uint64_t *first)
    bint ilp_datagram_parse(const uint8_t *datagram, size_t len, ilp_datagram_header *out)
    void ilp_datagram_write(uint8_t *out, uint64_t sender, uint64_t receiver)


cdef extern from "ilp_window.h" nogil:
    enum:
        ILP_WINDOW_OPEN_MAX


cdef extern from "ilp_session.h" nogil:
    enum:
        ILP_SESSION_OK
        ILP_SESSION_MALFORMED
        ILP_SESSION_UNKNOWN
        ILP_SESSION_STALE
        ILP_SESSION_NOT_YET
    ctypedef struct ilp_session_counters:
        uint64_t requests_in
        uint64_t requests_duplicate
        uint64_t requests_mutated
        uint64_t requests_below_low
        uint64_t requests_over_window
        uint64_t requests_no_buffer
        uint64_t requests_resent
        uint64_t answers_in
        uint64_t answers_duplicate
        uint64_t answers_late
        uint64_t answers_unknown
        uint64_t answers_no_buffer
        uint64_t answers_resent
        uint64_t answers_orphaned
        uint64_t acks_unknown
        uint64_t acks_lost
        uint64_t sessions
        uint64_t pings_in
        uint64_t closes_in
    ctypedef struct ilp_rtt:
        int64_t srtt_ns
        int64_t rto_ns
    ctypedef struct ilp_window:
        uint32_t used
        uint32_t open_max
    ctypedef struct ilp_session:
        void (*wake)(ilp_session *session) noexcept nogil
        void *owner
        uint64_t local
        uint64_t remote
        uint32_t in_flight
        ilp_window out
        ilp_window c_in "in"
        ilp_rtt request_rtt
        ilp_rtt answer_rtt
        ilp_session_counters counters
    ctypedef struct ilp_session_options:
        uint64_t local
        uint64_t seed
        uint32_t in_flight
        uint32_t open_max
        uint32_t room
    int ilp_session_init(ilp_session *session, ilp_link *link, ilp_pool *pool, const ilp_round *round,
                         const ilp_session_options *options)
    void ilp_session_clear(ilp_session *session)
    void ilp_session_free(ilp_session *session)
    void ilp_session_start(ilp_session *session)
    void ilp_session_stop(ilp_session *session)
    int ilp_session_receive(ilp_session *session, uint64_t sender, uint64_t receiver, const uint8_t *frames, size_t len)
    size_t ilp_session_fill(ilp_session *session, uint8_t *out, size_t cap, size_t alone_cap, uint64_t *receiver)
    bint ilp_session_wants(const ilp_session *session)
    void ilp_session_tick(ilp_session *session)
    bint ilp_session_busy(const ilp_session *session)
    void ilp_requester_room(ilp_session *session)


cdef extern from "udp_batch.h" nogil:
    enum:
        UDP_RECEIVE_MESSAGES
        UDP_PAYLOAD_MAX
    ctypedef struct udp_address:
        pass
    int udp_address_set(udp_address *out, const char *host, uint16_t port)
    ctypedef struct udp_table:
        uint32_t used
    int udp_table_init(udp_table *table, uint64_t key)
    void udp_table_free(udp_table *table)
    void *udp_table_find(const udp_table *table, const udp_address *address)
    int udp_table_add(udp_table *table, const udp_address *address, void *value)
    void udp_table_remove(udp_table *table, const udp_address *address)
    ctypedef struct udp_receiver:
        pass
    ctypedef struct udp_message:
        const udp_address *address
        const uint8_t *data_view
        uint32_t len
        uint32_t segment
    udp_receiver *udp_receiver_new()
    void udp_receiver_free(udp_receiver *receiver)
    int udp_receive(udp_receiver *receiver, int fd)
    udp_message udp_receiver_message(const udp_receiver *receiver, uint32_t i)
    uint32_t udp_receiver_overflow(const udp_receiver *receiver)
    ctypedef struct udp_sender:
        uint8_t *arena
        uint32_t first
        uint32_t count
        uint32_t segment
        uint32_t payload_size
        bint gso
        uint64_t datagrams
        uint64_t padding
        uint64_t messages
        uint64_t errors
        uint64_t fallbacks
    int udp_sender_init(udp_sender *sender, uint32_t payload_size, bint gso)
    void udp_sender_free(udp_sender *sender)
    uint8_t *udp_sender_space(udp_sender *sender)
    void udp_sender_add(udp_sender *sender, const udp_address *to, size_t len, bint more)
    void udp_sender_end_run(udp_sender *sender)
    int udp_send(udp_sender *sender, int fd)
