"""Orders to a router in this process: what they change, what they leave, what they refuse."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.admin.orders import How, RatesOrder, RouteOrder
from ilprouter.admin.problems import ProblemError
from ilprouter.admin.views import RateView
from ilprouter.bench.topology import free_udp_ports
from ilprouter.config import load
from ilprouter.config.text import document
from ilprouter.errors import AdminError
from ilprouter.orders import merged
from tests.helpers.from_files import running, write_base

NOW = How()
KEEP = How(persist=True)
DRY = How(dry_run=True, persist=True)


def carol(**more):
    return {
        "name": "carol",
        "relation": "peer",
        "asset": {"code": "USD", "scale": 9},
        "link": {"endpoint": "http", "incoming_tokens": ["carol-1"]},
        **more,
    }


@pytest.fixture
def path(tmp_path):
    return write_base(tmp_path)


@pytest.fixture
async def router(path):
    async with running(path) as found:
        yield found


def names(router):
    return [peer.name for peer in router.config.peers]


def brief(applied):
    return [(change.action, change.part, change.name) for change in applied.changes]


async def refused(status, order, match=None):
    """`order` is refused with this status; a tuple is a method and its arguments."""
    with pytest.raises(ProblemError, match=match) as caught:
        await (order[0](*order[1:]) if isinstance(order, tuple) else order)
    assert caught.value.status == status
    return caught.value


async def test_a_peer_is_added_changed_and_removed_live(router, path):
    before = path.read_text()
    applied = await router.orders.add_peer(carol(), NOW)
    assert brief(applied) == [("add", "peer", "carol")]
    assert names(router) == ["alice", "bob", "carol"]
    assert router.orders.account_named("carol").credit_limit == "0"
    await router.orders.put_route(RouteOrder("g.carol", "carol"), NOW)
    assert router.orders.trace("g.carol.x").peer == "carol"
    await router.orders.patch_peer("carol", {"balance": {"credit_limit": 77}}, NOW)
    assert router.orders.account_named("carol").credit_limit == "77"
    await refused(422, router.orders.remove_peer("carol", NOW), "route.*carol.*name of a peer")
    await router.orders.remove_route("g.carol", NOW)
    assert brief(await router.orders.remove_peer("carol", NOW)) == [("remove", "peer", "carol")]
    assert names(router) == ["alice", "bob"]
    # The books stay, and say that their peer is gone.
    assert router.orders.account_named("carol").configured is False
    assert path.read_text() == before and not (path.parent / "conf.d").exists()


async def test_the_same_order_again_changes_nothing(router):
    await router.orders.add_peer(carol(), NOW)
    revision, link = router.revision, router.links["carol"]
    for _ in range(3):
        assert (await router.orders.add_peer(carol(), NOW)).changes == ()
        assert (await router.orders.put_peer("carol", carol(), NOW)).changes == ()
    assert router.links["carol"] is link
    await refused(409, router.orders.add_peer(carol(relation="child"), NOW), "already")
    assert router.revision == revision


async def test_dry_run_checks_and_changes_nothing(router, path):
    config, documents, etag = router.config, router.documents, router.orders.etag()
    applied = await router.orders.add_peer(carol(), DRY)
    assert applied.dry_run and not applied.persisted and brief(applied)
    await refused(422, router.orders.add_peer(carol(relation="aunt"), DRY), "child.*parent.*peer")
    await router.orders.freeze("alice", True, DRY)
    await router.orders.drain_peer("alice", True, DRY)
    await router.orders.drain(True, DRY)
    await router.orders.set_log_level("debug", DRY)
    await router.orders.reload(DRY)
    assert router.config is config and router.documents is documents
    assert router.orders.etag() == etag and router.state == "ready" and not router.drained
    assert not (path.parent / "conf.d").exists()
    assert not router.orders.account_named("alice").frozen


@pytest.mark.parametrize(
    ("definition", "key", "accepted"),
    [
        (carol(name="bad name"), "peer[0].name", "1 to 64 of"),
        (carol(surprise=1), "peer[0].surprise", "keys here"),
        (carol(asset={"code": "USD", "scale": 256}), "peer[0].asset.scale", "0 to 255"),
        (carol(asset={"code": "GBP", "scale": 2}), "peer[0].asset.code", "with a [[rate]]"),
        (carol(balance={"credit_limit": "٣"}), "peer[0].balance.credit_limit", "an integer from"),
        (carol(balance={"credit_limit": 10**40}), "peer[0].balance.credit_limit", "an integer"),
        (
            carol(link={"endpoint": "http", "incoming_tokens": ["alice-1"]}),
            "peer[0].link.incoming_tokens",
            "tokens that appear once",
        ),
        (
            carol(link={"endpoint": "udp", "remote": "192.0.2.1:7"}),
            "peer[0].link.remote",
            "a loopback address",
        ),
        (carol(limits={"burst": 5}), "peer[0].limits.burst", "only together with"),
        ({}, "peer[0].name", "1 to 64 of"),
    ],
)
async def test_what_the_checks_refuse_is_refused_in_their_words(router, definition, key, accepted):
    before = router.config
    problem = await refused(422, router.orders.add_peer(definition, KEEP))
    assert problem.cause.key == key and accepted in problem.cause.accepted
    assert problem.body().key == key
    assert "alice-1" not in str(problem.body())
    assert router.config is before


async def test_an_asset_of_money_on_the_books_cannot_change(router):
    patch = {"asset": {"scale": 6}}
    await refused(422, router.orders.patch_peer("alice", patch, NOW), "its account is kept")
    assert router.config.peer_named("alice").asset.scale == 9


async def test_persisted_orders_survive_a_restart_and_say_so(router, path):
    own = path.parent / "conf.d" / "admin-api.toml"
    assert (await router.orders.add_peer(carol(), KEEP)).persisted
    await router.orders.put_route(RouteOrder("g.carol", "carol"), KEEP)
    await router.orders.patch_peer("carol", {"limits": {"in_flight": 7}}, KEEP)
    assert own.stat().st_mode & 0o777 == 0o600
    assert load(path) == router.config
    # A reload of what was written finds nothing to do.
    assert (await router.orders.reload(NOW)).changes == ()
    assert router.orders.peer_detail("carol").file == str(own)
    await router.orders.remove_route("g.carol", KEEP)
    await router.orders.remove_peer("carol", KEEP)
    assert load(path) == router.config and "carol" not in own.read_text()


async def test_orders_that_are_not_kept_end_with_the_next_reload(router, path):
    await router.orders.add_peer(carol(), NOW)
    await router.orders.add_peer(
        {**carol(), "name": "dave"} | {"link": carol()["link"] | {"incoming_tokens": ["dave-1"]}},
        KEEP,
    )
    own = (path.parent / "conf.d" / "admin-api.toml").read_text()
    assert "dave" in own and "carol" not in own
    assert brief(await router.orders.reload(NOW)) == [("remove", "peer", "carol")]
    assert names(router) == ["alice", "bob", "dave"]


async def test_people_s_files_are_never_written(router, path):
    before = path.read_text()
    patch = {"limits": {"packets_per_second": 5}}
    await refused(409, router.orders.patch_peer("alice", patch, KEEP), "change it there")
    await refused(409, router.orders.remove_route("g.bob", KEEP), "change it there")
    rates = RatesOrder((RateView(code="XRP", price="2"),))
    await refused(409, router.orders.put_rates(rates, KEEP), "change it there")
    assert path.read_text() == before
    await router.orders.patch_peer("alice", patch, NOW)
    assert router.config.peer_named("alice").limits.packets_per_second == 5
    # Its tokens were not told and are still there.
    assert router.config.peer_named("alice").link.incoming_tokens[0].reveal() == "alice-1"
    assert brief(await router.orders.reload(NOW)) == [("change", "peer", "alice")]
    assert path.read_text() == before


async def test_nothing_is_kept_that_the_next_start_would_refuse(router, path):
    with path.open("a") as file:
        file.write('[[peer]]\nname = "carol"\n')
    before = router.config
    await refused(409, router.orders.add_peer(carol(), KEEP), "would not be accepted")
    assert router.config is before and not (path.parent / "conf.d").exists()


@pytest.mark.parametrize("occupied", ["conf.d", "conf.d/admin-api.toml"])
async def test_a_file_that_cannot_be_written_means_nothing_was_done(router, path, occupied):
    place = path.parent / occupied
    place.parent.mkdir(exist_ok=True)
    if occupied == "conf.d":
        place.write_text("in the way")
    else:
        (place / "in the way").mkdir(parents=True)
    before = router.config
    with pytest.raises((AdminError, ProblemError)):
        await router.orders.add_peer(carol(), KEEP)
    assert router.config is before and "carol" not in router.links


async def test_the_file_is_put_back_when_the_change_fails(router, path, monkeypatch):
    await router.orders.add_peer(carol(), KEEP)
    own = path.parent / "conf.d" / "admin-api.toml"
    before = own.read_bytes()

    def fail(*arguments):
        raise RuntimeError("planted")

    monkeypatch.setattr("ilprouter.reload.apply", fail)
    with pytest.raises(RuntimeError):
        await router.orders.put_route(RouteOrder("g.carol", "carol"), KEEP)
    assert own.read_bytes() == before


async def test_stages_with_the_same_numbers_go_on(router):
    before = router.pipelines["alice"]
    patch = {"limits": {"max_packet_amount": 10}}
    await router.orders.patch_peer("alice", patch, NOW)
    after = router.pipelines["alice"]
    kept = {type(stage).__name__: stage for stage in before[0].stages}
    for stage in after[0].stages:
        name = type(stage).__name__
        assert name == "MaxAmount" or stage is kept[name], name
    assert len(after[0].stages) == len(before[0].stages) + 1
    # Nobody else's were touched, and another number makes another bucket.
    await router.orders.patch_peer("alice", {"limits": {"packets_per_second": 9}}, NOW)
    last = {type(stage).__name__: stage for stage in router.pipelines["alice"][0].stages}
    assert last["RateLimit"] is not kept["RateLimit"]
    assert last["InFlightIncoming"] is kept["InFlightIncoming"]


async def test_a_link_is_kept_unless_the_way_to_the_peer_changes(router):
    alice, bob = router.links["alice"], router.links["bob"]
    await router.orders.patch_peer("alice", {"link": {"incoming_tokens": ["a", "b"]}}, NOW)
    await router.orders.patch_peer("alice", {"limits": {"in_flight": 9}}, NOW)
    await router.orders.patch_peer("bob", {"limits": {"in_flight": 9}}, NOW)
    assert router.links["alice"] is alice and router.links["bob"] is bob
    assert bob.room == 9
    (port,) = free_udp_ports(1)
    await router.orders.patch_peer("bob", {"link": {"remote": f"127.0.0.1:{port}"}}, NOW)
    assert router.links["bob"] is not bob and router.links["bob"].remote.endswith(str(port))
    assert router.orders.trace("g.bob.x").peer == "bob"
    await asyncio.sleep(0.2)
    assert not router.transports.leaving and not router.partings
    # The old address is free for anybody again.
    patch = {"link": {"remote": bob.remote}}
    await router.orders.patch_peer("bob", patch, NOW)
    assert router.links["bob"].remote == bob.remote


async def test_a_token_moves_from_peer_to_peer_in_one_step(router, path):
    text = path.read_text()
    path.write_text(
        text.replace('["alice-1"]', '["alice-2"]')
        + '[[peer]]\nname = "carol"\nrelation = "peer"\nasset = { code = "USD", scale = 9 }\n'
        + 'link = { endpoint = "http", incoming_tokens = ["alice-1"] }\n'
    )
    assert brief(await router.orders.reload(NOW)) == [
        ("change", "peer", "alice"),
        ("add", "peer", "carol"),
    ]


async def test_rates_change_together(router):
    def price(name):
        """The live rate of a peer's outgoing exchange."""
        return next(s.rate for s in router.pipelines[name][1].stages if hasattr(s, "rate"))

    alice, bob = price("alice"), price("bob")
    assert (bob.rate.numerator, bob.rate.denominator) == (500, 1)
    rates = RatesOrder((RateView(code="XRP", price="2"), RateView(code="EUR", price="1.1")))
    assert brief(await router.orders.put_rates(rates, NOW)) == [
        ("change", "rate", "XRP"),
        ("add", "rate", "EUR"),
    ]
    assert price("bob") is bob
    assert (bob.rate.numerator, bob.rate.denominator) == (2000, 1)
    assert alice.rate.numerator == alice.rate.denominator
    for price in ("0", "-1", "1e9", "٣", " 1", "1" * 10**4, "0." + "0" * 18):
        bad = RatesOrder((RateView(code="XRP", price=price),))
        await refused(422, router.orders.put_rates(bad, NOW))
    await refused(422, router.orders.put_rates(RatesOrder(()), NOW), "with a")
    assert bob.rate.numerator == 2000


