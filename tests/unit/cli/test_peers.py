"""peer and account: what is typed, what the router then has, what is shown."""

import json

import click
import pytest

from ilprouter.cli.peers import definition, value

CAROL = (
    "relation=peer",
    "asset.code=USD",
    "asset.scale=9",
    "link.endpoint=http",
    'link.incoming_tokens=["carol-1"]',
)


async def test_a_peer_from_the_command_line(live):
    code, out, _ = await live.run("peer", "add", "carol", *CAROL, "--dry-run")
    assert (code, out) == (0, "would add peer carol\n")
    assert "carol" not in live.links
    code, out, _ = await live.run("peer", "add", "carol", *CAROL, "--persist")
    assert (code, out) == (0, "add peer carol\nkept in conf.d/admin-api.toml\n")
    code, out, _ = await live.run("peer", "list")
    assert code == 0 and "carol  peer      http" in out
    code, out, _ = await live.run("peer", "show", "carol")
    assert "conf.d/admin-api.toml" in out and '["(hidden)"]' in out and "carol-1" not in out
    code, out, _ = await live.run("peer", "set", "carol", "balance.credit_limit=5", "--persist")
    assert out == "change peer carol: balance\nkept in conf.d/admin-api.toml\n"
    code, out, _ = await live.run("account", "show", "carol", "--json")
    assert json.loads(out)["credit_limit"] == "5"
    assert (await live.run("peer", "set", "carol", "balance=", "--persist"))[0] == 0
    assert live.config.peer_named("carol").balance.credit_limit == 0
    code, out, _ = await live.run("peer", "rm", "carol", "--persist", "--json")
    assert json.loads(out)["changes"][0]["action"] == "remove"
    code, out, _ = await live.run("account", "list")
    assert "carol" in out and "no peer" in out


async def test_a_peer_from_a_file_or_stdin(live, tmp_path):
    text = """
relation = "peer"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", incoming_tokens = ["secret-1"] }
"""
    file = tmp_path / "dave.toml"
    file.write_text(text)
    assert (await live.run("peer", "add", "dave", "--file", str(file)))[0] == 0
    text = text.replace("secret-1", "secret-2")
    assert (await live.run("peer", "add", "erin", "--file", "-", stdin=text))[0] == 0
    assert {"dave", "erin"} <= set(live.links)


async def test_what_the_router_refuses_is_exit_4_in_its_words(live):
    code, _, error = await live.run("peer", "add", "carol", *CAROL, "relation=aunt")
    assert code == 4 and 'accepted: "child" or "parent" or "peer"' in error
    assert (await live.run("peer", "rm", "nobody"))[0] == 4
    assert (await live.run("peer", "show", "no/body"))[0] == 4
    assert (await live.run("account", "freeze", "nobody"))[0] == 4
    code, _, error = await live.run("peer", "set", "alice", "limits.burst=5", "--persist")
    assert code == 4 and "defines it" in error


async def test_drain_and_undrain(live):
    code, out, _ = await live.run("peer", "drain", "bob", "--wait", "2")
    assert (code, out) == (0, "bob is draining, 0 packets in flight\n")
    assert live.drained == {"bob"}
    code, out, _ = await live.run("peer", "list", "--json")
    assert [item["draining"] for item in json.loads(out)["peers"]] == [False, True]
    code, out, _ = await live.run("peer", "undrain", "bob", "--json")
    assert json.loads(out)["draining"] is False and not live.drained


async def test_freeze_and_unfreeze(live):
    assert (await live.run("account", "freeze", "alice", "--dry-run"))[0] == 0
    assert not live.orders.account_named("alice").frozen
    code, out, _ = await live.run("account", "freeze", "alice")
    assert code == 0 and live.orders.account_named("alice").frozen
    code, out, _ = await live.run("account", "list")
    assert "frozen" in out
    code, out, _ = await live.run("account", "unfreeze", "alice", "--json")
    assert json.loads(out)["frozen"] is False


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("9", 9),
        ("true", True),
        ('["a", "b"]', ["a", "b"]),
        ('"9"', "9"),
        ("127.0.0.1:9768", "127.0.0.1:9768"),
        ("0.5", "0.5"),
        ("2026-11-22", "2026-11-22"),
        ("1\nother = 2", "1\nother = 2"),
        ("", None),
    ],
)
def test_value(text, meaning):
    assert value(text) == meaning


def test_pairs_make_tables():
    assert definition(None, ("a.b=1", "a.c=x", "d=")) == {"a": {"b": 1, "c": "x"}, "d": None}


@pytest.mark.parametrize("pair", ["name", "=1", "a.=1", "a=1"])
def test_pairs_that_are_none(pair):
    with pytest.raises(click.UsageError):
        definition(None, ("a.b=1", "a=1", "a.b=2") if pair == "a=1" else (pair,))


def test_files_that_cannot_be_read(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("= 1")
    for file in (bad, tmp_path / "missing.toml"):
        with pytest.raises(click.UsageError, match=r"\.toml"):
            definition(str(file), ())
