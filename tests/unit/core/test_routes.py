"""RouteTable: what it accepts, what it finds, and that it cannot change."""

from __future__ import annotations

import pytest

from ilprouter.core.routes import RouteTable


def test_longest_prefix_of_whole_segments() -> None:
    table = RouteTable([("g", 0), ("g.al", 1), ("g.alice", 2), ("g.alice.deep.er", 3)])
    assert table.match("g.alice.bob") == ("g.alice", 2)
    assert table.match("g.alice") == ("g.alice", 2)
    assert table.match("g.alice.deep.er.x") == ("g.alice.deep.er", 3)
    assert table.match("g.alice.deep") == ("g.alice", 2)
    assert table.match("g.alix") == ("g", 0)
    assert table.match("test.alice") is None
    assert table.find("g.alice.bob") == 2
    assert table.find("test.alice") is None


def test_the_default_route() -> None:
    table = RouteTable([("", 9), ("g.bob", 1)])
    assert table.match("test.alice") == ("", 9)
    assert table.match("g.bob.x") == ("g.bob", 1)


def test_no_routes_at_all() -> None:
    table = RouteTable()
    assert len(table) == 0 and list(table) == []
    assert table.find("g.alice") is None


def test_the_last_of_equal_prefixes_counts() -> None:
    table = RouteTable([("g.a", 1), ("", 2), ("g.a", 3), ("", 4)])
    assert list(table) == [("g.a", 3), ("", 4)]
    assert len(table) == 2


def test_any_iterable_and_the_order_of_it() -> None:
    pairs = [(f"g.n{i}", i) for i in (5, 3, 8)]
    table = RouteTable(pair for pair in pairs)
    assert list(table) == pairs
    assert repr(table) == "RouteTable(3 routes)"


@pytest.mark.parametrize("prefix", ["g.", ".g", "what", "g..a", "g.a b", "g.caf\u00e9", "G"])
def test_prefixes_that_break_the_grammar(prefix: str) -> None:
    with pytest.raises(ValueError, match="no ILP address prefix"):
        RouteTable([("g.fine", 1), (prefix, 2)])


@pytest.mark.parametrize("link", [-1, 2**32 - 1, 2**64])
def test_link_numbers_out_of_range(link: int) -> None:
    with pytest.raises(ValueError, match="link number"):
        RouteTable([("g.a", link)])


def test_wrong_types() -> None:
    with pytest.raises(TypeError):
        RouteTable([(b"g.a", 1)])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        RouteTable().find(None)  # type: ignore[arg-type]


def test_a_hundred_thousand_routes_stay_small() -> None:
    count = 100_000
    table = RouteTable((f"g.region{i % 321}.node-{i}", i % 1000) for i in range(count))
    assert len(table) == count
    assert table.match("g.region3.node-3.alice") == ("g.region3.node-3", 3)
    assert table.find("g.region3.node-4") is None
    assert table.memory < 8 * 1024 * 1024
