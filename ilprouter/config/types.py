"""The shape of the configuration: frozen structs, defaults, bounds, one description per key.

Never opens or binds anything.

Units and ranges are in the annotations, which also feed error messages, `config schema` and the
check of the manual.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ilprouter.config.atoms import (
    AMOUNT_MAX,
    Address,
    Amount,
    Code,
    Count,
    Milliseconds,
    Name,
    PositiveAmount,
    Scale,
    SocketAddress,
    Strict,
    Text,
    Uid,
    about,
)
from ilprouter.config.links import HttpLink, HttpListen, UdpLink, UdpListen
from ilprouter.config.secret import Secret


class Node(Strict, frozen=True):
    """Who this router is."""

    address: Annotated[
        Address | None, about("Our ILP address. Leave out when `parent` is set.")
    ] = None
    parent: Annotated[
        Name | None, about("Name of the parent peer that tells us our address (ILDCP).")
    ] = None
    profile: Annotated[
        Literal["core", "relay", "connector"],
        about("core: switch only. relay: and expiry, limits. connector: and exchange, balances."),
    ] = "connector"
    data_dir: Annotated[Text, about("Directory of the ledger; must be on a local disk.")] = (
        "/var/lib/ilprouter"
    )


class Base(Strict, frozen=True):
    """The one currency amounts have inside the switch."""

    code: Annotated[Code, about("Asset code of the base currency.")] = "USD"
    scale: Annotated[Scale, about("Decimal places of one base unit.")] = 9


class Admin(Strict, frozen=True):
    """Where operators and settlement engines talk to the router."""

    socket: Annotated[Text, about("Path of the admin Unix socket (mode 0660).")] = (
        "/run/ilprouter/admin.sock"
    )
    listen: Annotated[
        SocketAddress | None,
        about("Optional TCP address, for engines that cannot dial a Unix socket."),
    ] = None
    token: Annotated[
        Secret | None, about("Bearer token of the TCP address; required off loopback.")
    ] = None
    token_file: Annotated[Text | None, about("File that holds the token instead.")] = None
    allow_uids: Annotated[
        tuple[Uid, ...],
        about("User ids that may use the socket, besides root and the router's own."),
    ] = ()
    allow_gids: Annotated[
        tuple[Uid, ...], about("Group ids whose members may use the socket.")
    ] = ()


class Rate(Strict, frozen=True):
    """The price of one asset."""

    code: Annotated[Code, about("Asset code.")]
    price: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^(?:[0-9]{1,20}(?:\.[0-9]{1,20})?|[0-9]{1,20}/[0-9]{1,20})\Z",
                extra={
                    "accepted": 'text, an exact decimal such as "0.52" or a ratio such as "13/25"'
                },
            ),
        ],
        about("Price of one whole unit of the asset in whole units of the base currency."),
    ]


class Asset(Strict, frozen=True):
    """What a peer's amounts count."""

    code: Annotated[Code, about("Asset code.")]
    scale: Annotated[Scale, about("Decimal places of one unit on the link.")]


class PeerLimits(Strict, frozen=True):
    """What one peer may do. A limit left out is no limit, unless a default is given."""

    max_packet_amount: Annotated[
        Amount | None, about("Largest amount of one incoming Prepare (F08).")
    ] = None
    packets_per_second: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None,
        about("Incoming Prepares per second (T05)."),
    ] = None
    burst: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None,
        about("Prepares accepted at once after a pause; default one second's worth."),
    ] = None
    in_flight: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)],
        about("Prepares waiting for their answer, per direction (T04)."),
    ] = 4096
    in_flight_amount: Annotated[
        PositiveAmount | None, about("Value of incoming Prepares waiting for their answer (T04).")
    ] = None
    incoming_amount_per_second: Annotated[
        PositiveAmount | None, about("Value accepted from the peer per second (T04).")
    ] = None
    outgoing_amount_per_second: Annotated[
        PositiveAmount | None, about("Value sent to the peer per second (T04).")
    ] = None
    min_window_ms: Annotated[
        Annotated[int, Meta(ge=1, le=60_000)],
        about("Time we keep for ourselves when we shorten an expiry (R02)."),
    ] = 1000
    max_hold_ms: Annotated[
        Annotated[int, Meta(ge=1000, le=300_000)],
        about("Longest time a Prepare to this peer may wait."),
    ] = 30_000


class Balance(Strict, frozen=True):
    """The books with one peer, in units of its link."""

    model: Annotated[
        Literal["none", "local"],
        about("local: books on this machine's disk. none: no books, no store writes."),
    ] = "local"
    credit_limit: Annotated[
        Amount, about("How much the peer may owe us, packets in flight included (T04).")
    ] = 0
    we_owe_limit: Annotated[
        Amount | None, about("How much we may owe the peer, packets in flight included (T04).")
    ] = None
    settle_threshold: Annotated[
        Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)] | None,
        about("We settle when we owe this much; 0 or less prepays from the start."),
    ] = None
    settle_to: Annotated[
        Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)],
        about("What we still owe after a settlement; < 0 prepays."),
    ] = 0
    settle_every_s: Annotated[
        Annotated[int, Meta(ge=1, le=31_536_000)] | None,
        about("We also settle at each multiple of so many seconds since 1970, if we owe more."),
    ] = None


