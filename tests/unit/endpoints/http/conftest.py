"""Fixtures of the HTTP tests: each ends with a count of buffers and streams."""

import pytest

from tests.helpers.http_peer import Http2Peer, Node


@pytest.fixture
async def node():
    """A factory of nodes; all of them are closed at the end and must hold nothing then."""
    made = []

    def make(**limits):
        made.append(Node(**limits))
        return made[-1]

    yield make
    for item in made:
        await item.close()
    for item in made:
        item.assert_empty()


@pytest.fixture
async def connect(node):
    """Connect python-h2 clients to a port; they are closed before the nodes are."""
    made = []

    async def make(port, **options):
        made.append(await Http2Peer.connect(port, **options))
        return made[-1]

    yield make
    for item in made:
        await item.close()


@pytest.fixture
async def alice(node):
    """A listening node that knows alice, and bob whose token may come bare."""
    server = node()
    server.link("alice", incoming_tokens=["alice-token", "alice:opaque"])
    server.link("bob", incoming_tokens=[b"bob-token"], bare_token=True)
    return await server.listen()


@pytest.fixture
async def peer(alice, connect):
    """An HTTP/2 client of that node."""
    return await connect(alice.port)
