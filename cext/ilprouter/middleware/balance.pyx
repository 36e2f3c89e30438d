# distutils: depends = cext/ledger/ledger_book.h
"""Hold, charge and credit: the account of the peer on either side of a packet. T04, IL-RFC 32.

Owns which answer moves which amount. Knows no store, no rate, no other account. The amount that was held is kept in the
hook's own word: what is charged or released later is that amount, whatever another stage does to the context.
"""
from libc.stdint cimport uint32_t, uint64_t

from ilprouter.bindings.kernel cimport (
    ILP_OK,
    ILP_RESPONSE_FULFILL,
    ILP_RESPONSE_LATE,
    ilp_context,
)
from ilprouter.bindings.ledger cimport (
    ledger_charge,
    ledger_credit,
    ledger_hold_in,
    ledger_hold_out,
    ledger_release_in,
    ledger_release_out,
    ledger_void,
)


cdef int incoming_on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    scratch[0] = ctx.amount_incoming
    return ledger_hold_in((<balance_state *>state).slot, ctx.amount_incoming)


cdef int incoming_on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil:
    cdef balance_state *s = <balance_state *>state
    if response == ILP_RESPONSE_FULFILL:
        return ledger_charge(s.block, s.slot, s.number, scratch[0])
    if response == ILP_RESPONSE_LATE:
        return ledger_void(s.block, s.slot, s.number, scratch[0])
    if scratch[0]:
        ledger_release_in(s.slot, scratch[0])
    return ILP_OK


cdef int outgoing_on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept nogil:
    cdef balance_state *s = <balance_state *>state
    scratch[0] = ctx.amount_outgoing
    return ledger_hold_out(s.block, s.slot, s.number, ctx.amount_outgoing)


cdef int outgoing_on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept nogil:
    cdef balance_state *s = <balance_state *>state
    if response == ILP_RESPONSE_FULFILL:
        return ledger_credit(s.block, s.slot, s.number, scratch[0])
    # LATE never comes here: the peer answered in time, and what it is owed stays owed.
    if response != ILP_RESPONSE_LATE and scratch[0]:
        ledger_release_out(s.slot, scratch[0])
    return ILP_OK


cdef class BalanceIncoming(Middleware):
    """The peer pays: its Prepares are held against its credit limit, a Fulfill charges it, a late one is voided.

    book      the books
    account   account number of the link's peer
    """

    side = "incoming"

    def __cinit__(self, Book book not None, uint32_t account):
        self.book = book
        self.state.block = book.c.block
        self.state.slot = book.slot(account)
        self.state.number = account
        self.hook.on_prepare = incoming_on_prepare
        self.hook.on_response = incoming_on_response
        self.hook.state = <void *>&self.state

    @property
    def account(self):
        """Account number."""
        return self.state.number


cdef class BalanceOutgoing(Middleware):
    """The peer is paid: Prepares to it are held against our own limit and the durable lease, a Fulfill credits it.

    book      the books
    account   account number of the link's peer
    """

    side = "outgoing"

    def __cinit__(self, Book book not None, uint32_t account):
        self.book = book
        self.state.block = book.c.block
        self.state.slot = book.slot(account)
        self.state.number = account
        self.hook.on_prepare = outgoing_on_prepare
        self.hook.on_response = outgoing_on_response
        self.hook.state = <void *>&self.state

    @property
    def account(self):
        """Account number."""
        return self.state.number
