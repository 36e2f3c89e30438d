"""TLS: versions, ALPN, client certificates, and both of our sides over it (threat H9)."""

import asyncio
import ssl

import pytest
import trustme

from ilprouter.endpoints import tls
from tests.helpers.http_peer import FULFILL, PREPARE, until


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of a CA, a server's and a client's certificate, and of another CA."""
    folder = tmp_path_factory.mktemp("tls")
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other.pem")
    for name, issuer in (("server", ca), ("client", ca), ("stranger", other)):
        issued = issuer.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        for pem in issued.cert_chain_pems:
            pem.write_to_path(folder / f"{name}.pem", append=True)
    return folder


def server_tls(files, **options):
    return tls.server_context(str(files / "server.pem"), str(files / "server.key"), **options)


def client_tls(files, name=None, **options):
    if name:
        options |= {"cert": str(files / f"{name}.pem"), "key": str(files / f"{name}.key")}
    return tls.client_context(ca=str(files / "ca.pem"), **options)


@pytest.fixture
async def secure(node, files):
    async def make(**options):
        server = node()
        server.link("alice", incoming_tokens=["alice-token"])
        return await server.listen(server_tls(files, **options))

    return make


async def test_an_independent_client_speaks_h2_over_tls(secure, connect, files):
    server = await secure()
    peer = await connect(server.port, ssl=client_tls(files))
    assert peer.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    assert peer.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    for size in (200, 39_000):
        assert (await peer.ask(b"x" * size))[2] == FULFILL


async def test_http1_over_tls(secure, files):
    server = await secure()
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=client_tls(files, http1=True), server_hostname="localhost"
    )
    writer.write(
        b"POST /ilp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\n"
        b"Content-Length: 200\r\nConnection: close\r\n\r\n" + PREPARE
    )
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(FULFILL)
    writer.close()


@pytest.mark.parametrize("http1", [False, True])
async def test_our_client_over_tls(secure, node, files, http1):
    server = await secure()
    server.answer = lambda packet: b"\x0d" + packet[:30_000]
    asker = node()
    await asker.endpoint.open()
    link = asker.link(
        "bob",
        url=f"https://127.0.0.1:{server.port}/accounts/alice/ilp",
        outgoing_token="alice-token",
        http1=http1,
        ssl_context=client_tls(files, http1=http1),
    )
    for handle in range(100):
        await until(lambda: link.room)
        asker.receiver.send(link, b"p" * 300 * (handle + 1), handle=handle)
    await until(lambda: len(asker.answers) == 100)
    assert {handle: len(packet) for handle, packet in asker.answers} == {
        handle: 1 + min(30_000, 300 * (handle + 1)) for handle in range(100)
    }


async def test_tls_1_2_only_when_asked_for(secure, connect, files):
    old = client_tls(files, allow_tls12=True)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    strict = await secure()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect(strict.port, ssl=old)
    lenient = await secure(allow_tls12=True)
    peer = await connect(lenient.port, ssl=old)
    assert (await peer.ask())[0] == 200
    assert peer.writer.get_extra_info("ssl_object").version() == "TLSv1.2"


async def test_client_certificates(secure, connect, files):
    server = await secure(client_ca=str(files / "ca.pem"))
    peer = await connect(server.port, ssl=client_tls(files, "client"))
    assert (await peer.ask())[0] == 200
    for name in (None, "stranger"):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            stranger = await connect(server.port, ssl=client_tls(files, name))
            await stranger.ask()
    assert len(server.asked) == 1


async def test_a_certificate_of_another_authority_keeps_the_link_down(secure, node, files):
    server = await secure()
    asker = node()
    await asker.endpoint.open()
    link = asker.link(
        "bob",
        url=f"https://127.0.0.1:{server.port}/ilp",
        outgoing_token="alice-token",
        ssl_context=tls.client_context(ca=str(files / "other.pem")),
    )
    asker.receiver.send(link, PREPARE)
    await until(lambda: asker.failures)
    assert not link.up and server.asked == []


async def test_a_silent_handshake_is_cut(node, files):
    server = node(receive_timeout_ms=300)
    await server.listen(server_tls(files))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01")
    began = asyncio.get_running_loop().time()
    assert await asyncio.wait_for(reader.read(), 3) == b""
    assert asyncio.get_running_loop().time() - began < 1.5
    writer.close()


async def test_clear_text_on_a_tls_port_gets_nowhere(secure, connect, files):
    server = await secure()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" not in await asyncio.wait_for(reader.read(), 5)
    writer.close()