async def test_routes_that_follow_from_a_peer_are_not_removed(router):
    await refused(409, router.orders.remove_route("g.acme.alice", NOW), "follows from peer alice")
    await refused(404, router.orders.remove_route("g.nowhere", NOW))
    await refused(422, router.orders.put_route(RouteOrder("peer.x", "bob"), NOW), "prefix")
    await refused(422, router.orders.put_route(RouteOrder("g.x", "nobody"), NOW), "name of a peer")
    await router.orders.put_route(RouteOrder("g.acme.alice", "bob"), NOW)
    assert router.orders.trace("g.acme.alice.x").peer == "bob"
    await router.orders.remove_route("g.acme.alice", NOW)
    assert router.orders.trace("g.acme.alice.x").prefix == "g.acme.alice"


async def test_unknown_names_are_told(router):
    for order in (
        (router.orders.patch_peer, "nobody", {}, NOW),
        (router.orders.remove_peer, "nobody", NOW),
        (router.orders.drain_peer, "nobody", True, NOW),
        (router.orders.freeze, "nobody", True, NOW),
        (router.orders.resolve_doubt, "00", "why", NOW),
        (router.orders.resolve_doubt, "not hex", "why", NOW),
    ):
        await refused(404, order)
    await refused(400, router.orders.patch_peer("alice", {"name": "eve"}, NOW))
    await refused(400, router.orders.put_peer("alice", carol(), NOW))


