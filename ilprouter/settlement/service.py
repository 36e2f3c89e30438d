"""Settlement as one part of the router: built from its configuration, opened and closed with it.

Owns who is given what, and the orders operators may give. Knows no HTTP server (routes.py) and no
packet switch: messages to a peer's engine leave through the callable it is given.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator

from ilprouter import clock
from ilprouter.config import Config, Peer
from ilprouter.errors import AdminError, AmountOverflowError, UnknownAccountError
from ilprouter.ledger.accounts import Ledger
from ilprouter.ledger.groups import GroupCommitter
from ilprouter.settlement.capacity import Capacities
from ilprouter.settlement.engine import Engine, Result, open_session
from ilprouter.settlement.idempotency import Answer
from ilprouter.settlement.notify import Notifications
from ilprouter.settlement.outbox import Order, Outbox
from ilprouter.settlement.quantity import Quantity
from ilprouter.settlement.settler import Settler, whole_units
from ilprouter.settlement.views import SettlementView, SettleRequest, show

__all__ = ["SendMessage", "Settlements"]

ORDERS_PER_ENGINE = 16  # requests at once; an order more waits for its turn
U64_MAX = 2**64 - 1
LIMIT_MIN = -(2**62)
DIGITS = re.compile(r"[0-9]{1,20}")
log = logging.getLogger(__name__)

# (account, data, seconds) -> the answer of the peer's engine. Raises MessageError.
SendMessage = Callable[[str, bytes, float], Awaitable[bytes]]


class Settlements:
    """Settlements of every peer that has an engine.

    config   with at least the books of those peers open in `ledger`
    send     carries a message to a peer's engine
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        committer: GroupCommitter,
        send: SendMessage,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self.ledger = ledger
        self.committer = committer
        self.send = send
        self.peers: dict[str, Peer] = {peer.name: peer for peer in config.peers}
        self.notifications = Notifications(ledger, committer, self.peers, now_ms)
        self.outbox = Outbox(ledger, committer, now_ms)
        self.capacities = Capacities(self.apply_capacity)
        self.session = open_session()
        self.settlers: dict[str, Settler] = {}
        self.by_number: dict[int, Settler] = {}
        self.gates: dict[str, asyncio.Semaphore] = {}
        self.changing = asyncio.Lock()
        self.changes: set[asyncio.Task[None]] = set()
        for peer in config.peers:
            if settles(peer):
                self.add(self.build(peer))

    def build(self, peer: Peer) -> Settler:
        """The settler of a peer that has an engine."""
        if peer.settlement is None:
            raise ValueError(f"peer {peer.name} has no engine")
        engines = tuple(
            Engine(
                self.session,
                url,
                peer.settlement.outgoing_token,
                self.gates.setdefault(url, asyncio.Semaphore(ORDERS_PER_ENGINE)),
            )
            for url in (peer.settlement.engine, *peer.settlement.standby_engines)
        )
        account = self.ledger.account(peer.name)
        return Settler(peer, account, self.ledger, self.outbox, engines, self.capacities.spend)

    def add(self, settler: Settler) -> None:
        """Make a settler findable."""
        self.settlers[settler.account.name] = settler
        self.by_number[settler.account.number] = settler

    def take_up(self, before: Config, after: Config) -> None:
        """Another configuration: terms, engines and thresholds of its peers, from now on."""
        self.peers.clear()
        self.peers.update({peer.name: peer for peer in after.peers})
        for name, record in self.capacities.records.items():
            if name in self.peers:
                self.apply_capacity(name, record.amount)
        task = asyncio.ensure_future(self.rearrange())
        self.changes.add(task)
        task.add_done_callback(self.changes.discard)

    async def rearrange(self) -> None:
        """Make the settlers those of the peers. One that changes ends before its successor starts:
        two would send one order twice at once.
        """
        async with self.changing:
            for name in {*self.settlers, *self.peers}:
                peer, settler = self.peers.get(name), self.settlers.get(name)
                if settler is not None and peer is not None and terms(peer) == terms(settler.peer):
                    continue
                if settler is not None:
                    await settler.close()
                    del self.settlers[name], self.by_number[settler.account.number]
                if peer is not None and settles(peer):
                    self.add(fresh := self.build(peer))
                    fresh.start()

    def start(self) -> None:
        """Deliver what earlier runs left (same keys), watch thresholds."""
        self.committer.on_due = self.on_due
        for order in self.orphans():
            log.error(
                "a settlement has no engine any more",
                extra={"account": order.account, "id": order.id, "units": order.debit},
            )
        for settler in self.settlers.values():
            settler.start()

    async def close(self) -> None:
        """Stop requests. Nothing is lost: what was ordered is delivered after the next start."""
        self.committer.on_due = None
        for task in tuple(self.changes):
            task.cancel()
            await asyncio.wait([task])
        self.capacities.close()
        await asyncio.gather(*(settler.close() for settler in self.settlers.values()))
        await self.session.close()

    def on_due(self) -> None:
        """After a commit: accounts that reached their threshold."""
        for number in self.ledger.book.take_due():
            if (settler := self.by_number.get(number)) is not None:
                settler.evaluate()

    # --- engines -------------------------------------------------------------------------------

    def engine_may(self, account: str, token: str) -> bool:
        """Does this bearer token open the account?"""
        peer = self.peers.get(account)
        known = peer.settlement.token if peer is not None and peer.settlement is not None else None
        # The same work for an account that does not exist.
        expected = known.reveal() if known is not None else "-" * len(token)
        same = hmac.compare_digest(token.encode("utf-8", "surrogateescape"), expected.encode())
        return same and known is not None

    def needs_token(self, account: str) -> bool:
        """Must an engine of this account show a token of its own?"""
        settlement = self.peers[account].settlement if account in self.peers else None
        return settlement is not None and settlement.token is not None

    async def notify(self, account: str, key: str, quantity: Quantity) -> Answer:
        """An engine received a settlement; see `Notifications.notify`."""
        answer = await self.notifications.notify(account, key, quantity)
        self.heard_of(account)
        return answer

    async def message_out(self, account: str, data: bytes, timeout_s: float) -> bytes:
        """Our engine's message to the peer's engine. Raises UnknownAccountError, MessageError."""
        if account not in self.settlers:
            raise UnknownAccountError(account)
        self.heard_of(account)
        return await self.send(account, data, timeout_s)

    async def message_in(self, account: str, data: bytes, timeout_s: float) -> Result | None:
        """The peer's engine's message to ours; None when the peer has none."""
        settler = self.settlers.get(account)
        return None if settler is None else await settler.message(data, timeout_s)

    def heard_of(self, account: str) -> None:
        """Its engine lives: an order that waits need not wait any longer."""
        settler = self.settlers.get(account)
        if settler is not None and settler.failures:
            settler.kick()

    # --- operators -----------------------------------------------------------------------------

    def settler(self, account: str) -> Settler:
        """Raises UnknownAccountError when the account has no engine."""
        if account not in self.settlers:
            raise UnknownAccountError(account)
        return self.settlers[account]

    async def settle(self, account: str, request: SettleRequest) -> SettlementView:
        """Order a settlement by hand; durable when this returns.

        raises   UnknownAccountError, AdminError, AmountOverflowError: nothing was changed
                 StoreError: nobody knows
        """
        settler = self.settler(account)
        key = None if request.id is None else uuid_text(request.id)
        if key is not None and (known := self.outbox.orders.get(key)) is not None:
            if known.account != account:
                raise AdminError(f"{key} is a settlement with {known.account}", "Take a new UUID.")
            await self.outbox.durable()
            return show(self.outbox.orders[key])
        if request.amount is None:
            units = settler.we_owe() - settler.peer.balance.settle_to
            if units <= 0:
                raise AdminError(
                    f"nothing is owed to {account} beyond settle_to", "Name an amount to prepay."
                )
        elif DIGITS.fullmatch(request.amount) is None:
            raise AdminError("amount is not decimal text", 'Write "1000".')
        else:
            units = int(request.amount)
        if units > U64_MAX:
            raise AmountOverflowError(f"{units} is over 2^64 - 1")
        if request.dry_run:
            return planned(settler, units)
        order = settler.order(units, "hand", key)
        await self.outbox.durable()
        return show(self.outbox.orders[order.id])

    async def retry(self, key: str) -> SettlementView:
        """Send a parked order again with its key, or one that waits without waiting longer.

        raises   AdminError; StoreError
        """
        order = self.outbox.orders.get(key)
        if order is None or order.state == "done":
            raise AdminError(f"no settlement {key} is waiting", "See GET /v1/settlements.")
        settler = self.settlers.get(order.account)
        if settler is None:
            raise AdminError(
                f"{order.account} has no engine any more", "Configure its peer and its engine."
            )
        if order.state == "parked":
            order = settler.retry(order)
            await self.outbox.durable()
        else:
            settler.kick()
        return show(self.outbox.orders[key])

    def list(self) -> tuple[SettlementView, ...]:
        """Open orders and the last ones that are done, oldest first."""
        orders = sorted(self.outbox.orders.values(), key=lambda order: order.seq)
        return tuple(map(show, orders))

    def open_states(self) -> tuple[tuple[str, str], ...]:
        """(account, state) of every order that is not done."""
        return tuple((order.account, order.state) for order in self.outbox.open.values())

    def orphans(self) -> Iterator[Order]:
        """Open orders whose peer has no engine (any more): they are kept, and nobody delivers."""
        return (order for name, order in self.outbox.open.items() if name not in self.settlers)

    # --- capacity ------------------------------------------------------------------------------

    def push_capacity(self, account: str, amount: int, ttl_ms: int) -> None:
        """An engine says what it can settle now, units of the account."""
        self.settler(account)
        order = self.outbox.open.get(account)
        # An open order may or may not be in the engine's own figure: it is taken off.
        self.capacities.push(account, amount - (int(order.debit) if order else 0), ttl_ms)

    def apply_capacity(self, account: str, limit: int | None) -> None:
        """The most we may owe: the configured limit, or less while the engine has less."""
        if account not in self.peers:
            return  # the peer was removed while the record was fresh
        balance = self.peers[account].balance
        known = [value for value in (balance.we_owe_limit, limit) if value is not None]
        self.ledger.set_limits(
            account,
            credit_limit=balance.credit_limit,
            own_limit=max(LIMIT_MIN, min(known)) if known else None,
        )


def settles(peer: Peer) -> bool:
    """Has the peer books that an engine settles?"""
    return peer.settlement is not None and peer.balance.model == "local"


def terms(peer: Peer) -> tuple[object, ...]:
    """What a settler is built from."""
    return (peer.settlement, peer.balance, peer.asset)


def planned(settler: Settler, units: int) -> SettlementView:
    """What an order of so many units would be."""
    quantity, debit = whole_units(units, settler.account.asset_scale, settler.scale)
    return SettlementView(
        id="",
        account=settler.account.name,
        state="queued",
        amount=str(debit),
        engine_amount=str(quantity.amount),
        engine_scale=quantity.scale,
        why="hand",
        ordered_ms=0,
        attempts=0,
        engine="",
        in_doubt=False,
        reason="dry run: nothing was ordered",
    )


def uuid_text(text: str) -> str:
    """A UUID in its one usual form. Raises AdminError."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise AdminError(f"{text!r} is not a UUID", "Take one from `uuidgen`.") from None
