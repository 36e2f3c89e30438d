# The two stages of the balance middleware: holds, charges and credits of one account. Never a store.
from libc.stdint cimport uint32_t

from ilprouter.bindings.ledger cimport ledger_block, ledger_slot
from ilprouter.core.pipeline cimport Middleware
from ilprouter.ledger.book cimport Book


cdef struct balance_state:
    ledger_block *block
    ledger_slot *slot
    uint32_t number


cdef class BalanceIncoming(Middleware):
    cdef balance_state state
    cdef readonly Book book        # keeps the slots mapped


cdef class BalanceOutgoing(Middleware):
    cdef balance_state state
    cdef readonly Book book        # keeps the slots mapped
