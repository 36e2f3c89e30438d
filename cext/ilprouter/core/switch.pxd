# The packet switch: state and signatures. Amounts are in the base currency; deadlines are CLOCK_BOOTTIME nanoseconds.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from ilprouter.bindings.kernel cimport (
    ilp_buffer,
    ilp_bytes_view,
    ilp_context,
    ilp_link,
    ilp_pending,
    ilp_pipeline,
    ilp_pool,
    ilp_receiver,
    ilp_round,
    ilp_routes,
    ilp_scheme,
)
from ilprouter.core.endpoint cimport Pool, Receiver, Round
from ilprouter.core.routes cimport RouteTable


cdef struct switch_port:              # what the switch knows of a link
    ilp_link *link                    # NULL: no such link (any more)
    const ilp_pipeline *incoming
    const ilp_pipeline *outgoing
    uint32_t neighbour                # peer.* from this link goes to that link; ILP_NO_LINK: to the local one


cdef struct switch_list:              # contexts chained by list_next, oldest first
    uint32_t first
    uint32_t last
    uint32_t count


cdef struct trace_entry:              # one Fulfill that left: see Switch.trace_start
    uint64_t group
    int64_t left_ns


cdef struct switch_state:
    ilp_receiver receiver             # first: the callbacks find the state by it
    ilp_pool *pool
    ilp_round *round
    ilp_pending *pending
    const ilp_routes *routes
    switch_port *ports
    uint32_t ports_count
    uint32_t local_port               # link that answers peer.*, or ILP_NO_LINK
    int refuse                        # ILP_OK, or the status that every new Prepare gets (draining, store stalled, fenced)
    bint fenced                       # nothing is acknowledged any more (I12)
    ilp_scheme network                # ILP_SCHEME_G, ILP_SCHEME_TEST, or ILP_SCHEME_INVALID for no check
    int64_t hold_max_ns
    switch_list open                  # answers and parked Prepares that wait for the open group
    switch_list sealed                # those of the group that is being committed
    uint64_t group                    # number of the open group, from 1
    ilp_bytes_view address            # our own, for triggered_by
    uint32_t reject_bytes             # what a Reject of ours takes at most
    uint64_t rejects[64]              # by status: Rejects that we made
    uint64_t answers_unknown          # answers to nothing we wait for: late, duplicate or invented
    uint64_t fulfills_late            # valid Fulfills at or after our own deadline
    uint64_t answers_lost             # an answer that could not be sent for want of a buffer
    uint64_t voids                    # Fulfills that became durable too late to be delivered
    uint64_t parked                   # Prepares that waited for a group
    trace_entry *trace
    uint64_t trace_count
    uint64_t trace_max


cdef class Switch(Receiver):
    cdef switch_state state
    cdef readonly Pool pool
    cdef readonly Round round
    cdef readonly RouteTable routes
    cdef readonly list links          # by number; the Link objects, kept alive for answers on their way
    cdef bytes own_address
    cdef list pipelines               # (incoming, outgoing) by number
    cdef list retired                 # replaced pipelines: a packet in flight may still be walked back through them
