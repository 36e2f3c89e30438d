# The load engine: both peers of a router in one process. Never a router's code beyond the endpoint seam and the packet codec.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ilprouter.bench.histogram cimport Histogram, histogram_table
from ilprouter.bench.traffic cimport TrafficTable
from ilprouter.bindings.kernel cimport ilp_link, ilp_pending, ilp_pool, ilp_receiver, ilp_round
from ilprouter.core.endpoint cimport Pool, Receiver, Round


cdef enum:
    REJECT_CODES = 301  # class (F, T, R) times 100 plus two digits; the last one counts codes of any other form


cdef struct LaneCounters:
    # Both sides of one link's ledger. Amounts are units of that link.
    uint64_t sent
    uint64_t fulfilled
    uint64_t rejected
    uint64_t timed_out         # no answer at all
    uint64_t failed            # the transport said that no answer will come
    uint64_t refused           # the link was busy or down when a packet was due
    uint64_t late              # answers to requests that are over
    uint64_t invalid           # answers that are no ILP answer, or the wrong preimage
    uint64_t received          # Prepares
    uint64_t received_invalid
    uint64_t answered_fulfill
    uint64_t answered_reject
    uint64_t amount_sent
    uint64_t amount_fulfilled  # what we owe the peer of this link
    uint64_t amount_rejected
    uint64_t amount_unanswered
    uint64_t amount_earned     # what the peer of this link owes us


cdef struct Lane:
    # One link: what is sent on it, and its ledger.
    ilp_link *link
    const TrafficTable *traffic  # NULL when nothing is sent here
    uint32_t window            # closed loop: requests kept in flight; 0 = open loop
    uint32_t in_flight
    uint64_t rate_per_second   # open loop
    int64_t start_ns           # open loop: when packet 0 was due
    uint64_t due               # open loop: packets due so far that were sent or skipped
    int64_t expiry_ns          # how long a Prepare lives
    uint32_t template_at
    uint32_t amount_at
    uint32_t reject_every      # every n-th Prepare received is rejected (F99); 0 = never
    uint32_t reject_at
    uint32_t quota             # rotation: packets left in this turn
    bint turn                  # rotation: it is this lane's turn
    LaneCounters ledger


cdef struct TraceEntry:
    int64_t at_ns              # CLOCK_BOOTTIME, read after the packet was read
    uint64_t amount


cdef struct Engine:
    ilp_receiver c             # first: the callbacks find the engine by it
    ilp_round *round
    ilp_pool *pool
    ilp_pending *pending       # requests in flight
    Lane *lanes
    uint32_t lane_count
    uint32_t pair_at
    uint32_t rotation_quota    # packets of one lane's turn; 0 = all lanes send all the time
    uint32_t rotation_at       # the lane that had the last turn
    bint running
    histogram_table *latency
    histogram_table *lag       # open loop: how late packets were sent
    uint64_t codes[REJECT_CODES]
    TraceEntry *trace
    uint64_t trace_count
    uint64_t trace_capacity


cdef class Load(Receiver):
    cdef Engine engine
    cdef Round round
    cdef Pool pool
    cdef uint32_t lane_capacity
    cdef Histogram latency
    cdef Histogram lag
    cdef list links
    cdef dict traffics
    cdef object loop
    cdef object timer
    cdef bint spin