EngineUrl = Annotated[
    str, Meta(max_length=2048, extra={"accepted": "an http:// or https:// URL without user name"})
]


class Settlement(Strict, frozen=True):
    """The peer's settlement engine (IL-RFC 38)."""

    engine: Annotated[EngineUrl, about("Base URL of the engine.")]
    standby_engines: Annotated[
        tuple[EngineUrl, ...],
        about("Engines that take over, in this order, while the one before cannot be reached."),
    ] = ()
    engines_share_state: Annotated[
        bool,
        about("The engines know each other's keys, so an order in doubt may go to another one."),
    ] = False
    scale: Annotated[
        Scale | None,
        about("Decimal places of what the engine can pay; the peer's asset scale if left out."),
    ] = None
    token: Annotated[
        Secret | None,
        about("Bearer token the engine may show at admin.listen; it opens this account only."),
    ] = None
    token_file: Annotated[Text | None, about("File that holds the token instead.")] = None
    outgoing_token: Annotated[Secret | None, about("Bearer token we show to the engine.")] = None
    outgoing_token_file: Annotated[Text | None, about("File that holds the token instead.")] = None
    credit_max_per_day: Annotated[
        PositiveAmount | None,
        about("Most the engine may credit in one day (UTC), units of the peer's asset (403)."),
    ] = None


class Peer(Strict, frozen=True):
    """One neighbour: who, over what, on which terms."""

    name: Annotated[Name, about("Unique name; also the address segment of a child.")]
    relation: Annotated[Literal["parent", "peer", "child"], about("What the peer is to us.")]
    asset: Annotated[Asset, about("What amounts on the link count.")]
    link: Annotated[HttpLink | UdpLink, about("Transport and its credentials.")]
    limits: Annotated[PeerLimits, about("What the peer may do.")] = PeerLimits()
    balance: Annotated[Balance, about("The books with the peer; profile connector only.")] = (
        Balance()
    )
    settlement: Annotated[Settlement | None, about("The peer's settlement engine.")] = None


class Route(Strict, frozen=True):
    """One static route."""

    prefix: Annotated[
        Annotated[
            str,
            Meta(
                max_length=1023,
                extra={"accepted": "an ILP address prefix, or empty for the default route"},
            ),
        ],
        about("Address prefix, whole segments, no dot at the end; empty is the default route."),
    ]
    peer: Annotated[Name, about("Name of the peer that gets the packets.")]


class Pipeline(Strict, frozen=True):
    """The order of stages, when the profile's own is not wanted."""

    incoming: Annotated[tuple[Text, ...] | None, about("Stages before the switch, in order.")] = (
        None
    )
    outgoing: Annotated[tuple[Text, ...] | None, about("Stages after the switch, in order.")] = None


class Limits(Strict, frozen=True):
    """What the whole router reserves."""

    pending_max: Annotated[
        Annotated[int, Meta(ge=64, le=4_000_000)], about("Prepares in flight over all peers (T03).")
    ] = 200_000
    buffers_small: Annotated[
        Annotated[int, Meta(ge=64, le=8_000_000)],
        about("Packet buffers of 2 KiB (T03 when all are used)."),
    ] = 262_144
    buffers_large: Annotated[
        Annotated[int, Meta(ge=16, le=100_000)], about("Packet buffers of 41.25 KiB.")
    ] = 1024
    max_hold_ms: Annotated[
        Annotated[int, Meta(ge=1000, le=300_000)],
        about("Longest time any Prepare may wait; peers may have less."),
    ] = 30_000
    drain_timeout_ms: Annotated[
        Annotated[int, Meta(ge=0, le=600_000)],
        about("How long a stop waits for packets in flight."),
    ] = 40_000


