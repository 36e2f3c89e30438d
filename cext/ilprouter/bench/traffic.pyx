"""Traffic: what a load engine sends, prepared once so that a packet costs one copy and four patches.

Owns templates, amounts and preimages. Knows no link, no clock and no answer.
"""
import os

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from ilprouter.bindings.kernel cimport (
    ILP_OK,
    ILP_PREPARE_MAX,
    ilp_bytes_view,
    ilp_prepare_encode,
    ilp_prepare_parse,
    ilp_prepare_view,
    ilp_sha256_32,
)


cdef class Traffic:
    """Prepares to choose from, in turn.

    destinations  ILP addresses; each gets a template
    amounts       u64 amounts in units of the sending link, used in turn (independent of the destinations)
    packet_size   bytes of each whole Prepare; the data field is filled up to it
    pairs         number of preimage and condition pairs, a power of two
    raises        ValueError when a destination leaves less than 32 bytes for the data, or an argument is out of range

    The first 32 bytes of the data field are the preimage: whoever receives the packet can fulfil it without shared state.
    """

    def __cinit__(self, destinations, amounts=(100,), unsigned int packet_size=200, unsigned int pairs=4096):
        cdef uint32_t index
        cdef bytes secret
        self.destinations = tuple(destinations)
        amounts = tuple(amounts)
        if not self.destinations or not amounts:
            raise ValueError("traffic needs at least one destination and one amount")
        if pairs == 0 or pairs & (pairs - 1):
            raise ValueError(f"pairs must be a power of two, got {pairs}")
        if packet_size > ILP_PREPARE_MAX:
            raise ValueError(f"packet_size must be at most {ILP_PREPARE_MAX}, got {packet_size}")
        self.c.template_count = <uint32_t>len(self.destinations)
        self.c.amount_count = <uint32_t>len(amounts)
        self.c.pair_mask = pairs - 1
        self.packet_size = packet_size
        self.c.templates = <PrepareTemplate *>calloc(self.c.template_count, sizeof(PrepareTemplate))
        self.c.amounts = <uint64_t *>calloc(self.c.amount_count, sizeof(uint64_t))
        self.c.pairs = <HashPair *>calloc(pairs, sizeof(HashPair))
        self.memory = <uint8_t *>calloc(self.c.template_count, packet_size)
        if not (self.c.templates and self.c.amounts and self.c.pairs and self.memory):
            raise MemoryError("traffic tables")
        for index in range(self.c.amount_count):
            self.c.amounts[index] = amounts[index]
        secret = os.urandom(32 * pairs)
        for index in range(pairs):
            memcpy(self.c.pairs[index].preimage, <const uint8_t *>secret + 32 * index, 32)
            ilp_sha256_32(self.c.pairs[index].preimage, self.c.pairs[index].condition)
        for index in range(self.c.template_count):
            self.build(index, self.destinations[index].encode("ascii"))

    def __dealloc__(self):
        free(self.c.templates)
        free(self.c.amounts)
        free(self.c.pairs)
        free(self.memory)

    cdef build(self, uint32_t index, bytes destination):
        """Encode the template of one destination; the data field takes what is left of packet_size."""
        cdef uint32_t packet_size = self.packet_size
        cdef PrepareTemplate *template = &self.c.templates[index]
        cdef ilp_bytes_view address
        cdef ilp_bytes_view data
        cdef ilp_prepare_view view
        cdef bytes zeros = bytes(packet_size)
        cdef uint32_t room
        template.packet = self.memory + <size_t>index * packet_size
        address.at = destination
        address.len = <uint32_t>len(destination)
        data.at = zeros
        # The two length prefixes grow with their content, so the largest data that fits is found by trying.
        for room in range(packet_size - 1, 31, -1):
            data.len = room
            template.len = <uint32_t>ilp_prepare_encode(template.packet, packet_size, 0, 0, <const uint8_t *>zeros,
                                                        address, data)
            if template.len != 0:
                break
        else:
            raise ValueError(f"a Prepare of {packet_size} bytes to {destination.decode()} has no room for 32 bytes of data")
        if ilp_prepare_parse(template.packet, template.len, &view) != ILP_OK:
            raise ValueError(f"not an ILP address: {destination.decode()}")
        template.amount_offset = view.amount_offset
        template.preimage_offset = <uint32_t>(view.data.at - template.packet)

    def __len__(self):
        return self.c.template_count
