"""What the admin socket may see of a running router: a Protocol and the answers it gives.

The daemon implements RouterView; nothing here reaches into the switch. Amounts are decimal text in
the JSON (they may exceed 64 bits); every other number is an integer in the unit of its name.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from msgspec import Struct

from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import Trace

LogLevelName = Literal["debug", "info", "warning", "error"]
State = Literal["starting", "ready", "draining", "fenced", "stopped"]


class Status(Struct, frozen=True, kw_only=True):
    """The router in one page.

    address          our ILP address; None until the parent has told it
    reasons          why the router is not ready; empty exactly when state is "ready"
    started_at_ms    wall clock, ms since 1970
    in_flight        Prepares waiting for their answer, of at most in_flight_max
    waiting          answers that wait for the commit of their group
    epoch            boot epoch of the ledger; None without one
    config_ok        False after a reload was refused; the old configuration is still in force
    """

    state: State
    reasons: tuple[str, ...] = ()
    address: str | None
    profile: str
    version: str
    pid: int
    started_at_ms: int
    uptime_ms: int
    base_code: str
    base_scale: int
    peers: int
    peers_up: int
    routes: int
    in_flight: int
    in_flight_max: int
    waiting: int
    buffers_in_use: int
    epoch: int | None = None
    config_ok: bool = True


class PeerView(Struct, frozen=True, kw_only=True):
    """One peer's link.

    up        can packets be sent to it now?
    room      requests it takes now; 0 means busy (T02)
    draining  it takes no new packets in either direction, by an operator's order
    open_in   Prepares of the peer that have no answer yet; open_out: ours to it
    packets   counters since start: prepares_in, prepares_out, fulfills_in, fulfills_out,
              rejects_in, rejects_out, bytes_in, bytes_out; as Link.counters()
    endpoint_counters   what the transport counts for this link, by name
    """

    name: str
    relation: str
    endpoint: str
    asset_code: str
    asset_scale: int
    up: bool
    room: int
    draining: bool = False
    open_in: int = 0
    open_out: int = 0
    packets: dict[str, int]
    endpoint_counters: dict[str, int] = {}


class AccountView(Struct, frozen=True, kw_only=True):
    """The books with one peer, in units of its asset. Amounts are decimal text.

    fulfilled_in    value of its Prepares that we fulfilled; voided_in of them were taken back
    fulfilled_out   value of our Prepares that it fulfilled
    peer_owes       fulfilled_in - voided_in - settled_in, when above zero
    we_owe          fulfilled_out - settled_out and what it prepaid, when above zero
    hold_in         value of its Prepares in flight; hold_out of ours to it
    configured      False when the peer was removed and its books are all that is left
    """

    name: str
    asset_code: str
    asset_scale: int
    model: str
    credit_limit: str
    peer_owes: str
    we_owe: str
    hold_in: str
    hold_out: str
    fulfilled_in: str
    fulfilled_out: str
    settled_in: str
    settled_out: str
    voided_in: str
    frozen: bool = False
    configured: bool = True


class PingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What POST /v1/ping takes.

    amount       base units; 0 costs nothing and moves no balance
    timeout_ms   1 to 30 000
    """

    address: str
    amount: int = 0
    timeout_ms: int = 5000


class PingView(Struct, frozen=True, kw_only=True):
    """How a ping ended.

    outcome   fulfill or reject (the way there and back works), timeout
    code, triggered_by, message   of the Reject; empty otherwise
    """

    address: str
    outcome: Literal["fulfill", "reject", "timeout"]
    round_trip_us: int
    code: str = ""
    triggered_by: str = ""
    message: str = ""


class PeerPipeline(Struct, frozen=True, kw_only=True):
    """The stages a peer's packets pass, in order, as "name" or "name(option=number)"."""

    peer: str
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]


class RejectCount(Struct, frozen=True, kw_only=True):
    """Rejects this router made itself, by ILP code and by the stable name of the rule."""

    code: str
    reason: str
    count: int


