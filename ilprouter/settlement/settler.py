"""One account's settlements: when to order one, and carrying the order to an engine until it ends.

Owns the choice of the engine and the pauses between attempts. Never touches a row (outbox.py), a
socket (engine.py) or a settlement ledger. docs/parts/settlement.md says what operators rely on.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from ilprouter import clock
from ilprouter.config import Peer
from ilprouter.errors import AdminError, AmountOverflowError, StoreError
from ilprouter.ledger.accounts import Account, Ledger
from ilprouter.settlement.engine import Engine, Outcome, Result
from ilprouter.settlement.outbox import Order, Outbox
from ilprouter.settlement.quantity import Quantity

__all__ = ["Settler", "pause_s"]

PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 3600.0
NOTE_MS = 600_000  # how old the durable time of the last doubtful attempt may get
# IL-RFC 38 lets an engine forget a key 24 h after its last use. An order in doubt for almost as
# long might be paid twice, so a person decides.
KEY_TRUSTED_MS = 23 * 3_600_000
U64_MAX = 2**64 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
log = logging.getLogger(__name__)


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: full jitter under a bound that doubles."""
    bound = min(PAUSE_MAX_S, PAUSE_MIN_S * 2 ** min(failures, 40))
    return max(PAUSE_MIN_S, random.uniform(0, bound))  # noqa: S311 - it spreads load, hides nothing


