"""The topology writer against the router's own configuration loader."""

import ssl

import pytest

from ilprouter.bench.peers import tls_contexts
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, make_certificate
from ilprouter.config import load


def peers(transport, profile):
    asset = ("XRP", 6) if profile == "connector" else ("USD", 9)
    return (
        PeerSpec(name="alice", transport=transport, port=4001, prefix="g.alice"),
        PeerSpec(name="bob", transport="udp", port=4002, prefix="g.bob", asset=asset),
    )


@pytest.mark.parametrize("profile", ["core", "relay", "connector"])
@pytest.mark.parametrize("transport", ["udp", "http", "https"])
def test_every_profile_and_transport_gives_a_configuration_the_router_accepts(
    tmp_path, profile, transport
):
    topology = Topology(
        directory=tmp_path,
        peers=peers(transport, profile),
        ports={transport: 4003, "udp": 4004},
        profile=profile,
        rates=(("XRP", "0.52"),),
        routes=(("g.far", "bob"),),
        certificate=make_certificate(tmp_path) if transport == "https" else None,
    )
    config = load(topology.write())
    assert config.node.profile == profile
    assert [peer.name for peer in config.peers] == ["alice", "bob"]
    assert [(route.prefix, route.peer) for route in config.routes] == [
        ("g.alice", "alice"),
        ("g.bob", "bob"),
        ("g.far", "bob"),
    ]
    if profile == "connector":
        assert config.peers[0].balance.credit_limit == 10**15


def test_free_ports_are_different():
    assert len(set(free_ports(20))) == 20


def test_certificate_is_one_that_its_own_holder_trusts(tmp_path):
    server, client = tls_contexts(make_certificate(tmp_path))
    in_client, in_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = client.wrap_bio(in_client, in_server, server_hostname="127.0.0.1")
    right = server.wrap_bio(in_server, in_client, server_side=True)
    for _ in range(4):
        for side in (left, right):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert left.version() == "TLSv1.3"
    assert left.selected_alpn_protocol() == "h2"
