"""PythonReceiver: packets of any link handed to Python callables, for tests, tools and prototypes.

Owns nothing but the callables. Slow by design (one bytes object a packet): the switch and the load engine never use it.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from ilprouter.bindings.kernel cimport (
    ILP_FULFILL,
    ILP_OK,
    ILP_OUTCOME_FULFILLED,
    ILP_OUTCOME_REFUSED,
    ILP_OUTCOME_REJECTED,
    ilp_buffer,
    ilp_link,
    ilp_link_ready,
    ilp_pool_get,
    ilp_pool_put,
    ilp_receiver,
)
from ilprouter.core.endpoint cimport Link, Pool, Receiver, Round

from ilprouter.errors import LinkDownError

cdef struct bridge_table:
    ilp_receiver c
    void *owner


cdef class PythonReceiver(Receiver):
    """Hand every packet to Python.

    on_prepare(link, token, packet)          a request; answer it once with reply(link, token, packet)
    on_answer(link, handle, packet)          the answer to a request made with send(); finished for you afterwards
    on_failure(link, handle, status)         the next hop will not answer; status is an ilp_status number
    An exception in a callable is printed by Python's unraisable hook and costs that packet only.
    """

    cdef bridge_table table
    cdef Round round
    cdef Pool pool
    cdef list links
    cdef int depth
    cdef public object on_prepare
    cdef public object on_answer
    cdef public object on_failure

    def __cinit__(self, Round round not None, Pool pool not None, on_prepare=None, on_answer=None, on_failure=None):
        self.round = round
        self.pool = pool
        self.links = []
        self.on_prepare = on_prepare
        self.on_answer = on_answer
        self.on_failure = on_failure
        self.table.c.on_prepare = bridge_on_prepare
        self.table.c.on_answer = bridge_on_answer
        self.table.c.on_failure = bridge_on_failure
        self.table.owner = <void *>self
        self.c = &self.table.c

    def add(self, Link link not None):
        """Take the packets of `link` from now on; returns its number."""
        link.attach(self, <unsigned int>len(self.links))
        self.links.append(link)
        return link.number

    cdef ilp_buffer *buffer(self, bytes packet) except NULL:
        cdef ilp_buffer *buffer = ilp_pool_get(self.pool.c, <unsigned int>len(packet))
        if buffer == NULL:
            raise MemoryError("no packet buffer left")
        memcpy(buffer.data, <const uint8_t *>packet, len(packet))
        buffer.len = <unsigned int>len(packet)
        return buffer

    cdef void enter(self):
        if self.depth == 0:
            self.round.begin()
        self.depth += 1

    cdef int leave(self) except -1:
        self.depth -= 1
        if self.depth == 0:
            self.round.finish()
        return 0

    def reply(self, Link link not None, uint64_t token, bytes packet not None):
        """Answer a request with a Fulfill or Reject packet."""
        self.enter()
        try:
            link.c.ops.reply(&link.c, token, self.buffer(packet))
        finally:
            self.leave()

    def send(self, Link link not None, bytes packet not None, uint64_t handle=0, int64_t timeout_ns=10_000_000_000):
        """Send a Prepare; returns the link's token for it. Raises LinkDownError with the status when the link refuses it."""
        cdef uint64_t token = 0
        cdef int status
        cdef ilp_buffer *buffer
        self.enter()
        try:
            status = ilp_link_ready(&link.c, <unsigned int>len(packet))
            if status == ILP_OK:
                buffer = self.buffer(packet)
                status = link.c.ops.send(&link.c, buffer, handle, self.round.c.now_ns + timeout_ns, &token)
                if status != ILP_OK:
                    ilp_pool_put(self.pool.c, buffer)
            if status != ILP_OK:
                raise LinkDownError(f"link {link.name} refused the packet with status {status}")
        finally:
            self.leave()
        return token

    def finish(self, Link link not None, uint64_t token, int outcome=ILP_OUTCOME_REFUSED):
        """Tell the link that a request is over (expired, or refused); answered requests are finished already."""
        self.enter()
        try:
            link.c.ops.finish(&link.c, token, outcome)
        finally:
            self.leave()


cdef bytes take(PythonReceiver self, ilp_buffer *buffer):
    cdef bytes packet = PyBytes_FromStringAndSize(<char *>buffer.data + buffer.offset, buffer.len)
    ilp_pool_put(self.pool.c, buffer)
    return packet


cdef void bridge_on_prepare(
    ilp_receiver *table, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns
) noexcept with gil:
    cdef PythonReceiver self = <PythonReceiver>(<bridge_table *>table).owner
    cdef bytes content = take(self, packet)
    link.prepares_in += 1
    self.depth += 1
    try:
        self.on_prepare(self.links[link.number], token, content)
    finally:
        self.depth -= 1


cdef void bridge_on_answer(
    ilp_receiver *table, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *answer, int64_t now_ns
) noexcept with gil:
    cdef PythonReceiver self = <PythonReceiver>(<bridge_table *>table).owner
    cdef bytes content = take(self, answer)
    cdef bint fulfilled = len(content) > 0 and content[0] == ILP_FULFILL
    self.depth += 1
    try:
        self.on_answer(self.links[link.number], handle, content)
    finally:
        self.depth -= 1
        link.ops.finish(link, token, ILP_OUTCOME_FULFILLED if fulfilled else ILP_OUTCOME_REJECTED)


cdef void bridge_on_failure(
    ilp_receiver *table, ilp_link *link, uint64_t handle, uint64_t token, int status, int64_t now_ns
) noexcept with gil:
    cdef PythonReceiver self = <PythonReceiver>(<bridge_table *>table).owner
    self.depth += 1
    try:
        self.on_failure(self.links[link.number], handle, status)
    finally:
        self.depth -= 1
        link.ops.finish(link, token, ILP_OUTCOME_REFUSED)
