"""The load engine: sends Prepares on some links, fulfils them on others, and keeps its own ledger of both.

Owns requests in flight, latency and counts. Knows links only through the seam that the router's endpoints implement, so one
process plays both peers of a router over the very code that the router uses; it contains no switch.
"""
import asyncio

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from ilprouter.bench.histogram cimport Histogram, histogram_add
from ilprouter.bench.traffic cimport HashPair, PrepareTemplate, Traffic, TrafficTable
from ilprouter.bindings.kernel cimport (
    ILP_FULFILL,
    ILP_INVALID_PACKET,
    ILP_OK,
    ILP_OUTCOME_EXPIRED,
    ILP_OUTCOME_FULFILLED,
    ILP_OUTCOME_REFUSED,
    ILP_OUTCOME_REJECTED,
    ILP_STATE_FREE,
    ilp_buffer,
    ilp_bytes_view,
    ilp_context,
    ilp_context_handle,
    ilp_fulfill_encode,
    ilp_fulfill_parse,
    ilp_fulfill_view,
    ilp_link,
    ilp_link_ready,
    ilp_pending_arm,
    ilp_pending_at,
    ilp_pending_expired,
    ilp_pending_find,
    ilp_pending_free,
    ilp_pending_get,
    ilp_pending_in_use,
    ilp_pending_max,
    ilp_pending_new,
    ilp_pending_put,
    ilp_pool_get,
    ilp_pool_put,
    ilp_prepare_parse,
    ilp_prepare_patch,
    ilp_prepare_view,
    ilp_receiver,
    ilp_reject_encode,
    ilp_reject_lookup,
    ilp_reject_make,
    ilp_reject_parse,
    ilp_reject_view,
)
from ilprouter.core.endpoint cimport Link, Pool, Round


cdef extern from "<time.h>" nogil:
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *now)
    enum:
        CLOCK_BOOTTIME

cdef enum:
    GRACE_NS = 500_000_000     # an answer that left just before the expiry may still be on its way
    BURST = 4096               # packets of one lane per tick, so that a backlog never keeps the loop from reading answers
    REJECT_SMALL = 256         # bytes reserved for our own Rejects

# Whom our own Rejects name; a constant of the C data segment, so that views of it need no owner.
cdef const char *TRIGGERED_BY = b"test.load"