class Http(Strict, frozen=True):
    """Bounds of every HTTP connection; the names of endpoints.http.HttpLimits."""

    streams_unauthenticated_max: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)],
        about("HTTP/2 streams at once before the first request with a known token."),
    ] = 100
    streams_max: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)], about("HTTP/2 streams at once after that.")
    ] = 2048
    header_list_bytes_max: Annotated[
        Annotated[int, Meta(ge=1024, le=1_048_576)], about("Size of one header list.")
    ] = 8192
    body_bytes_max: Annotated[
        Annotated[int, Meta(ge=33_857, le=42_240)],
        about("Size of a request body; more is 413. The largest legal Prepare is 33 857."),
    ] = 40_000
    receive_timeout_ms: Annotated[
        Milliseconds, about("Time for a TLS handshake, a header block, a body: each.")
    ] = 5000
    drain_timeout_ms: Annotated[Milliseconds, about("Time a peer may leave an answer unread.")] = (
        10_000
    )
    anonymous_timeout_ms: Annotated[
        Milliseconds, about("Time until a connection must have shown a known token.")
    ] = 30_000
    resets_burst: Annotated[Count, about("Streams a client may reset at once.")] = 200
    resets_per_second: Annotated[
        Count, about("Streams a client may reset per second after that.")
    ] = 20
    control_burst: Annotated[
        Count, about("Frames without work (PING, SETTINGS, WINDOW_UPDATE) at once.")
    ] = 2000
    control_per_second: Annotated[Count, about("Frames without work per second after that.")] = 100
    acks_max: Annotated[
        Count, about("PING and SETTINGS that may wait for our acknowledgement.")
    ] = 100
    outbound_frames_max: Annotated[
        Count, about("Frames that may wait in a session beyond those of answers.")
    ] = 1000
    pipelined_max: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)], about("HTTP/1.1 requests read ahead of answers.")
    ] = 64
    connections_per_source_max: Annotated[Count, about("Open connections of one IP address.")] = 64
    connections_max: Annotated[Count, about("Open connections in all.")] = 10_000
    answers_kept_max: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)],
        about("Requests of one peer remembered by their Request-Id; the oldest go first."),
    ] = 4096
    answers_kept_bytes_max: Annotated[
        Annotated[int, Meta(ge=33_857, le=2**30)], about("Bytes of answers kept for one peer.")
    ] = 1_048_576
    answers_kept_ms: Annotated[
        Milliseconds, about("Time an answer can be fetched again with the same Request-Id.")
    ] = 60_000


class Udp(Strict, frozen=True):
    """How the UDP endpoint uses the kernel; the names of endpoints.udp.UdpEndpoint."""

    gso: Annotated[
        bool, about("Send several datagrams in one call where the kernel can (UDP_SEGMENT).")
    ] = True
    gro: Annotated[
        bool, about("Receive several datagrams in one call where the kernel can (UDP_GRO).")
    ] = True
    receive_buffer: Annotated[
        Annotated[int, Meta(ge=65_536, le=2**30)],
        about("Receive buffer asked of the kernel, bytes."),
    ] = 16_777_216
    send_buffer: Annotated[
        Annotated[int, Meta(ge=65_536, le=2**30)], about("Send buffer asked of the kernel, bytes.")
    ] = 8_388_608


class Ledger(Strict, frozen=True):
    """The store behind the books."""

    store: Annotated[
        Literal["lmdb", "memory"],
        about("lmdb: durable. memory: forgets at exit; for tests and measurements."),
    ] = "lmdb"
    map_size_mib: Annotated[
        Annotated[int, Meta(ge=16, le=1_048_576)],
        about("Size of the LMDB file, reserved at start, MiB."),
    ] = 256
    interval_ms: Annotated[
        Annotated[int, Meta(ge=0, le=1000)],
        about("From the start of one commit to the start of the next, at least."),
    ] = 1
    busy_ms: Annotated[
        Milliseconds, about("A commit slower than this refuses new Prepares with T03.")
    ] = 250
    fence_ms: Annotated[
        Milliseconds, about("A commit slower than this stops the router, exit 78.")
    ] = 5000


class Log(Strict, frozen=True):
    """What goes to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], about("Least severe level written.")
    ] = "info"
    format: Annotated[Literal["logfmt", "json"], about("One line per event in either form.")] = (
        "logfmt"
    )
    lines_per_second: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)],
        about("Lines per cause and second; the rest is counted."),
    ] = 100


LISTS = {"listeners": "listen", "rates": "rate", "peers": "peer", "routes": "route"}


class Config(Strict, frozen=True, rename=LISTS):
    """The whole configuration, files merged and secrets read. Equal configurations compare equal.

    In the file the lists are named in the singular: [[listen]], [[rate]], [[peer]], [[route]].
    """

    node: Annotated[Node, about("Who this router is.")] = Node()
    base: Annotated[Base, about("The base currency.")] = Base()
    admin: Annotated[Admin, about("The admin socket.")] = Admin()
    listeners: Annotated[tuple[HttpListen | UdpListen, ...], about("Ports for peers.")] = ()
    rates: Annotated[tuple[Rate, ...], about("Prices against the base currency.")] = ()
    peers: Annotated[tuple[Peer, ...], about("The neighbours.")] = ()
    routes: Annotated[tuple[Route, ...], about("Static routes.")] = ()
    pipeline: Annotated[Pipeline, about("Order of the stages.")] = Pipeline()
    limits: Annotated[Limits, about("What the whole router reserves.")] = Limits()
    http: Annotated[Http, about("Bounds of HTTP connections.")] = Http()
    udp: Annotated[Udp, about("Kernel features of UDP.")] = Udp()
    ledger: Annotated[Ledger, about("The store behind the books.")] = Ledger()
    log: Annotated[Log, about("Logging.")] = Log()

    def peer_named(self, name: str) -> Peer | None:
        """The peer of that name, or None."""
        return next((peer for peer in self.peers if peer.name == name), None)