class Settler:
    """The settlements of one account.

    engines   the active one first
    spend     told of each order (account, units), for what the engine said it can settle
    """

    def __init__(
        self,
        peer: Peer,
        account: Account,
        ledger: Ledger,
        outbox: Outbox,
        engines: tuple[Engine, ...],
        spend: Callable[[str, int], None],
    ) -> None:
        if peer.settlement is None:
            raise ValueError(f"peer {peer.name} has no engine")
        self.peer = peer
        self.account = account
        self.ledger = ledger
        self.outbox = outbox
        self.engines = engines
        self.spend = spend
        scale = peer.settlement.scale
        self.scale = account.asset_scale if scale is None else scale
        self.shared = peer.settlement.engines_share_state
        self.registered: set[str] = set()
        self.first = 0  # index of the engine that is tried next
        self.failures = 0
        self.wake = asyncio.Event()
        every_ms = (peer.balance.settle_every_s or 1) * 1000
        self.period = outbox.last_ordered_ms.get(account.name, 0) // every_ms
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver what is left over, watch the threshold, set the clock."""
        self.task = asyncio.ensure_future(self.run())
        self.evaluate()
        self.set_timer()

    async def close(self) -> None:
        """Stop; an order on its way is sent again, with its key, after the next start."""
        if self.timer is not None:
            self.timer.cancel()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    # --- when to order -----------------------------------------------------------------------

    def we_owe(self) -> int:
        """Durable, less what is ordered already; units of the account, negative: prepaid."""
        owed: int = self.ledger.book.account(self.account.number)["we_owe"]
        return owed

    def evaluate(self) -> None:
        """Order a settlement when the threshold is reached, else watch for it."""
        threshold = self.peer.balance.settle_threshold
        if threshold is None or self.account.name in self.outbox.open:
            self.ledger.book.watch(self.account.number, None)
        elif self.we_owe() < threshold:
            self.ledger.book.watch(self.account.number, threshold)
        else:
            self.order_what_is_owed("threshold")

    def set_timer(self) -> None:
        """Settle at the next multiple of settle_every_s; at once when one passed unused."""
        every_s = self.peer.balance.settle_every_s
        if every_s is None:
            return
        every_ms, now_ms = every_s * 1000, self.outbox.now_ms()
        if self.period < now_ms // every_ms:
            self.period = now_ms // every_ms
            if self.account.name not in self.outbox.open:
                self.order_what_is_owed("time")
        # A whole period may be longer than a timer should run: the wall clock may be set meanwhile.
        left_s = (every_ms - now_ms % every_ms) / 1000
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(min(left_s + 0.001, 60.0), self.set_timer)

    def order_what_is_owed(self, why: str) -> Order | None:
        """Order down to settle_to; None when that is nothing, or the store takes nothing."""
        debit = self.we_owe() - self.peer.balance.settle_to
        if debit <= 0:
            return None
        try:
            return self.order(debit, why)
        except (AmountOverflowError, StoreError, AdminError) as error:
            log.error(
                "a settlement could not be ordered",
                extra={"account": self.account.name, "error": str(error)},
            )
            return None

    def order(self, units: int, why: str, key: str | None = None) -> Order:
        """Debit the account and queue the order.

        units    of the account; what the engine cannot pay in whole units of its own stays owed
        raises   AdminError when nothing is left of it, or an order is open already;
                 AmountOverflowError; StoreError
        """
        if (held := self.outbox.open.get(self.account.name)) is not None:
            raise AdminError(
                f"a settlement with {self.account.name} is {held.state} already",
                f"Wait for {held.id}, or see GET /v1/settlements.",
            )
        quantity, debit = whole_units(units, self.account.asset_scale, self.scale)
        if not 0 < debit <= U64_MAX:
            raise AdminError(
                f"{units} units of {self.account.name} cannot be settled",
                f"Settle at least one unit at scale {self.scale}, and at most {U64_MAX} units.",
            )
        order = self.outbox.order(self.account, debit, quantity, why, key)
        self.ledger.book.watch(self.account.number, None)
        self.spend(self.account.name, debit)
        log.info(
            "settlement ordered",
            extra={"account": order.account, "units": debit, "id": order.id, "why": why},
        )
        self.kick()
        return order

    # --- carrying it --------------------------------------------------------------------------

    def kick(self) -> None:
        """Try now: there is something new to do, or the engine is known to be there."""
        self.failures = 0
        self.wake.set()

    async def run(self) -> None:
        """Deliver orders and register the account, one request at a time, until closed."""
        while True:
            self.wake.clear()
            try:
                fine = await self.step()
            except StoreError as error:
                # Fenced: the router is on its way out, and nothing may be sent any more.
                log.error(
                    "settlements stop", extra={"account": self.account.name, "error": str(error)}
                )
                return
            if fine:
                self.failures = 0
            else:
                self.failures += 1
                await self.pause(pause_s(self.failures))

    async def step(self) -> bool:
        """The next thing to do, or wait for one. Raises StoreError."""
        order = self.outbox.open.get(self.account.name)
        if order is not None and order.state != "parked":
            return await self.deliver(order)
        if missing := [engine for engine in self.engines if engine.url not in self.registered]:
            return all([await self.register(engine) for engine in missing])
        await self.wake.wait()
        return True

    async def pause(self, seconds: float) -> None:
        """Wait, or until something happens."""
        try:
            await asyncio.wait_for(self.wake.wait(), seconds)
        except TimeoutError:
            return

    async def register(self, engine: Engine) -> bool:
        """Create the account at an engine; creating it again does no harm."""
        result = await engine.create_account(self.account.name)
        if result.outcome is Outcome.DONE:
            self.registered.add(engine.url)
            return True
        self.complain("the engine does not take the account", engine, result)
        return False

    async def deliver(self, order: Order) -> bool:
        """One attempt, or one with each engine while none has been reached. True: no pause."""
        for _ in self.engines:
            engine = self.choose(order)
            if engine is None:
                return self.park(order, f"no engine {order.engine} is configured any more")
            known = engine.url in self.registered or await self.register(engine)
            fine, order = await self.attempt(order, engine) if known else (False, order)
            if fine:
                return True
            if order.doubt_ms and not self.shared:
                return False
            self.first = (self.engines.index(engine) + 1) % len(self.engines)
        return False

    def choose(self, order: Order) -> Engine | None:
        """Any engine for what none has seen; the one that may have seen it for what is in doubt."""
        if order.doubt_ms and not self.shared:
            return next((e for e in self.engines if e.url == order.engine), None)
        return self.engines[self.first]

    async def attempt(self, order: Order, engine: Engine) -> tuple[bool, Order]:
        """Send the order. It is durable that an engine may have it before the engine can have it.

        returns   (ended, the order as it is now)
        raises    StoreError
        """
        before, now_ms = order.doubt_ms, self.outbox.now_ms()
        if before and now_ms - before > KEY_TRUSTED_MS:
            return self.park(order, "in doubt for longer than an engine keeps its keys"), order
        if order.state == "queued" or order.engine != engine.url or now_ms - before > NOTE_MS:
            order = self.outbox.change(
                order,
                state="sent",
                engine=engine.url,
                doubt_ms=now_ms,
                attempts=order.attempts + 1,
            )
            await self.outbox.durable()
        result = await engine.settle(order.account, order.id, order.quantity)
        if result.status == 404 and await self.register(engine):
            # The engine had lost its accounts.
            result = await engine.settle(order.account, order.id, order.quantity)
        if result.outcome is Outcome.DONE:
            self.finish(order)
            return True, order
        if result.outcome is Outcome.REFUSED:
            order = self.outbox.change(order, doubt_ms=before)
            return self.park(order, f"{engine.url}: {result.reason}"), order
        if result.outcome is Outcome.UNSENT:
            # This attempt reached nobody; what was in doubt before it still is.
            state = "sent" if before else "queued"
            order = self.outbox.change(order, state=state, doubt_ms=before, reason=result.reason)
        elif order.reason != result.reason:
            order = self.outbox.change(order, reason=result.reason)
        self.complain("a settlement is not delivered", engine, result)
        return False, order

    def finish(self, order: Order) -> None:
        """The engine has it. Whether and when it pays is its own affair (IL-RFC 38)."""
        self.outbox.change(order, state="done", doubt_ms=0, reason="")
        self.first = 0
        log.info("settlement delivered", extra={"account": order.account, "id": order.id})
        self.evaluate()

    def park(self, order: Order, reason: str) -> bool:
        """Stop trying: a person has to look. The debit stays, nothing is refunded."""
        self.outbox.change(order, state="parked", reason=reason)
        log.error(
            "a settlement is parked",
            extra={"account": order.account, "id": order.id, "units": order.debit, "why": reason},
        )
        return True

    def retry(self, order: Order) -> Order:
        """Send a parked order again, with its key, on a person's word that this is right."""
        in_doubt = order.doubt_ms != 0
        order = self.outbox.change(
            order,
            state="sent" if in_doubt else "queued",
            doubt_ms=self.outbox.now_ms() if in_doubt else 0,
            reason="",
        )
        self.kick()
        return order

    def complain(self, what: str, engine: Engine, result: Result) -> None:
        """One line for the operator."""
        log.warning(
            what,
            extra={"account": self.account.name, "engine": engine.url, "why": result.reason},
        )

    async def message(self, data: bytes, timeout_s: float) -> Result:
        """Give the account's engine a message of the peer's engine."""
        result = Result(Outcome.UNSENT)
        deadline_ns = clock.boottime_ns() + int(timeout_s * 1e9)
        for step in range(len(self.engines)):
            engine = self.engines[(self.first + step) % len(self.engines)]
            left_s = (deadline_ns - clock.boottime_ns()) / 1e9
            if left_s <= 0:
                break
            result = await engine.message(self.account.name, data, left_s)
            if result.outcome is not Outcome.UNSENT:
                break
        return result


def whole_units(units: int, asset_scale: int, engine_scale: int) -> tuple[Quantity, int]:
    """The most an engine can pay of an amount in whole units of its own, rounded down.

    units         of the account
    engine_scale  decimal places of the engine's unit
    returns       (quantity, debit): the same value for the engine and in units of the account
    """
    if engine_scale >= asset_scale:
        return Quantity(units * 10 ** (engine_scale - asset_scale), engine_scale), units
    step = 10 ** (asset_scale - engine_scale)
    return Quantity(units // step, engine_scale), units // step * step
