# The C kernel, declared once. Meaning, units and ownership are in cext/kernel/*.h.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "ilp_status.h" nogil:
    enum ilp_status:
        ILP_OK
        ILP_WAIT
        ILP_REJECT_FIRST
        ILP_BAD_REQUEST
        ILP_INVALID_PACKET
        ILP_UNKNOWN_PEER_PROTOCOL
        ILP_UNREACHABLE
        ILP_ROUTE_LOOP
        ILP_WRONG_NETWORK
        ILP_INVALID_AMOUNT
        ILP_WRONG_CONDITION
        ILP_UNEXPECTED_PAYMENT
        ILP_AMOUNT_TOO_LARGE
        ILP_AMOUNT_OVERFLOW
        ILP_INTERNAL_ERROR
        ILP_RATE_UNAVAILABLE
        ILP_PACKET_TOO_LARGE
        ILP_INVALID_ANSWER
        ILP_PEER_UNREACHABLE
        ILP_PEER_BUSY
        ILP_CONNECTOR_BUSY
        ILP_STORE_BUSY
        ILP_INSUFFICIENT_LIQUIDITY
        ILP_OUTGOING_LIQUIDITY
        ILP_THROUGHPUT_EXCEEDED
        ILP_IN_FLIGHT_EXCEEDED
        ILP_RATE_LIMITED
        ILP_TRANSFER_TIMED_OUT
        ILP_INSUFFICIENT_SOURCE_AMOUNT
        ILP_INSUFFICIENT_TIMEOUT
        ILP_EXPIRED
        ILP_REJECT_END


cdef extern from "ilp_pool.h" nogil:
    enum:
        ILP_BUFFER_TINY
        ILP_BUFFER_SMALL
        ILP_BUFFER_LARGE
    ctypedef struct ilp_buffer:
        ilp_buffer *next
        uint32_t len
        uint32_t cap
        uint32_t offset
        uint32_t in_use
        uint8_t *data
    ctypedef struct ilp_pool:
        pass
    ilp_pool *ilp_pool_new(uint32_t small_count, uint32_t large_count)
    void ilp_pool_free(ilp_pool *pool)
    ilp_buffer *ilp_pool_get(ilp_pool *pool, uint32_t size)
    void ilp_pool_put(ilp_pool *pool, ilp_buffer *buffer)
    uint32_t ilp_pool_in_use(const ilp_pool *pool)


cdef extern from "ilp_context.h" nogil:
    enum:
        ILP_HOOKS_MAX
    ctypedef int ilp_u128  # unsigned __int128 in C: arithmetic only inside expressions cast to <ilp_u128>
    enum ilp_state:
        ILP_STATE_FREE
        ILP_STATE_HELD
        ILP_STATE_PARKED
        ILP_STATE_FORWARDED
        ILP_STATE_FULFILLED
        ILP_STATE_REJECTED
        ILP_STATE_EXPIRED
    ctypedef struct ilp_context:
        uint32_t index
        uint32_t generation
        uint8_t state
        uint8_t hooks_in
        uint8_t hooks_out
        uint8_t overflow
        uint32_t data_len
        ilp_buffer *packet
        const void *pipeline_in
        const void *pipeline_out
        uint32_t amount_offset
        uint32_t bilateral
        ilp_link *incoming
        ilp_link *outgoing
        uint64_t incoming_token
        uint64_t outgoing_token
        uint64_t amount_incoming
        ilp_u128 base_numerator
        uint64_t base_denominator
        uint64_t amount_outgoing
        uint64_t amount_maximum
        int64_t received_ns
        int64_t expires_incoming_ns
        int64_t expires_outgoing_ns
        int64_t expires_outgoing_ms
        const uint8_t *destination_view
        uint32_t destination_len
        uint8_t condition[32]
        uint32_t list_next
        uint64_t *scratch_in
        uint64_t *scratch_out
    uint64_t ilp_context_handle(const ilp_context *ctx)
    void ilp_context_prefetch(const ilp_context *ctx)
    void ilp_context_floor_base(ilp_context *ctx)


cdef extern from "ilp_pending.h" nogil:
    ctypedef struct ilp_pending:
        pass
    ilp_pending *ilp_pending_new(uint32_t slots_max, int64_t now_ns)
    void ilp_pending_free(ilp_pending *pending)
    ilp_context *ilp_pending_get(ilp_pending *pending)
    void ilp_pending_put(ilp_pending *pending, ilp_context *ctx)
    ilp_context *ilp_pending_find(ilp_pending *pending, uint64_t handle)
    ilp_context *ilp_pending_at(ilp_pending *pending, uint32_t index)
    void ilp_pending_arm(ilp_pending *pending, ilp_context *ctx)
    void ilp_pending_disarm(ilp_pending *pending, ilp_context *ctx)
    ilp_context *ilp_pending_expired(ilp_pending *pending, int64_t now_ns)
    uint32_t ilp_pending_in_use(const ilp_pending *pending)
    uint32_t ilp_pending_max(const ilp_pending *pending)


