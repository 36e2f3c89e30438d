# The books in memory, as middleware and the committer use them. Never LMDB, never a packet.
from libc.stdint cimport uint32_t

from ilprouter.bindings.ledger cimport ledger_book, ledger_slot


cdef class Book:
    cdef ledger_book c
    cdef ledger_slot *slot(self, uint32_t number) except NULL  # IndexError outside the block; stable for the book's life
