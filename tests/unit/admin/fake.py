"""A router that is not there: fixed answers for the admin API's tests, and a list of orders."""

from msgspec import structs

from ilprouter.admin.orders import Applied
from ilprouter.admin.problems import ProblemError
from ilprouter.admin.views import (
    AccountView,
    CommitTimes,
    DoubtView,
    Metrics,
    PeerDetail,
    PeerPipeline,
    PeerView,
    PingRequest,
    PingView,
    RateView,
    RejectCount,
    Status,
)
from ilprouter.errors import AdminError
from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import trace

ROUTES = (StaticRoute("", "up", "parent"), StaticRoute("g.acme.alice", "alice", "child"))


class FakeRouter:
    """Implements RouterOrders. `state` and `reasons` are the test's to change, `orders` came in."""

    def __init__(self, state="ready", reasons=()):
        self.state = state
        self.reasons = reasons
        self.pings = []
        self.orders = []
        self.frozen = False

    def status(self):
        return Status(
            state=self.state,
            reasons=self.reasons,
            address="g.acme",
            profile="connector",
            version="0.1.0",
            pid=1,
            started_at_ms=1_700_000_000_000,
            uptime_ms=61_000,
            base_code="USD",
            base_scale=9,
            peers=1,
            peers_up=1,
            routes=2,
            in_flight=3,
            in_flight_max=65_536,
            waiting=0,
            buffers_in_use=3,
            epoch=7,
        )

    def peers(self):
        packets = {
            "prepares_in": 10,
            "prepares_out": 4,
            "fulfills_in": 3,
            "fulfills_out": 8,
            "rejects_in": 1,
            "rejects_out": 2,
            "bytes_in": 2000,
            "bytes_out": 900,
        }
        return (
            PeerView(
                name="alice",
                relation="child",
                endpoint="udp",
                asset_code="USD",
                asset_scale=9,
                up=True,
                room=4096,
                packets=packets,
                endpoint_counters={"retransmits": 5},
            ),
        )

    def accounts(self):
        return (
            AccountView(
                name="alice",
                asset_code="USD",
                asset_scale=9,
                model="local",
                credit_limit="100",
                peer_owes="340282366920938463463374607431768211455",
                we_owe="0",
                hold_in="5",
                hold_out="0",
                fulfilled_in="340282366920938463463374607431768211455",
                fulfilled_out="0",
                settled_in="0",
                settled_out="0",
                voided_in="0",
                frozen=self.frozen,
            ),
        )

    def routes(self):
        return ROUTES

    def trace(self, address):
        return trace(address, "g.acme", ROUTES, lambda name: name != "up")

    async def ping(self, request: PingRequest):
        if request.address == "g.nowhere":
            raise AdminError("no link carries a ping", "Add a peer.")
        if request.address == "g.bug":
            raise RuntimeError("planted-internal-text")
        self.pings.append(request)
        return PingView(address=request.address, outcome="fulfill", round_trip_us=1234)

    def pipelines(self):
        return (
            PeerPipeline(
                peer="alice", incoming=("max-amount(amount_max=5)",), outgoing=("expiry",)
            ),
        )

    def metrics(self):
        return Metrics(
            status=self.status(),
            peers=self.peers(),
            accounts=self.accounts(),
            rejects=(RejectCount(code="T04", reason="insufficient_liquidity", count=12),),
            switch={"fulfills_late": 1},
            endpoints={"udp": {"unknown_source": 9}},
            buffers_max=131_072,
            commits=CommitTimes(buckets=((0.0005, 7), (0.001, 9)), count=10, sum_seconds=0.0055),
            store_errors=0,
            udp_rx_drops=4,
            last_reload_ms=1_700_000_000_500,
            rate_ages_seconds={"XRP": 2.5},
            settlements_open=(("alice", "parked"),),
            capacity_ages_seconds={"alice": 1.5},
        )

    def etag(self):
        return '"1-1"'

    def peer_detail(self, name):
        if name != "alice":
            return None
        return PeerDetail(peer=self.peers()[0], file="/etc/x.toml", definition={"name": "alice"})

    def rates(self):
        return (RateView(code="XRP", price="0.52"),)

    def doubts(self, resolved):
        doubt = DoubtView(id="00ff", kind="lease", account="alice", amount="7", epoch=6)
        return (doubt, structs.replace(doubt, id="01ff", note="paid")) if resolved else (doubt,)

    def log_level(self):
        return "info"

    def applied(self, order, *what, how):
        """Remember an order, or refuse it: 404 for "nobody", 412 for another If-Match."""
        if how.if_match not in (None, self.etag()):
            raise ProblemError(412, "changed")
        if what and what[0] == "nobody":
            raise ProblemError(404, "there is no nobody")
        if not how.dry_run:
            self.orders.append((order, *what))
        return Applied(dry_run=how.dry_run, persisted=how.persist, changes=())

    async def add_peer(self, definition, how):
        return self.applied("add_peer", definition, how=how)

    async def put_peer(self, name, definition, how):
        return self.applied("put_peer", name, definition, how=how)

    async def patch_peer(self, name, patch, how):
        return self.applied("patch_peer", name, patch, how=how)

    async def remove_peer(self, name, how):
        return self.applied("remove_peer", name, how=how)

    async def put_route(self, order, how):
        return self.applied("put_route", order.prefix, order.peer, how=how)

    async def remove_route(self, prefix, how):
        return self.applied("remove_route", prefix, how=how)

    async def put_rates(self, order, how):
        return self.applied("put_rates", order.rates, how=how)

    async def reload(self, how):
        return self.applied("reload", how=how)

    async def freeze(self, name, frozen, how):
        self.applied("freeze", name, frozen, how=how)
        self.frozen = frozen and not how.dry_run
        return self.accounts()[0]

    async def drain_peer(self, name, draining, how):
        self.applied("drain_peer", name, draining, how=how)
        return self.peers()[0]

    async def drain(self, draining, how):
        self.applied("drain", draining, how=how)
        return self.status()

    async def resolve_doubt(self, name, note, how):
        self.applied("resolve_doubt", name, note, how=how)
        return structs.replace(self.doubts(False)[0], note=note, resolved_at_ms=1)

    async def set_log_level(self, level, how):
        self.applied("set_log_level", level, how=how)
        return level
