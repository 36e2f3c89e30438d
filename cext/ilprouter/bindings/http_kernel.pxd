# The kernel parts that only the HTTP endpoint uses. Meaning, units and ownership are in cext/kernel/*.h.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ilprouter.bindings.kernel cimport ilp_link


cdef extern from "ilp_slots.h" nogil:
    ctypedef struct ilp_slot:
        uint32_t index
        uint32_t generation
    ctypedef struct ilp_slots:
        pass
    ilp_slots *ilp_slots_new(uint32_t count, size_t slot_size)
    void ilp_slots_free(ilp_slots *slots)
    void *ilp_slots_get(ilp_slots *slots)
    void ilp_slots_put(ilp_slots *slots, void *slot)
    void *ilp_slots_find(const ilp_slots *slots, uint64_t name)
    uint32_t ilp_slots_in_use(const ilp_slots *slots)
    uint64_t ilp_slot_name(const ilp_slot *slot)


cdef extern from "ilp_budget.h" nogil:
    ctypedef struct ilp_budget:
        pass
    void ilp_budget_init(ilp_budget *budget, uint32_t burst, uint32_t rate, int64_t now_ns)
    void ilp_budget_credit(ilp_budget *budget, uint32_t units)
    bint ilp_budget_take(ilp_budget *budget, uint32_t units, int64_t now_ns)


cdef extern from "ilp_siphash.h" nogil:
    ctypedef struct ilp_hash128:
        uint64_t low
        uint64_t high
    ilp_hash128 ilp_siphash(const uint8_t *key, const uint8_t *input, size_t len)


cdef extern from "ilp_kept.h" nogil:
    ctypedef struct ilp_kept:
        pass
    ctypedef struct ilp_kept_share:
        uint32_t count
    ctypedef struct ilp_kept_entry:
        ilp_hash128 digest
        void *waiting
        uint8_t *answer
        uint32_t answer_len
    ctypedef struct ilp_kept_limits:
        uint32_t entries
        uint32_t share_entries
        uint64_t share_bytes
        int64_t keep_ns
    ilp_kept *ilp_kept_new(const ilp_kept_limits *limits)
    void ilp_kept_free(ilp_kept *kept)
    ilp_kept_entry *ilp_kept_find(ilp_kept *kept, const ilp_kept_share *share, ilp_hash128 id, int64_t now_ns)
    ilp_kept_entry *ilp_kept_begin(ilp_kept *kept, ilp_kept_share *share, ilp_hash128 id, ilp_hash128 digest, int64_t now_ns)
    void ilp_kept_answer(ilp_kept *kept, ilp_kept_entry *entry, const uint8_t *answer, uint32_t len, int64_t now_ns)
    void ilp_kept_drop(ilp_kept *kept, ilp_kept_share *share)
    uint32_t ilp_kept_count(const ilp_kept *kept)


cdef extern from "ilp_tokens.h" nogil:
    ctypedef struct ilp_tokens:
        pass
    ctypedef struct ilp_token_entry:
        const uint8_t *token
        size_t len
        void *owner
    ilp_tokens *ilp_tokens_build(const uint8_t *key, const ilp_token_entry *entries, uint32_t count)
    void ilp_tokens_free(ilp_tokens *tokens)
    void *ilp_tokens_find(const ilp_tokens *tokens, const uint8_t *token, size_t len)


cdef extern from "ilp_http.h" nogil:
    ctypedef struct ilp_http_peer:
        const uint8_t *name
        uint32_t name_len
        uint8_t bare_token
        ilp_link *link
    ctypedef struct ilp_http_head:
        const ilp_tokens *tokens
        const ilp_http_peer *peer
        uint64_t content_length
        uint32_t size
        uint32_t size_max
        uint8_t method
        uint8_t has_authorization
        uint8_t expect_continue
        uint8_t has_request_id
        ilp_hash128 request_id
    void ilp_http_head_begin(ilp_http_head *head, const ilp_tokens *tokens, uint32_t size_max, uint32_t body_max)
    void ilp_http_head_method(ilp_http_head *head, const uint8_t *method, size_t len)
    void ilp_http_head_path(ilp_http_head *head, const uint8_t *path, size_t len)
    bint ilp_http_head_add(ilp_http_head *head, const uint8_t *name, size_t name_len, const uint8_t *value, size_t len)
    bint ilp_http_head_count(ilp_http_head *head, size_t name_len, size_t len)
    int ilp_http_head_decide(const ilp_http_head *head)