cdef extern from "ilp_link.h" nogil:
    enum ilp_outcome:
        ILP_OUTCOME_FULFILLED
        ILP_OUTCOME_REJECTED
        ILP_OUTCOME_EXPIRED
        ILP_OUTCOME_REFUSED
    ctypedef struct ilp_link_ops:
        int (*send)(ilp_link *link, ilp_buffer *prepare, uint64_t handle, int64_t deadline_ns, uint64_t *token) noexcept nogil
        void (*reply)(ilp_link *link, uint64_t token, ilp_buffer *answer) noexcept nogil
        void (*finish)(ilp_link *link, uint64_t token, int outcome) noexcept nogil
    ctypedef struct ilp_receiver:
        void (*on_prepare)(ilp_receiver *self, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns) noexcept nogil
        void (*on_answer)(ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *answer,
                          int64_t now_ns) noexcept nogil
        void (*on_failure)(ilp_receiver *self, ilp_link *link, uint64_t handle, uint64_t token, int status,
                           int64_t now_ns) noexcept nogil
        uint32_t (*origin)(ilp_receiver *self, uint64_t handle) noexcept nogil
    ctypedef struct ilp_link:
        const ilp_link_ops *ops
        ilp_receiver *receiver
        uint32_t number
        uint32_t room
        uint8_t up
        uint8_t lossy
        uint32_t packet_max
        void *owner
        uint64_t prepares_in
        uint64_t prepares_out
        uint64_t fulfills_in
        uint64_t fulfills_out
        uint64_t rejects_in
        uint64_t rejects_out
        uint64_t fulfills_wrong
        uint64_t bytes_in
        uint64_t bytes_out
    int ilp_link_ready(const ilp_link *link, uint32_t len)
    ctypedef struct ilp_flusher:
        void (*flush)(ilp_flusher *self) noexcept nogil
        ilp_flusher *next
        uint8_t queued
        uint8_t needs_gil
    ctypedef struct ilp_round:
        ilp_flusher *first
        ilp_flusher *first_gil
        int64_t now_ns
        int64_t wall_offset_ns
    void ilp_round_flush_later(ilp_round *round, ilp_flusher *flusher)