async def test_an_order_for_an_older_configuration_is_refused(router):
    etag = router.orders.etag()
    await router.orders.put_route(RouteOrder("g.x", "bob"), How(if_match=etag))
    for order in (
        (router.orders.put_route, RouteOrder("g.y", "bob"), How(if_match=etag)),
        (router.orders.freeze, "alice", True, How(if_match=etag)),
        (router.orders.reload, How(if_match=etag)),
    ):
        await refused(412, order)
    assert not router.orders.account_named("alice").frozen
    assert router.config_ok, "an order that came too late says nothing about the files"
    await router.orders.put_route(RouteOrder("g.y", "bob"), How(if_match=router.orders.etag()))


async def test_freeze_is_durable_when_it_is_answered(router):
    seq = router.ledger.head.seq
    assert (await router.orders.freeze("alice", True, NOW)).frozen
    assert router.ledger.head.seq == seq + 1
    assert (await router.orders.freeze("alice", True, NOW)).frozen, "again: nothing to do"
    assert router.ledger.head.seq == seq + 1
    assert not (await router.orders.freeze("alice", False, NOW)).frozen


async def test_drain_of_a_peer_survives_changes_and_ends_on_order(router):
    assert (await router.orders.drain_peer("bob", True, NOW)).draining
    assert router.orders.trace("g.bob.x").code == "T01"
    await router.orders.patch_peer("bob", {"limits": {"in_flight": 9}}, NOW)
    assert router.orders.trace("g.bob.x").code == "T01"
    assert not (await router.orders.drain_peer("bob", False, NOW)).draining
    assert router.orders.trace("g.bob.x").code is None


