"""The routes of a configuration: which exist, and which wins."""

from ilprouter.config import parse
from ilprouter.routing.table import StaticRoute, build_routes

TEXT = """
[node]
address = "test.acme"
[[peer]]
name = "alice"
relation = "child"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", url = "http://127.0.0.1:1/", outgoing_token = "t" }
[[peer]]
name = "bob"
relation = "peer"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", url = "http://127.0.0.1:2/", outgoing_token = "t" }
[[peer]]
name = "up"
relation = "parent"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", url = "http://127.0.0.1:3/", outgoing_token = "t" }
"""


def route(prefix, peer):
    return f'[[route]]\nprefix = "{prefix}"\npeer = "{peer}"\n'


def test_children_and_the_parent_have_routes_a_peer_has_none():
    assert build_routes(parse(TEXT), "test.acme") == (
        StaticRoute("", "up", "parent"),
        StaticRoute("test.acme.alice", "alice", "child"),
    )


def test_a_static_route_wins_over_what_a_relation_implies():
    config = parse(
        TEXT + route("", "bob") + route("test.acme.alice", "bob") + route("test.b", "bob")
    )
    assert build_routes(config, "test.acme") == (
        StaticRoute("", "bob", "static"),
        StaticRoute("test.acme.alice", "bob", "static"),
        StaticRoute("test.b", "bob", "static"),
    )


def test_without_an_address_children_wait():
    text = TEXT.replace('address = "test.acme"', 'parent = "up"')
    assert build_routes(parse(text), None) == (StaticRoute("", "up", "parent"),)