class CommitTimes(Struct, frozen=True, kw_only=True):
    """How long group commits took.

    buckets   (upper bound in seconds, commits at or below it), bounds increasing, cumulative
    count     all commits; sum_seconds their total duration
    """

    buckets: tuple[tuple[float, int], ...]
    count: int
    sum_seconds: float


class Metrics(Struct, frozen=True, kw_only=True):
    """Everything a scrape needs, read at one moment.

    commits           None without a durable store
    store_errors      failed commits; the first one fences the router
    udp_rx_drops      datagrams the kernel dropped because our socket was full (SO_RXQ_OVFL)
    switch            the switch's own counters by name, e.g. answers_unknown, fulfills_late, voids
    endpoints         counters of each transport by name
    rate_ages_seconds age of each asset's price; empty with fixed prices
    settlements_open  orders that are not done: (account, state), at most one for each account
    capacity_ages_seconds   since each account's engine said what it can settle; fresh ones only
    """

    status: Status
    peers: tuple[PeerView, ...]
    accounts: tuple[AccountView, ...] = ()
    rejects: tuple[RejectCount, ...] = ()
    switch: dict[str, int] = {}
    endpoints: dict[str, dict[str, int]] = {}
    buffers_max: int = 0
    commits: CommitTimes | None = None
    store_errors: int = 0
    udp_rx_drops: int = 0
    last_reload_ms: int | None = None
    rate_ages_seconds: dict[str, float] = {}
    settlements_open: tuple[tuple[str, str], ...] = ()
    capacity_ages_seconds: dict[str, float] = {}


class PeerDetail(Struct, frozen=True, kw_only=True):
    """One peer with its terms.

    file         the file that defines it; None when only an order of this run does
    definition   its table as the configuration has it in force, tokens as (hidden)
    """

    peer: PeerView
    file: str | None
    definition: dict[str, Any]


class RateView(Struct, frozen=True, kw_only=True):
    """The price of one asset: base currency per whole unit, an exact decimal or "n/d"."""

    code: str
    price: str


class DoubtView(Struct, frozen=True, kw_only=True):
    """What a crash left open with one account, until somebody has compared the books.

    id        names it in orders
    kind      lease: what the peer may claim at most that we do not know; undelivered: charged, and
              its Fulfill may not have reached the peer
    amount    decimal text, units of the account
    epoch     incarnation of the router that crashed; group: of the charge, for kind undelivered
    note      what the operator found; None while it is open
    """

    id: str
    kind: str
    account: str
    amount: str
    epoch: int
    group: int | None = None
    note: str | None = None
    resolved_at_ms: int | None = None


class RouterView(Protocol):
    """What the daemon shows.

    Called on the router's event loop: each call reads counters and returns.
    """

    def etag(self) -> str:
        """Names the configuration in force: another after each change and at each start."""
        ...

    def peer_detail(self, name: str) -> PeerDetail | None:
        """One peer; None when there is none of that name."""
        ...

    def rates(self) -> tuple[RateView, ...]:
        """The prices in force, in the order of the configuration."""
        ...

    def doubts(self, resolved: bool) -> tuple[DoubtView, ...]:
        """What crashes left open, oldest first; with `resolved` also what is closed."""
        ...

    def log_level(self) -> LogLevelName:
        """The least severe level that is written."""
        ...

    def status(self) -> Status:
        """The router in one page."""
        ...

    def peers(self) -> tuple[PeerView, ...]:
        """Every peer, in the order of the configuration."""
        ...

    def accounts(self) -> tuple[AccountView, ...]:
        """The books, in the order of the configuration; empty without balances."""
        ...

    def routes(self) -> tuple[StaticRoute, ...]:
        """Every route in force, sorted by prefix."""
        ...

    def trace(self, address: str) -> Trace:
        """Where a packet to `address` would go now; any text is accepted."""
        ...

    async def ping(self, request: PingRequest) -> PingView:
        """Send one Prepare to an address and wait for its answer.

        raises   AdminError when it cannot even be sent
        """
        ...

    def pipelines(self) -> tuple[PeerPipeline, ...]:
        """The stages of every peer, in order."""
        ...

    def metrics(self) -> Metrics:
        """Everything a scrape needs."""
        ...
