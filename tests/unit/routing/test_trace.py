"""A trace agrees with the kernel's own table, and names the step that refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.core.routes import RouteTable
from ilprouter.routing.table import StaticRoute
from ilprouter.routing.trace import trace

ROUTES = (
    StaticRoute("g", "wide", "static"),
    StaticRoute("g.al", "near", "static"),
    StaticRoute("g.alice.shop", "shop", "static"),
    StaticRoute("private.here", "near", "static"),
)


def follow(address, own="g.acme", up=(), incoming=None):
    names = {"wide", "near", "shop", *up}
    return trace(address, own, ROUTES, lambda name: name in names - {"down"}, incoming)


def test_every_step_is_told():
    found = follow("g.alice.shop.till")
    assert (found.peer, found.prefix, found.code) == ("shop", "g.alice.shop", None)
    assert [(step.name, step.result) for step in found.steps] == [
        ("scheme", "g; we are g.acme"),
        ("candidate", "g.alice.shop -> shop, static"),
        ("candidate", "g -> wide, static"),
        ("longest prefix", "g.alice.shop -> shop"),
        ("link", "shop is up"),
    ]


@pytest.mark.parametrize(
    ("address", "own", "code", "reason"),
    [
        ("g.alice\n", "g.acme", "F01", "this is not an ILP address"),
        ("g", "g.acme", "F01", "this is not an ILP address"),
        ("", "g.acme", "F01", "this is not an ILP address"),
        ("peer.config", "g.acme", "F01", "a peer protocol is never forwarded"),
        ("self.me", "g.acme", "F02", "self.* never crosses a link"),
        ("example.x", "g.acme", "F02", "example.* never crosses a link"),
        ("test.x", "g.acme", "F02", "test.* is another network than ours, g.*"),
        ("test2.x", "g.acme", "F02", "test.* is another network than ours, g.*"),
        ("g.alice", "test.acme", "F02", "g.* is another network than ours, test.*"),
        ("private.there", "g.acme", "F02", "no route covers the address"),
        ("g.acme.nobody.x", "g.acme", "F02", "no child of g.acme has this address"),
        ("test.x", "test1.acme", "F02", "no route covers the address"),
        ("local.x", None, "F02", "no route covers the address"),
    ],
)
def test_refusals(address, own, code, reason):
    found = follow(address, own)
    assert found.code == code and found.reason.startswith(reason)
    assert found.steps[-1].name == "refused" and found.peer is None


def test_our_own_address_is_answered_here():
    found = follow("g.acme")
    assert (found.peer, found.prefix, found.code) == (None, "g.acme", None)
    assert found.steps[-1].name == "local"


def test_a_child_of_ours_goes_before_us():
    child = StaticRoute("g.acme.kid", "kid", "child")
    found = trace("g.acme.kid.x", "g.acme", (*ROUTES, child), lambda name: True)
    assert found.peer == "kid"


def test_a_prefix_matches_whole_segments_only():
    assert follow("g.alice").peer == "wide"
    assert follow("g.al").peer == follow("g.al.x").peer == "near"


def test_a_link_that_is_down_and_a_route_back_are_refused_with_the_route():
    found = trace("g.x", "g.acme", ROUTES, lambda name: False)
    assert (found.code, found.peer, found.prefix) == ("T01", "wide", "g")
    assert found.reason == "the link to wide is down"
    found = follow("g.x", incoming="wide")
    assert (found.code, found.peer) == ("F02", "wide")
    assert found.reason == "the route leads back to wide"


SEGMENT = st.sampled_from(["a", "al", "alice", "b"])
ADDRESS = st.lists(SEGMENT, min_size=1, max_size=4).map(lambda parts: ".".join(["g", *parts]))


@given(prefixes=st.lists(ADDRESS | st.sampled_from(["", "g"]), unique=True), address=ADDRESS)
def test_the_trace_chooses_what_the_packets_table_chooses(prefixes, address):
    routes = [StaticRoute(prefix, str(i), "static") for i, prefix in enumerate(prefixes)]
    table = RouteTable([(prefix, i) for i, prefix in enumerate(prefixes)])
    found = trace(address, "g.acme", routes, lambda name: True)
    chosen = None if found.peer is None else (found.prefix, int(found.peer))
    assert chosen == table.match(address)
