"""PythonMiddleware: a plain Python class as a stage, for prototypes and rare packets.

Owns the crossing into Python, the only one on the packet path (about a microsecond each way). Never lets an exception
through: a stage that fails refuses its packet with T00 and says so in the log, not more often than every ten seconds.
"""
import logging

from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from ilprouter.bindings.kernel cimport (
    ILP_AMOUNT_TOO_LARGE,
    ILP_INTERNAL_ERROR,
    ILP_OK,
    ILP_REJECT_END,
    ILP_REJECT_FIRST,
    ilp_context,
    ilp_context_handle,
)
from ilprouter.core.pipeline cimport Middleware

from ilprouter.middleware.base import PacketInfo, Refusal, Response

log = logging.getLogger(__name__)

cdef int64_t LOG_INTERVAL_NS = 10_000_000_000


@final
cdef class PythonMiddleware(Middleware):
    """One Python object standing in a pipeline.

    stage    has on_prepare(packet) and/or on_response(packet, response), see ilprouter.middleware.base.PythonStage
    raises   TypeError when it has neither, ValueError when its `side` is none of the three
    """

    cdef readonly object stage
    cdef readonly str side
    cdef object prepare
    cdef object respond
    cdef int64_t next_log_ns
    cdef readonly uint64_t failures

    def __cinit__(self, stage):
        self.stage = stage
        self.side = getattr(stage, "side", "either")
        if self.side not in ("incoming", "outgoing", "either"):
            raise ValueError(f"{type(stage).__name__}.side must be incoming, outgoing or either, got {self.side!r}")
        self.prepare = getattr(stage, "on_prepare", None)
        self.respond = getattr(stage, "on_response", None)
        if self.prepare is None and self.respond is None:
            raise TypeError(f"{type(stage).__name__} has neither on_prepare nor on_response")
        if self.prepare is not None:
            self.hook.on_prepare = on_prepare
        if self.respond is not None:
            self.hook.on_response = on_response
        self.hook.state = <void *>self

    cdef int ask(self, ilp_context *ctx) except -1:
        cdef int status
        answer = self.prepare(packet_info(ctx, (<const char *>ctx.destination_view)[:ctx.destination_len]))
        if answer is None:
            return ILP_OK
        if not isinstance(answer, Refusal):
            raise TypeError(f"on_prepare must return None or a Refusal, got {type(answer).__name__}")
        status = answer.status
        if not ILP_REJECT_FIRST <= status < ILP_REJECT_END:
            raise ValueError(f"{status} is no status that refuses a packet")
        if status == ILP_AMOUNT_TOO_LARGE:
            ctx.amount_maximum = answer.amount_maximum
        return status

    cdef void failed(self, int64_t now_ns, object error) noexcept:
        self.failures += 1
        if now_ns < self.next_log_ns:
            return
        self.next_log_ns = now_ns + LOG_INTERVAL_NS
        try:
            log.error("stage %s failed (%d times so far)", type(self.stage).__name__, self.failures, exc_info=error)
        except BaseException:
            pass    # a broken log handler is no reason to disturb the packet path


def as_stage(part):
    """`part` itself when it is compiled middleware, otherwise wrapped in PythonMiddleware."""
    return part if isinstance(part, Middleware) else PythonMiddleware(part)


cdef object packet_info(ilp_context *ctx, bytes destination):
    return PacketInfo(
        ilp_context_handle(ctx),
        ctx.amount_incoming,
        ctx.amount_outgoing,
        ctx.data_len,
        ctx.received_ns,
        ctx.expires_incoming_ns,
        ctx.expires_outgoing_ns,
        destination.decode("ascii", "replace"),
    )


cdef int on_prepare(void *state, ilp_context *ctx, uint64_t *scratch) noexcept with gil:
    cdef PythonMiddleware self = <PythonMiddleware>state
    try:
        return self.ask(ctx)
    except BaseException as error:
        # Also SystemExit and KeyboardInterrupt: there is no Python frame above us that could take them.
        self.failed(ctx.received_ns, error)
        return ILP_INTERNAL_ERROR


cdef int on_response(void *state, ilp_context *ctx, uint64_t *scratch, int response) noexcept with gil:
    cdef PythonMiddleware self = <PythonMiddleware>state
    try:
        # The destination was a view into a buffer that has left with the packet.
        self.respond(packet_info(ctx, b""), Response(response))
    except BaseException as error:
        self.failed(ctx.received_ns, error)
    return ILP_OK