async def test_drain_of_the_router(router):
    assert (await router.orders.drain(True, NOW)).state == "draining"
    assert (await router.orders.drain(True, NOW)).state == "draining"
    assert (await router.orders.drain(False, NOW)).state == "ready"
    assert await router.drain(1.0)
    await refused(409, router.orders.drain(False, NOW), "stopping")


async def test_a_bad_file_keeps_the_old_configuration(router, path):
    good = path.read_text()
    for bad in (good + "[[peer]\n", good.replace('"0.5"', '"half"'), good + "[surprise]\n"):
        path.write_text(bad)
        before = router.config
        await refused(422, router.orders.reload(NOW))
        assert router.config is before
        assert not router.config_ok and not router.orders.status().config_ok
    path.write_text(good)
    await router.orders.reload(NOW)
    assert router.config_ok and router.orders.metrics().last_reload_ms > 0


async def test_what_needs_a_restart_is_named_and_left(router, path):
    text = path.read_text().replace('store = "memory"', 'store = "lmdb"')
    text = text.replace("[admin]\n", "[admin]\nallow_uids = [4711]\n")
    path.write_text(text + '[log]\nlevel = "warning"\n[limits]\npending_max = 100\n')
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        applied = await router.orders.reload(NOW)
        assert router.orders.log_level() == "warning"
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert applied.restart == ("ledger.store", "limits.pending_max")
    assert brief(applied) == [("change", "admin", ""), ("change", "log", "")]
    assert router.config.ledger.store == "memory"
    assert router.admin.connections.admin.allow_uids == (4711,)
    # It is said again at the next reload: nothing is forgotten.
    assert (await router.orders.reload(How(dry_run=True))).restart == applied.restart


