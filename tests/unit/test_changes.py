"""What differs between two configurations, in words, and what of it needs a restart."""

from msgspec import structs

from ilprouter.changes import PeerChange, changes, in_force, needs_restart, peer_changes
from ilprouter.config import Secret, parse

TEXT = """
[node]
address = "g.acme"
[[listen]]
endpoint = "http"
address = "127.0.0.1:0"
[[peer]]
name = "alice"
relation = "child"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", incoming_tokens = ["one"] }
[[peer]]
name = "bob"
relation = "peer"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", url = "http://127.0.0.1:1/", outgoing_token = "two" }
"""
CONFIG = parse(TEXT)


def test_equal_configurations_have_no_differences():
    again = parse(TEXT)
    assert (
        changes(CONFIG, again) == peer_changes(CONFIG, again) == needs_restart(CONFIG, again) == ()
    )
    assert in_force(CONFIG, again) == CONFIG


def test_peers_that_go_come_before_those_that_come():
    alice, bob = CONFIG.peers
    after = structs.replace(CONFIG, peers=(structs.replace(bob, name="carol"), alice))
    found = peer_changes(CONFIG, after)
    assert [(change.name, change.after is None) for change in found] == [
        ("bob", True),
        ("carol", False),
    ]


def test_a_link_stays_while_only_incoming_tokens_differ():
    alice, bob = CONFIG.peers
    tokens = structs.replace(alice.link, incoming_tokens=(Secret("x"),))
    assert PeerChange(alice, structs.replace(alice, link=tokens)).link_stays
    bare = structs.replace(alice.link, bare_token=True)
    assert not PeerChange(alice, structs.replace(alice, link=bare)).link_stays
    token = structs.replace(bob.link, outgoing_token=Secret("y"))
    assert not PeerChange(bob, structs.replace(bob, link=token)).link_stays
    file = structs.replace(bob.link, outgoing_token_file="/elsewhere")
    assert PeerChange(bob, structs.replace(bob, link=file)).link_stays
    assert not PeerChange(None, alice).link_stays and not PeerChange(alice, None).link_stays
    assert PeerChange(None, None).name == ""


def test_what_is_fixed_is_named_and_kept():
    other = parse(
        TEXT.replace('"g.acme"', '"g.other"').replace("127.0.0.1:0", "127.0.0.1:1")
        + "[base]\nscale = 6\n[http]\nstreams_max = 9\n"
        + "[limits]\ndrain_timeout_ms = 7\nbuffers_large = 99\n"
        + '[admin]\nlisten = "127.0.0.1:7"\nallow_uids = [1]\n'
    )
    assert set(needs_restart(CONFIG, other)) == {
        "node.address",
        "base.scale",
        "listen",
        "http.streams_max",
        "limits.buffers_large",
        "admin.listen",
    }
    kept = in_force(CONFIG, other)
    assert (kept.node, kept.base, kept.listeners) == (CONFIG.node, CONFIG.base, CONFIG.listeners)
    assert kept.limits == structs.replace(CONFIG.limits, drain_timeout_ms=7)
    assert kept.admin == structs.replace(CONFIG.admin, allow_uids=(1,))
    assert {(c.part, c.fields) for c in changes(CONFIG, kept)} == {
        ("limits", ("drain_timeout_ms",)),
        ("admin", ("allow_uids",)),
    }
