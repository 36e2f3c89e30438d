# What the halves of the HTTP endpoint share: streams, connections, links, limits. Never a frame, never an ILP packet.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from ilprouter.bindings.http_kernel cimport (
    ilp_budget,
    ilp_hash128,
    ilp_http_head,
    ilp_http_peer,
    ilp_kept,
    ilp_kept_entry,
    ilp_kept_share,
    ilp_slot,
    ilp_slots,
    ilp_tokens,
)
from ilprouter.bindings.kernel cimport ilp_buffer, ilp_flusher, ilp_link, ilp_pool, ilp_round
from ilprouter.bindings.nghttp2 cimport nghttp2_nv, nghttp2_option, nghttp2_session
from ilprouter.core.endpoint cimport Link, Pool, Round

cdef enum:
    CONNECTIONS_PER_LINK = 64
    ARENA_BYTES = 262144
    READ_BYTES = 262144
    FRAME_BYTES_MAX = 65536   # room the arena must have before nghttp2 is asked for another frame


cdef struct http_list:
    http_stream *first
    http_stream *last
    uint32_t count


# One request and its answer, on either side. Lives until both the stream and the receiver are done with it.
cdef struct http_stream:
    ilp_slot slot             # first: its name is the token that the receiver knows
    http_stream *previous
    http_stream *next
    http_list *list           # where it stands; NULL: the stream is gone, only the receiver still knows it
    http_conn *conn           # NULL: gone, or not chosen yet
    ilp_link *link
    ilp_buffer *incoming      # body received so far
    ilp_buffer *outgoing      # body to send
    uint64_t handle           # sent requests: the receiver's name for them
    int64_t since_ns          # when it came to its list
    uint32_t stated           # content-length of the incoming body, 0: not known
    uint32_t sent             # bytes of outgoing already framed
    int32_t stream_id
    uint16_t status           # of a received answer
    uint8_t answered          # the receiver has been told how a sent request ended; or has answered a received one
    uint8_t finished          # the receiver needs a sent request no longer
    uint8_t close_after       # HTTP/1.1: the connection ends with this answer
    uint8_t length_len
    uint8_t length_text[12]   # content-length in decimal; nghttp2 reads it until the headers are framed
    # received requests that carry a Request-Id: see http_repeat
    uint8_t named             # `id` is set
    uint8_t repeats           # another stream's request runs; this one only waits for its answer
    ilp_hash128 id
    ilp_kept_entry *kept      # where the answer goes, or comes from; NULL: nowhere
    http_stream *waits_next   # others that wait for the same answer
    http_stream *waits_previous


# One connection. Lists of the serving side: receiving -> waiting for the receiver -> ready (answer queued) -> sending.
cdef struct http_conn:
    ilp_flusher flusher       # first: the flush finds the connection by it
    http_core *core
    void *owner               # the HttpConnection, which outlives its struct
    nghttp2_session *session  # NULL: HTTP/1.1, or not known yet
    http_list receiving
    http_list waiting
    http_list ready
    http_list sending
    http_list dropped
    ilp_http_head head        # the header block that is being read
    int64_t head_since_ns     # 0: none is
    int32_t head_stream_id
    http_stream *head_stream
    ilp_budget resets
    ilp_budget control
    uint32_t doom             # HTTP/2 error code to close with, decided inside a callback
    uint8_t doomed            # 1: close as soon as the GOAWAY is written
    uint8_t authenticated     # one request with a known token came
    uint8_t in_order          # HTTP/1.1: answers leave in the order of `waiting`
    # the asking side
    http_link *link
    uint32_t capacity         # streams the peer allows at once
    uint8_t usable            # the peer's SETTINGS came
    uint8_t draining          # GOAWAY, or out of stream ids: no new requests


# One peer. `link.owner` points here.
cdef struct http_link:
    ilp_flusher flusher       # first; wakes the dialer
    http_core *core
    ilp_link *link
    void *owner               # the HttpLink
    ilp_http_peer peer
    http_conn *conns[CONNECTIONS_PER_LINK]
    uint32_t conns_count
    uint32_t conns_max
    http_list waiting         # requests without a connection yet
    uint32_t in_flight
    uint32_t in_flight_max
    uint8_t wanted            # the dialer has been woken and has not looked yet
    uint32_t promised         # streams of connections that are being opened, as far as they are likely
    ilp_kept_share kept       # its answers that are kept by Request-Id
    nghttp2_nv request[8]     # method, scheme, authority, path, authorization, content-type, accept; content-length is set last


cdef struct http_limits:
    uint32_t streams_first
    uint32_t streams
    uint32_t header_bytes
    uint32_t body_bytes
    uint32_t reset_burst
    uint32_t reset_rate
    uint32_t control_burst
    uint32_t control_rate
    uint32_t acks
    uint32_t outbound_frames
    uint32_t connections_per_source
    uint32_t connections
    uint32_t pipelined
    int64_t receive_ns
    int64_t drain_ns
    int64_t idle_ns


cdef struct http_counters:
    uint64_t connections
    uint64_t connections_refused
    uint64_t requests
    uint64_t answers
    uint64_t refused[8]       # by status, in the order of REFUSALS in http_core.pyx
    uint64_t abandoned        # requests whose stream ended before their answer
    uint64_t floods
    uint64_t timeouts
    uint64_t sent
    uint64_t received
    uint64_t in_doubt
    uint64_t cancelled
    uint64_t repeated         # requests whose Request-Id was known: attached, or answered from memory
    uint64_t mutated          # a known Request-Id with other bytes: 400


cdef struct http_core:
    ilp_round *round
    ilp_pool *pool
    ilp_slots *streams
    ilp_tokens *tokens
    ilp_kept *kept            # answers by Request-Id
    const uint8_t *key        # of every hash: 16 random bytes
    nghttp2_option *options   # of every session; made with the first
    http_limits limits
    http_counters counters
    uint8_t *arena            # one flush at a time collects here
    uint8_t *input            # one read at a time arrives here


cdef class HttpCore:
    cdef http_core c
    cdef readonly Round round
    cdef readonly Pool pool
    cdef object input_view
    cdef bytearray input_bytes
    cdef bytes key
    cdef dict links           # name -> HttpLink
    cdef list retired         # links removed: requests of theirs may still be on their way
    cdef dict sources         # address -> open connections
    cdef unsigned int accepted
    cdef readonly set connections
    cdef int rebuild(self) except -1
    cdef bint admit(self, object source)
    cdef void dismiss(self, object source)


cdef class HttpConnection:
    cdef http_conn c
    cdef HttpCore core
    cdef object transport
    cdef object source
    cdef bint paused
    cdef bint closing
    cdef int64_t closing_since_ns
    cdef int64_t opened_ns
    cdef int64_t paused_since_ns
    cdef int feed(self, const uint8_t *data, size_t length) except -1
    cdef int flush(self) except -1
    cdef int opened(self) except -1
    cdef int lost(self) except -1
    cdef int check(self, int64_t now_ns) except -1
    cdef int write(self, const uint8_t *data, size_t length) except -1
    cdef void close_soon(self)
    cdef void abort(self)
