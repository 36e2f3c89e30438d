"""A router that is not there: fixed answers for the admin API's tests."""

from ilprouter.admin.views import (
    AccountView,
    CommitTimes,
    Metrics,
    PeerPipeline,
    PeerView,
    PingRequest,
    PingView,
    RejectCount,
    Status,
)
from ilprouter.errors import AdminError
from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import trace

ROUTES = (StaticRoute("", "up", "parent"), StaticRoute("g.acme.alice", "alice", "child"))


class FakeRouter:
    """Implements RouterView; `state` and `reasons` are the test's to change."""

    def __init__(self, state="ready", reasons=()):
        self.state = state
        self.reasons = reasons
        self.pings = []

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
        )
