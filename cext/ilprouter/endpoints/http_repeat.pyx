"""Requests that carry a Request-Id: forwarded once, answered with the same bytes to whoever of the peer asks again.

Owns which stream waits for which answer; what is kept and for how long is ilp_kept's. A stream that was reset, closed or never
read costs its peer the charge, so the peer must be able to fetch the Fulfill it has paid for. Knows no frame and no ILP packet.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from ilprouter.bindings.http_kernel cimport (
    ilp_hash128,
    ilp_kept_answer,
    ilp_kept_begin,
    ilp_kept_entry,
    ilp_kept_find,
    ilp_kept_share,
    ilp_siphash,
)
from ilprouter.bindings.kernel cimport ilp_pool_get
from ilprouter.endpoints.http_core cimport http_link
from ilprouter.endpoints.http_stream cimport list_append, stream_answer


cdef bint answer_again(http_core *core, http_stream *stream, const uint8_t *answer, uint32_t length) noexcept nogil:
    """Queue a copy of an answer on a stream. False, and nothing done, when there is no buffer."""
    cdef ilp_buffer *copy = ilp_pool_get(core.pool, length)
    if copy == NULL:
        return False
    memcpy(copy.data, answer, length)
    copy.len = length
    stream_answer(core, stream, copy)
    return True


cdef int repeat_check(http_conn *conn, http_stream *stream, const ilp_buffer *body) noexcept nogil:
    """Is a complete request with a Request-Id new?

    returns   REQUEST_NEW: yes, and its answer will be kept; 0: it is answered, or waits for the answer of the first;
              400: the name belongs to a request with other bytes; 503: no place to remember one more, ask again later
    """
    cdef http_core *core = conn.core
    cdef ilp_kept_share *share = &(<http_link *>stream.link.owner).kept
    cdef ilp_hash128 digest = ilp_siphash(core.key, body.data + body.offset, body.len)
    cdef ilp_kept_entry *entry = ilp_kept_find(core.kept, share, stream.id, core.round.now_ns)
    cdef http_stream *first
    if entry == NULL:
        stream.kept = ilp_kept_begin(core.kept, share, stream.id, digest, core.round.now_ns)
        return REQUEST_NEW if stream.kept != NULL else 503
    if entry.digest.low != digest.low or entry.digest.high != digest.high:
        core.counters.mutated += 1
        return 400
    core.counters.repeated += 1
    list_append(&conn.waiting, stream, core.round.now_ns)
    if entry.answer != NULL:
        return 0 if answer_again(core, stream, entry.answer, entry.answer_len) else 503
    first = <http_stream *>entry.waiting
    stream.repeats = 1
    stream.kept = entry
    stream.waits_next = first
    if first != NULL:
        first.waits_previous = stream
    entry.waiting = stream
    return 0


cdef void repeat_answered(http_core *core, http_stream *stream, const ilp_buffer *answer) noexcept nogil:
    """The answer to a request with a Request-Id has come: give it to all who wait, and keep it."""
    cdef ilp_kept_entry *entry = stream.kept
    cdef http_stream *waiter = <http_stream *>entry.waiting
    cdef http_stream *following
    stream.kept = NULL
    while waiter != NULL:
        following = waiter.waits_next
        waiter.kept = NULL
        # Without a buffer it goes unanswered, as any answer does then; its peer can ask again.
        if not answer_again(core, waiter, answer.data + answer.offset, answer.len):
            core.counters.abandoned += 1
        waiter = following
    ilp_kept_answer(core.kept, entry, answer.data + answer.offset, answer.len, core.round.now_ns)


cdef void repeat_leave(http_stream *stream) noexcept nogil:
    """A stream that waits for the answer to an earlier request ends."""
    if stream.kept == NULL:
        return
    if stream.waits_previous != NULL:
        stream.waits_previous.waits_next = stream.waits_next
    else:
        stream.kept.waiting = stream.waits_next
    if stream.waits_next != NULL:
        stream.waits_next.waits_previous = stream.waits_previous
    stream.kept = NULL