async def test_a_peer_that_needs_a_port_not_bound_yet_is_refused(tmp_path):
    path = write_base(tmp_path)
    udp = '[[listen]]\nendpoint = "udp"'
    before, _, after = path.read_text().partition(udp)
    address = after.split("\n")[1]
    without = (before + after.split("\n", 2)[2]).replace(
        'link = { endpoint = "udp", ', 'link = { endpoint = "http", incoming_tokens = ["b"] } #'
    )
    path.write_text(without)
    async with running(path) as router:
        path.write_text(without + f"{udp}\n{address}\n")
        assert (await router.orders.reload(NOW)).restart == ("listen",)
        link = {"endpoint": "udp", "remote": "127.0.0.1:9"}
        await refused(422, router.orders.add_peer(carol(link=link), NOW), "listen")


async def test_log_level_changes_while_it_runs(router):
    root = logging.getLogger()
    before = root.level
    try:
        for level in ("debug", "warning", "error", "info"):
            assert await router.orders.set_log_level(level, NOW) == level
            assert router.orders.log_level() == level
    finally:
        root.setLevel(before)


def test_a_merge_patch_is_that_of_rfc_7396():
    known = {"a": {"b": 1, "c": [1]}, "d": 2}
    patch = {"a": {"b": None, "c": [2]}, "d": None, "e": {"f": None, "g": 3}}
    assert merged(known, patch) == {"a": {"c": [2]}, "e": {"g": 3}}
    assert known == {"a": {"b": 1, "c": [1]}, "d": 2}


KEY = st.from_regex(r"\A[a-z_]{1,9}\Z")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.lists(TEXT, max_size=3)
TABLE = st.dictionaries(KEY, PLAIN | st.dictionaries(KEY, PLAIN, max_size=3), max_size=4)


@given(st.dictionaries(KEY, TABLE | st.lists(TABLE, min_size=1, max_size=3), max_size=3))
def test_what_is_written_reads_back(raw):
    import tomllib

    assert tomllib.loads(document(raw)) == raw


async def test_orders_without_a_file_are_live_only(path):
    from ilprouter.router import Router

    router = Router(load(path), lambda error: pytest.fail(str(error)))
    await router.open()
    try:
        await router.orders.add_peer(carol(), NOW)
        assert "carol" in router.links
        await refused(409, router.orders.add_peer(carol(), KEEP), "not started from a file")
        await refused(409, router.orders.reload(NOW), "not started from a file")
        assert router.orders.peer_detail("alice").definition["link"]["incoming_tokens"] == [
            "(hidden)"
        ]
    finally:
        await router.close()