cdef inline int64_t clock_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_BOOTTIME, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef class Load(Receiver):
    """Closed-loop and open-loop sender, fulfilling receiver, and the ledgers of both.

    round, pool     those of the endpoints whose links are added
    in_flight_max   requests in flight over all links together
    trace_max       entries of the order trace (see `order_trace`); 0 turns it off

    Every added link answers Prepares with the Fulfill found in the first 32 bytes of their data. `send` makes it a sender too.
    """

    def __cinit__(self, Round round not None, Pool pool not None, unsigned int in_flight_max=65536,
                  unsigned long long trace_max=0):
        self.round = round
        self.pool = pool
        self.links = []
        self.traffics = {}
        self.latency = Histogram()
        self.lag = Histogram()
        round.begin()
        self.engine.pending = ilp_pending_new(in_flight_max, round.c.now_ns)
        self.engine.trace_capacity = trace_max
        self.engine.trace = <TraceEntry *>calloc(trace_max, sizeof(TraceEntry)) if trace_max else NULL
        if self.engine.pending == NULL or (trace_max and self.engine.trace == NULL):
            raise MemoryError("load engine tables")
        self.engine.c.on_prepare = load_on_prepare
        self.engine.c.on_answer = load_on_answer
        self.engine.c.on_failure = load_on_failure
        self.engine.round = &round.c
        self.engine.pool = pool.c
        self.engine.latency = &self.latency.c
        self.engine.lag = &self.lag.c
        self.c = &self.engine.c

    def __dealloc__(self):
        if self.engine.pending != NULL:
            ilp_pending_free(self.engine.pending)
        free(self.engine.lanes)
        free(self.engine.trace)

    def add(self, Link link not None, unsigned int reject_every=0):
        """Take the packets of `link`; returns its number.

        reject_every   reject every n-th Prepare with F99 instead of fulfilling it; 0 = never
        """
        cdef Lane *grown
        if self.engine.lane_count == self.lane_capacity:
            self.lane_capacity = max(16, self.lane_capacity * 2)
            grown = <Lane *>realloc(self.engine.lanes, self.lane_capacity * sizeof(Lane))
            if grown == NULL:
                raise MemoryError("load engine lanes")
            self.engine.lanes = grown
        memset(&self.engine.lanes[self.engine.lane_count], 0, sizeof(Lane))
        self.engine.lanes[self.engine.lane_count].link = &link.c
        self.engine.lanes[self.engine.lane_count].reject_every = reject_every
        self.links.append(link)
        link.attach(self, self.engine.lane_count)
        self.engine.lane_count += 1
        return self.engine.lane_count - 1

    def send(self, uint32_t number, Traffic traffic, *, uint32_t window=0, uint64_t rate=0, uint32_t expiry_ms=10_000):
        """Say what is sent on link `number` once the engine runs.

        traffic     what to send; None stops sending on this link
        window      closed loop: requests kept in flight
        rate        open loop: requests per second, latency measured from the moment each was due
        expiry_ms   lifetime of each Prepare
        raises      ValueError unless exactly one of window and rate is given
        """
        if number >= self.engine.lane_count:
            raise ValueError(f"no link {number}")
        if traffic is not None and (window == 0) == (rate == 0):
            raise ValueError("give either window (closed loop) or rate (open loop)")
        cdef Lane *lane = &self.engine.lanes[number]
        # The old traffic stays alive: requests in flight still compare their answers with its preimages.
        self.traffics.setdefault(number, []).append(traffic)
        lane.traffic = &traffic.c if traffic is not None else NULL
        lane.window = window
        lane.rate_per_second = rate
        lane.expiry_ns = <int64_t>expiry_ms * 1_000_000
        lane.start_ns = clock_ns()
        lane.due = 0
        if traffic is not None:
            # Links that share a traffic start at different places of its tables.
            lane.template_at = (number * 7919) % traffic.c.template_count
            lane.amount_at = 0

    def rotate(self, uint32_t active, uint32_t quota):
        """Let closed-loop senders take turns: many links, each used in bursts, with the datagrams of few.

        active   links whose turn it is at any time
        quota    packets of a turn; the next link's turn begins when all of them are answered
        """
        cdef uint32_t _count
        self.engine.rotation_quota = quota
        for _count in range(active):
            pass_turn(&self.engine)

    def start(self, *, bint spin=False):
        """Begin to send, on the running event loop.

        spin   never let the loop sleep: for open-loop measurements on a core of their own
        """
        cdef uint32_t number
        self.loop = asyncio.get_running_loop()
        self.spin = spin
        self.engine.running = True
        for number in range(self.engine.lane_count):
            self.engine.lanes[number].start_ns = clock_ns()
            self.engine.lanes[number].due = 0
        if self.timer is None:
            self.tick()

    def stop(self):
        """Send no more; answers are still taken and requests in flight still expire."""
        self.engine.running = False

    def close(self):
        """Stop the clock of the engine. Requests in flight are forgotten."""
        self.engine.running = False
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.loop = None

    async def quiesce(self, double timeout=15.0):
        """Stop sending and wait until every request has its answer or is over; returns True when none is left."""
        self.stop()
        deadline = self.loop.time() + timeout
        while ilp_pending_in_use(self.engine.pending) and self.loop.time() < deadline:
            await asyncio.sleep(0.005)
        return ilp_pending_in_use(self.engine.pending) == 0

    def abandon(self):
        """Give up every request in flight as if it had expired: what a payer does whose router has died.

        returns  how many there were
        """
        cdef uint32_t index
        cdef uint64_t count = 0
        cdef ilp_context *ctx
        self.round.begin()
        with nogil:
            for index in range(ilp_pending_max(self.engine.pending)):
                ctx = ilp_pending_at(self.engine.pending, index)
                if ctx != NULL and ctx.state != ILP_STATE_FREE:
                    give_up(&self.engine, ctx)
                    count += 1
        self.round.finish()
        return count

    def tick(self):
        """One turn of the engine's clock: expire, fill windows, send what is due."""
        cdef uint32_t number
        self.round.begin()
        with nogil:
            expire(&self.engine)
            if self.engine.running:
                for number in range(self.engine.lane_count):
                    refill(&self.engine, &self.engine.lanes[number])
        self.round.finish()
        if self.loop is not None:
            # One millisecond is the finest timer of the event loop; answers refill windows between ticks.
            self.timer = self.loop.call_soon(self.tick) if self.spin and self.engine.running else self.loop.call_later(
                0.001, self.tick)

    def mark(self):
        """Begin a new measurement: clear the latency histograms. Counters are never cleared."""
        self.latency.clear()
        self.lag.clear()

    @property
    def in_flight(self):
        """Requests waiting for their answer, over all links."""
        return ilp_pending_in_use(self.engine.pending)

    def lane(self, uint32_t number):
        """Counters of one link as a dict of ints; amounts in units of that link. See LaneCounters in load.pxd."""
        if number >= self.engine.lane_count:
            raise ValueError(f"no link {number}")
        return self.engine.lanes[number].ledger

    def snapshot(self):
        """Totals over all links, Reject codes, and the latency since `mark`: a dict of ints (latencies in ns)."""
        cdef uint32_t number
        cdef dict total = {"now_ns": clock_ns(), "in_flight": self.in_flight}
        cdef LaneCounters none
        cdef dict ledger
        memset(&none, 0, sizeof(none))
        total.update(none)
        for number in range(self.engine.lane_count):
            ledger = self.engine.lanes[number].ledger
            for name, count in ledger.items():
                total[name] += count
        total["rejects"] = {
            code_name(number): self.engine.codes[number] for number in range(REJECT_CODES) if self.engine.codes[number]
        }
        total["latency_count"] = self.latency.c.count
        for label, percent in (("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9), ("max", 100.0)):
            total[f"{label}_ns"] = self.latency.percentile_ns(percent)
        total["lag_p99_ns"] = self.lag.percentile_ns(99.0)
        return total

    def order_trace(self):
        """Arrivals of Fulfills in order: a list of (CLOCK_BOOTTIME ns read after the packet was read, amount)."""
        cdef uint64_t index
        return [
            (self.engine.trace[index].at_ns, self.engine.trace[index].amount) for index in range(self.engine.trace_count)
        ]


cdef int send_one(Engine *engine, Lane *lane, int64_t intended_ns) noexcept nogil:
    """Send the lane's next Prepare. 0: sent. -1: the link, the pool or the table has no room."""
    cdef const TrafficTable *traffic = lane.traffic
    cdef PrepareTemplate *template = &traffic.templates[lane.template_at]
    cdef uint64_t amount = traffic.amounts[lane.amount_at]
    cdef HashPair *pair = &traffic.pairs[engine.pair_at & traffic.pair_mask]
    cdef int64_t now_ns = engine.round.now_ns
    cdef ilp_context *ctx
    cdef ilp_buffer *buffer
    if ilp_link_ready(lane.link, template.len) != ILP_OK:
        return -1
    ctx = ilp_pending_get(engine.pending)
    if ctx == NULL:
        return -1
    buffer = ilp_pool_get(engine.pool, template.len)
    if buffer == NULL:
        ilp_pending_put(engine.pending, ctx)
        return -1
    memcpy(buffer.data, template.packet, template.len)
    ilp_prepare_patch(buffer.data, template.amount_offset, amount,
                      (now_ns + engine.round.wall_offset_ns + lane.expiry_ns) // 1_000_000)
    memcpy(buffer.data + template.amount_offset + 25, pair.condition, 32)
    memcpy(buffer.data + template.preimage_offset, pair.preimage, 32)
    buffer.len = template.len
    ctx.packet = NULL
    ctx.outgoing = lane.link
    ctx.amount_outgoing = amount
    ctx.received_ns = intended_ns
    ctx.expires_outgoing_ns = now_ns + lane.expiry_ns + GRACE_NS
    ctx.scratch_out[0] = <uint64_t>pair
    if lane.link.ops.send(lane.link, buffer, ilp_context_handle(ctx), ctx.expires_outgoing_ns,
                          &ctx.outgoing_token) != ILP_OK:
        ilp_pool_put(engine.pool, buffer)
        ilp_pending_put(engine.pending, ctx)
        return -1
    ilp_pending_arm(engine.pending, ctx)
    engine.pair_at += 1
    lane.template_at = lane.template_at + 1 if lane.template_at + 1 < traffic.template_count else 0
    lane.amount_at = lane.amount_at + 1 if lane.amount_at + 1 < traffic.amount_count else 0
    lane.in_flight += 1
    lane.ledger.sent += 1
    lane.ledger.amount_sent += amount
    lane.link.prepares_out += 1
    return 0


cdef void refill(Engine *engine, Lane *lane) noexcept nogil:
    """Closed loop: fill the window. Open loop: send everything that is due; what finds no room is counted as refused."""
    cdef int64_t now_ns = engine.round.now_ns
    cdef int64_t intended_ns
    cdef uint64_t due
    cdef uint32_t burst = BURST
    if lane.traffic == NULL:
        return
    if lane.window:
        if engine.rotation_quota:
            refill_in_turn(engine, lane)
            return
        while lane.in_flight < lane.window:
            if send_one(engine, lane, now_ns) != 0:
                return
        return
    due = <uint64_t>(now_ns - lane.start_ns) * lane.rate_per_second // 1_000_000_000
    while lane.due < due and burst:
        intended_ns = lane.start_ns + <int64_t>(lane.due * 1_000_000_000 // lane.rate_per_second)
        if send_one(engine, lane, intended_ns) == 0:
            histogram_add(engine.lag, now_ns - intended_ns)
        else:
            lane.ledger.refused += 1
        lane.due += 1
        burst -= 1


cdef void refill_in_turn(Engine *engine, Lane *lane) noexcept nogil:
    if not lane.turn:
        return
    while lane.quota and lane.in_flight < lane.window:
        if send_one(engine, lane, engine.round.now_ns) != 0:
            return
        lane.quota -= 1
    if lane.quota == 0 and lane.in_flight == 0:
        lane.turn = False
        pass_turn(engine)


cdef void pass_turn(Engine *engine) noexcept nogil:
    """Give the turn to the next sender that waits for one; the next tick at the latest lets it send."""
    cdef Lane *lane
    cdef uint32_t _tries
    for _tries in range(engine.lane_count):
        engine.rotation_at = engine.rotation_at + 1 if engine.rotation_at + 1 < engine.lane_count else 0
        lane = &engine.lanes[engine.rotation_at]
        if lane.traffic != NULL and not lane.turn:
            lane.turn = True
            lane.quota = engine.rotation_quota
            if engine.running:
                refill(engine, lane)
            return


cdef void release(Engine *engine, Lane *lane, ilp_context *ctx) noexcept nogil:
    lane.in_flight -= 1
    ilp_pending_put(engine.pending, ctx)


cdef void give_up(Engine *engine, ilp_context *ctx) noexcept nogil:
    """No answer came: tell the link, and keep the amount apart from what was fulfilled or rejected."""
    cdef Lane *lane = &engine.lanes[ctx.outgoing.number]
    lane.ledger.timed_out += 1
    lane.ledger.amount_unanswered += ctx.amount_outgoing
    lane.link.ops.finish(lane.link, ctx.outgoing_token, ILP_OUTCOME_EXPIRED)
    release(engine, lane, ctx)


cdef void expire(Engine *engine) noexcept nogil:
    cdef ilp_context *ctx = ilp_pending_expired(engine.pending, engine.round.now_ns)
    while ctx != NULL:
        give_up(engine, ctx)
        ctx = ilp_pending_expired(engine.pending, engine.round.now_ns)


cdef str code_name(uint32_t index):
    if index == REJECT_CODES - 1:
        return "other"
    return f"{'FTR'[index // 100]}{index % 100:02d}"


cdef inline uint32_t code_index(const uint8_t *code) noexcept nogil:
    cdef uint32_t base
    if code[0] == 70:    # F
        base = 0
    elif code[0] == 84:  # T
        base = 100
    elif code[0] == 82:  # R
        base = 200
    else:
        return REJECT_CODES - 1
    if code[1] < 48 or code[1] > 57 or code[2] < 48 or code[2] > 57:
        return REJECT_CODES - 1
    return base + (code[1] - 48) * 10 + (code[2] - 48)


cdef void load_on_prepare(
    ilp_receiver *table, ilp_link *link, uint64_t token, ilp_buffer *packet, int64_t now_ns
) noexcept nogil:
    """Answer at once, in the buffer of the request: its Fulfill, or a Reject for what cannot be fulfilled."""
    cdef Engine *engine = <Engine *>table
    cdef Lane *lane = &engine.lanes[link.number]
    cdef ilp_prepare_view view
    cdef ilp_bytes_view empty
    cdef ilp_bytes_view who
    cdef uint8_t preimage[32]
    empty.at = NULL
    empty.len = 0
    who.at = <const uint8_t *>TRIGGERED_BY
    who.len = 9
    link.prepares_in += 1
    if ilp_prepare_parse(packet.data + packet.offset, packet.len, &view) != ILP_OK or view.data.len < 32:
        lane.ledger.received_invalid += 1
        lane.ledger.answered_reject += 1
        packet.offset = 0
        packet.len = <uint32_t>ilp_reject_make(packet.data, packet.cap, ILP_INVALID_PACKET, who, 0, 0)
        link.rejects_out += 1
        link.ops.reply(link, token, packet)
        return
    lane.ledger.received += 1
    if lane.reject_every:
        lane.reject_at += 1
        if lane.reject_at >= lane.reject_every:
            lane.reject_at = 0
            lane.ledger.answered_reject += 1
            packet.offset = 0
            packet.len = <uint32_t>ilp_reject_encode(packet.data, packet.cap, <const uint8_t *>b"F99", who, empty, empty)
            link.rejects_out += 1
            link.ops.reply(link, token, packet)
            return
    # The preimage lies in the bytes that the Fulfill overwrites.
    memcpy(preimage, view.data.at, 32)
    lane.ledger.answered_fulfill += 1
    lane.ledger.amount_earned += view.amount
    packet.offset = 0
    packet.len = <uint32_t>ilp_fulfill_encode(packet.data, packet.cap, preimage, empty)
    link.fulfills_out += 1
    link.ops.reply(link, token, packet)


cdef void load_on_answer(
    ilp_receiver *table, ilp_link *link, uint64_t handle, uint64_t token, ilp_buffer *answer, int64_t now_ns
) noexcept nogil:
    cdef Engine *engine = <Engine *>table
    cdef Lane *lane = &engine.lanes[link.number]
    cdef ilp_context *ctx = ilp_pending_find(engine.pending, handle)
    cdef const uint8_t *bytes_view = answer.data + answer.offset
    cdef ilp_fulfill_view fulfill
    cdef ilp_reject_view reject
    if ctx == NULL:
        lane.ledger.late += 1
        link.ops.finish(link, token, ILP_OUTCOME_REFUSED)
        ilp_pool_put(engine.pool, answer)
        return
    if answer.len and bytes_view[0] == ILP_FULFILL:
        if (
            ilp_fulfill_parse(bytes_view, answer.len, &fulfill) == ILP_OK
            and memcmp(fulfill.fulfillment_view, (<HashPair *>ctx.scratch_out[0]).preimage, 32) == 0
        ):
            lane.ledger.fulfilled += 1
            lane.ledger.amount_fulfilled += ctx.amount_outgoing
            link.fulfills_in += 1
            histogram_add(engine.latency, now_ns - ctx.received_ns)
            if engine.trace_count < engine.trace_capacity:
                engine.trace[engine.trace_count].at_ns = clock_ns()
                engine.trace[engine.trace_count].amount = ctx.amount_outgoing
                engine.trace_count += 1
            link.ops.finish(link, token, ILP_OUTCOME_FULFILLED)
        else:
            lane.ledger.invalid += 1
            lane.ledger.amount_unanswered += ctx.amount_outgoing
            link.ops.finish(link, token, ILP_OUTCOME_REFUSED)
    elif ilp_reject_parse(bytes_view, answer.len, &reject) == ILP_OK:
        lane.ledger.rejected += 1
        lane.ledger.amount_rejected += ctx.amount_outgoing
        link.rejects_in += 1
        engine.codes[code_index(reject.code_view)] += 1
        link.ops.finish(link, token, ILP_OUTCOME_REJECTED)
    else:
        lane.ledger.invalid += 1
        lane.ledger.amount_unanswered += ctx.amount_outgoing
        link.ops.finish(link, token, ILP_OUTCOME_REFUSED)
    ilp_pool_put(engine.pool, answer)
    release(engine, lane, ctx)
    if engine.running:
        refill(engine, lane)


cdef void load_on_failure(
    ilp_receiver *table, ilp_link *link, uint64_t handle, uint64_t token, int status, int64_t now_ns
) noexcept nogil:
    cdef Engine *engine = <Engine *>table
    cdef Lane *lane = &engine.lanes[link.number]
    cdef ilp_context *ctx = ilp_pending_find(engine.pending, handle)
    link.ops.finish(link, token, ILP_OUTCOME_REFUSED)
    if ctx == NULL:
        lane.ledger.late += 1
        return
    lane.ledger.failed += 1
    lane.ledger.amount_rejected += ctx.amount_outgoing
    engine.codes[code_index(<const uint8_t *>ilp_reject_lookup(status).code)] += 1
    # Not refilled here: a link that fails everything would be asked again without end in one round.
    release(engine, lane, ctx)