cdef extern from "ilp_pipeline.h" nogil:
    enum ilp_response:
        ILP_RESPONSE_FULFILL
        ILP_RESPONSE_REJECT
        ILP_RESPONSE_ABORT
        ILP_RESPONSE_LATE
    ctypedef int (*ilp_on_prepare)(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil
    ctypedef int (*ilp_on_response)(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil
    ctypedef struct ilp_hook:
        ilp_on_prepare on_prepare
        ilp_on_response on_response
        void *state
    ctypedef struct ilp_pipeline:
        uint32_t count
        ilp_hook *hooks


cdef extern from "ilp_packet.h" nogil:
    enum:
        ILP_PREPARE
        ILP_FULFILL
        ILP_REJECT
        ILP_DATA_MAX
        ILP_MESSAGE_MAX
        ILP_ADDRESS_MAX
        ILP_PREPARE_MAX
        ILP_FULFILL_MAX
        ILP_REJECT_MAX
        ILP_PREPARE_MIN
        ILP_F08_DATA_LEN
    ctypedef struct ilp_bytes_view:
        const uint8_t *at
        uint32_t len
    ctypedef struct ilp_prepare_view:
        uint64_t amount
        int64_t expires_at_ms
        uint32_t amount_offset
        uint32_t packet_len
        bint canonical
        const uint8_t *condition_view
        ilp_bytes_view destination
        ilp_bytes_view data
    ctypedef struct ilp_fulfill_view:
        const uint8_t *fulfillment_view
        ilp_bytes_view data
        uint32_t packet_len
        bint canonical
    ctypedef struct ilp_reject_view:
        const uint8_t *code_view
        ilp_bytes_view triggered_by
        ilp_bytes_view message
        ilp_bytes_view data
        uint32_t packet_len
        bint canonical
    int ilp_prepare_parse(const uint8_t *packet, size_t len, ilp_prepare_view *out)
    int ilp_fulfill_parse(const uint8_t *packet, size_t len, ilp_fulfill_view *out)
    int ilp_reject_parse(const uint8_t *packet, size_t len, ilp_reject_view *out)
    void ilp_prepare_patch(uint8_t *packet, uint32_t amount_offset, uint64_t amount, int64_t expires_at_ms)
    size_t ilp_prepare_encode(uint8_t *out, size_t cap, uint64_t amount, int64_t expires_at_ms, const uint8_t *condition,
                              ilp_bytes_view destination, ilp_bytes_view data)
    size_t ilp_fulfill_encode(uint8_t *out, size_t cap, const uint8_t *fulfillment, ilp_bytes_view data)
    size_t ilp_reject_encode(uint8_t *out, size_t cap, const uint8_t *code, ilp_bytes_view triggered_by,
                             ilp_bytes_view message, ilp_bytes_view data)


cdef extern from "ilp_reject.h" nogil:
    ctypedef struct ilp_reject_entry:
        const char *code
        const char *name
        const char *message
    const ilp_reject_entry *ilp_reject_lookup(int status)
    size_t ilp_reject_make(uint8_t *out, size_t cap, int status, ilp_bytes_view triggered_by, uint64_t received, uint64_t maximum)


cdef extern from "ilp_routes.h" nogil:
    uint32_t ILP_NO_LINK
    ctypedef struct ilp_routes:
        pass
    ctypedef struct ilp_route:
        ilp_bytes_view prefix
        uint32_t link
    ilp_routes *ilp_routes_build(const ilp_route *routes, uint32_t count)
    void ilp_routes_free(ilp_routes *routes)
    uint32_t ilp_routes_find(const ilp_routes *routes, ilp_bytes_view destination, uint32_t *prefix_len)
    uint32_t ilp_routes_count(const ilp_routes *routes)
    size_t ilp_routes_memory(const ilp_routes *routes)
    bint ilp_routes_next(const ilp_routes *routes, uint32_t *cursor, ilp_route *out)


cdef extern from "ilp_address.h" nogil:
    enum ilp_scheme:
        ILP_SCHEME_INVALID
        ILP_SCHEME_G
        ILP_SCHEME_PRIVATE
        ILP_SCHEME_EXAMPLE
        ILP_SCHEME_PEER
        ILP_SCHEME_SELF
        ILP_SCHEME_TEST
        ILP_SCHEME_LOCAL
    bint ilp_address_valid(const uint8_t *address, size_t len)
    bint ilp_address_prefix_valid(const uint8_t *prefix, size_t len)
    ilp_scheme ilp_address_scheme(const uint8_t *address, size_t len)
    bint ilp_address_has_prefix(const uint8_t *address, size_t len, const uint8_t *prefix, size_t prefix_len)
    bint ilp_address_characters(const uint8_t *at, size_t len)


cdef extern from "ilp_time.h" nogil:
    enum:
        ILP_TIMESTAMP_LEN
    int64_t ILP_TIME_MS_MIN
    int64_t ILP_TIME_MS_MAX
    int ilp_time_parse(const uint8_t *digits, int64_t *ms)
    void ilp_time_format(int64_t ms, uint8_t *digits)


cdef extern from "ilp_sha256.h" nogil:
    void ilp_sha256_32(const uint8_t *input, uint8_t *digest)
    void ilp_sha256_32_portable(const uint8_t *input, uint8_t *digest)
    bint ilp_sha256_accelerated()


cdef extern from "<stdbool.h>" nogil:
    ctypedef bint cbool "bool"  # where C takes a pointer to bool, which a Cython bint (int) is not


cdef extern from "ilp_oer.h" nogil:
    enum:
        ILP_OER_LENGTH_MAX
    uint64_t ilp_oer_get_u64(const uint8_t *at)
    void ilp_oer_put_u64(uint8_t *at, uint64_t value)
    size_t ilp_oer_length_size(uint64_t length)
    size_t ilp_oer_uint_size(uint64_t value)
    const uint8_t *ilp_oer_get_length(const uint8_t *at, const uint8_t *end, uint64_t *length, cbool *canonical)
    uint8_t *ilp_oer_put_length(uint8_t *at, uint64_t length)
    const uint8_t *ilp_oer_get_varstring(const uint8_t *at, const uint8_t *end, uint32_t max, const uint8_t **value,
                                         uint32_t *length, cbool *canonical)
    uint8_t *ilp_oer_put_varstring(uint8_t *at, const uint8_t *value, uint32_t length)
    const uint8_t *ilp_oer_get_varuint(const uint8_t *at, const uint8_t *end, uint64_t *value, cbool *canonical)
    uint8_t *ilp_oer_put_varuint(uint8_t *at, uint64_t value)
