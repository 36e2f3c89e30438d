# What a load engine sends: ready-made Prepares, amounts, and preimages with their conditions. Never a link, never a clock.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef struct PrepareTemplate:
    uint8_t *packet           # canonical bytes with amount, expiry, condition and preimage still to be written
    uint32_t len
    uint32_t amount_offset    # 8 bytes of amount, 17 of expiry, 32 of condition follow each other here
    uint32_t preimage_offset  # first 32 bytes of data


cdef struct HashPair:
    uint8_t preimage[32]
    uint8_t condition[32]


cdef struct TrafficTable:
    PrepareTemplate *templates
    uint64_t *amounts
    HashPair *pairs
    uint32_t template_count
    uint32_t amount_count
    uint32_t pair_mask        # number of pairs - 1; the number is a power of two


cdef class Traffic:
    cdef TrafficTable c
    cdef uint8_t *memory      # bytes of all templates
    cdef readonly uint32_t packet_size
    cdef readonly tuple destinations
    cdef build(self, uint32_t index, bytes destination)
