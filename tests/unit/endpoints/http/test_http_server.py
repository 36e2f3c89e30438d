"""The serving side over HTTP/2, asked by python-h2: who gets in, what is refused and answered."""

import pytest
from h2.settings import SettingCodes

from ilprouter.errors import EndpointError
from tests.helpers.http_peer import FULFILL, PREPARE, until


async def test_a_prepare_is_answered_in_the_same_exchange(alice, peer):
    alice.answer = lambda packet: FULFILL + packet[-1:]
    assert await peer.ask(PREPARE + b"!") == (
        200,
        {":status": "200", "content-type": "application/octet-stream", "content-length": "51"},
        FULFILL + b"!",
    )
    assert alice.asked == [("alice", PREPARE + b"!")]
    link = alice.endpoint.links["alice"]
    assert link.counters()["bytes_in"] == 201 and link.counters()["bytes_out"] == 51


async def test_the_stream_limit_opens_with_the_first_known_token(alice, peer):
    await peer.ask()
    assert peer.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] in (100, 2048)
    await peer.ask()
    assert peer.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 2048


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"authorization": "Bearer alice-token"}, "/ilp", 200),
        ({"authorization": "bearer  alice-token"}, "/ilp", 200),
        ({"authorization": "BEARER alice-token"}, "/ilp?trace=1", 200),
        ({"authorization": "Bearer alice-token"}, "/accounts/alice/ilp", 200),
        ({"authorization": "Bearer alice:alice-token"}, "/accounts/alice/ilp", 200),
        ({"authorization": "Bearer alice:opaque"}, "/accounts/alice/ilp", 200),
        ({"authorization": "bob-token"}, "/ilp", 200),
        ({"authorization": "Bearer bob-token"}, "/accounts/bob/ilp", 200),
        ({"authorization": "alice-token"}, "/ilp", 401),
        ({"authorization": "Bearer alice:alice-token"}, "/ilp", 401),
        ({"authorization": "Bearer bob:alice-token"}, "/accounts/alice/ilp", 401),
        ({"authorization": "Bearer alice-toke"}, "/ilp", 401),
        ({"authorization": "Bearer alice-token2"}, "/ilp", 401),
        ({"authorization": "Bearer"}, "/ilp", 401),
        ({"authorization": "Basic YWxpY2U6YWxpY2UtdG9rZW4="}, "/ilp", 401),
        ({"authorization": None}, "/ilp", 401),
        ({"authorization": "Bearer bob-token"}, "/accounts/alice/ilp", 403),
        ({"authorization": "Bearer alice-token"}, "/accounts/alicia/ilp", 403),
        ({"authorization": "Bearer alice-token"}, "/accounts/" + "a" * 300 + "/ilp", 403),
        ({"authorization": "Bearer alice-token"}, "/accounts/a/b/ilp", 404),
        ({"authorization": "Bearer alice-token"}, "/accounts//ilp", 404),
        ({"authorization": "Bearer alice-token"}, "/ilp/", 404),
        ({"authorization": "Bearer alice-token"}, "/", 405),
    ],
)
async def test_who_gets_in(alice, peer, headers, path, status):
    got, fields, body = await peer.ask(path=path, headers=headers)
    assert got == status
    assert body == (FULFILL if status == 200 else b"")
    assert fields.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert len(alice.asked) == (status == 200)


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/octet-stream", 200),
        ("application/octet-stream; charset=binary", 200),
        ("Application/ILP+octet-stream", 200),
        (None, 200),
        ("application/json", 415),
        ("application/octet-streams", 415),
        ("", 415),
    ],
)
async def test_media_types(alice, peer, media_type, status):
    assert (await peer.ask(headers={"content-type": media_type}))[0] == status
    assert len(alice.asked) == (status == 200)


@pytest.mark.parametrize("path", ["/", "/ilp", "/accounts/alice/ilp"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health_needs_no_token(alice, peer, method, path):
    status, fields, body = await peer.ask(None, method=method, path=path, token=None)
    assert (status, fields["content-length"], body) == (200, "0", b"")


async def test_other_methods_and_paths(peer):
    status, fields, _ = await peer.ask(method="PUT")
    assert (status, fields["allow"]) == (405, "POST, GET, HEAD")
    assert (await peer.ask(path="/metrics"))[0] == 404
    assert (await peer.ask(None, method="GET", path="/metrics", token=None))[0] == 404


@pytest.mark.parametrize("size", [1, 2048, 2049, 16_384, 16_385, 40_000])
@pytest.mark.parametrize("stated", [True, False])
async def test_bodies_up_to_the_limit_arrive_whole(alice, peer, size, stated):
    body = bytes(range(256)) * 157
    headers = {"content-length": str(size)} if stated else {}
    assert (await peer.ask(body[:size], headers=headers))[0] == 200
    assert alice.asked == [("alice", body[:size])]


async def test_an_empty_body_is_the_receivers_business(alice, peer):
    assert (await peer.ask(b""))[0] == 200
    assert (await peer.ask(None))[0] == 200
    assert alice.asked == [("alice", b""), ("alice", b"")]


@pytest.mark.parametrize("stated", [True, False])
async def test_a_larger_body_is_413_and_never_delivered(alice, peer, stated):
    headers = {"content-length": "40001"} if stated else {}
    stream = peer.request(b"x" * 40_001, headers=headers)
    assert (await peer.response(stream))[0] == 413
    assert (await peer.ask())[0] == 200
    assert alice.asked == [("alice", PREPARE)]


async def test_a_body_shorter_or_longer_than_stated_is_never_delivered(alice, peer):
    for stated in ("199", "201"):
        stream = peer.request(PREPARE, headers={"content-length": stated})
        await peer.response(stream)
        assert stream in peer.resets
    assert alice.asked == []
    assert (await peer.ask())[0] == 200


async def test_two_credentials_are_400(alice, peer):
    stream = peer.h2.get_next_available_stream_id()
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/ilp")]
    fields += [("authorization", "Bearer alice-token"), ("authorization", "Bearer bob-token")]
    peer.h2.send_headers(stream, fields, end_stream=True)
    peer.flush()
    assert (await peer.response(stream))[0] == 400
    assert alice.asked == []


async def test_a_header_list_over_the_limit_is_431(alice, peer):
    assert (await peer.ask(headers={"x-filler": "a" * 8192}))[0] == 431
    assert (await peer.ask())[0] == 200


async def test_trailers_are_ignored(alice, peer):
    stream = peer.request(PREPARE, end=False)
    peer.h2.send_headers(stream, [("authorization", "Bearer bob-token")], end_stream=True)
    peer.flush()
    assert (await peer.response(stream))[0] == 200
    assert alice.asked == [("alice", PREPARE)]


async def test_answers_of_any_size_cross_the_peers_windows(alice, peer):
    answer = bytes(range(256)) * 165
    alice.answer = lambda packet: answer[: int.from_bytes(packet)]
    sizes = [1, 16_384, 16_385, 33_000, 42_240] * 4
    streams = [peer.request(size.to_bytes(4)) for size in sizes]
    for stream, size in zip(streams, sizes, strict=True):
        assert (await peer.response(stream))[2] == answer[:size]


async def test_a_small_stream_window_only_delays_the_answer(alice, connect):
    peer = await connect(alice.port, settings={SettingCodes.INITIAL_WINDOW_SIZE: 100})
    alice.answer = lambda packet: b"\x0d" + b"w" * 5000
    assert (await peer.ask())[2] == b"\x0d" + b"w" * 5000


async def test_answers_may_come_late_and_in_any_order(alice, peer):
    alice.answer = lambda packet: None
    streams = [peer.request(b"%d" % number) for number in range(50)]
    await until(lambda: len(alice.owed) == 50)
    for number in reversed(range(50)):
        link, token = alice.owed[number]
        alice.receiver.reply(link, token, b"answer %d" % number)
    for number, stream in enumerate(streams):
        assert (await peer.response(stream))[2] == b"answer %d" % number
    alice.owed.clear()


async def test_a_second_reply_to_one_token_changes_nothing(alice, peer):
    alice.answer = lambda packet: None
    stream = peer.request()
    await until(lambda: alice.owed)
    [(link, token)] = alice.owed
    alice.owed.clear()
    alice.receiver.reply(link, token, b"first")
    alice.receiver.reply(link, token, b"second")
    assert (await peer.response(stream))[2] == b"first"
    alice.receiver.reply(link, token, b"third")
    alice.receiver.reply(link, 0xFFFF_FFFF_FFFF_FFFF, b"nobody")


async def test_a_cancelled_request_lives_on_with_the_receiver(alice, peer):
    """A peer that resets its stream after we forwarded must not get it for nothing (threat M3)."""
    alice.answer = lambda packet: None
    stream = peer.request()
    await until(lambda: alice.owed)
    peer.h2.reset_stream(stream, 8)
    peer.flush()
    await until(lambda: alice.counters["abandoned"] == 1)
    assert alice.endpoint.core.streams_in_use == 1
    alice.reply_owed()
    assert alice.endpoint.core.streams_in_use == 0
    alice.answer = lambda packet: FULFILL
    assert (await peer.ask())[2] == FULFILL


async def test_a_lost_connection_leaves_its_requests_with_the_receiver(alice, peer):
    alice.answer = lambda packet: None
    for _ in range(10):
        peer.request()
    await until(lambda: len(alice.owed) == 10)
    await peer.close()
    await until(lambda: alice.counters["abandoned"] == 10)
    assert alice.counters["connections_open"] == 0
    alice.reply_owed()
    assert alice.pool.in_use == 0


async def test_tokens_change_under_an_open_connection(alice, peer):
    link = alice.endpoint.links["alice"]
    assert (await peer.ask())[0] == 200
    alice.endpoint.set_tokens(link, ["alice-token", "next"])
    assert (await peer.ask(token="next"))[0] == 200
    alice.endpoint.set_tokens(link, ["next"])
    assert (await peer.ask())[0] == 401
    assert (await peer.ask(token="next"))[0] == 200


async def test_a_token_two_links_share_is_refused_and_changes_nothing(alice, peer):
    with pytest.raises(EndpointError, match="share"):
        alice.endpoint.add_link("carol", incoming_tokens=["alice-token"])
    with pytest.raises(EndpointError, match="empty"):
        alice.endpoint.add_link("carol", incoming_tokens=[""])
    assert (await peer.ask())[0] == 200
    assert set(alice.endpoint.links) == {"alice", "bob"}


async def test_a_removed_link_is_unknown_at_once(alice, peer):
    await alice.endpoint.remove_link(alice.endpoint.links["alice"])
    assert (await peer.ask())[0] == 401


async def test_drain_closes_an_idle_connection_with_goaway(alice, peer):
    await peer.ask()
    assert await alice.endpoint.drain(5) is True
    assert await peer.until_closed() == 0


async def test_drain_gives_up_on_answers_that_never_come(alice, peer):
    alice.answer = lambda packet: None
    peer.request()
    await until(lambda: alice.owed)
    assert await alice.endpoint.drain(0.1) is False


async def test_a_request_outlives_its_removed_link(alice, peer):
    alice.answer = lambda packet: None
    asked = peer.request()
    unfinished = peer.request(b"half", end=False)
    await until(lambda: alice.owed)
    await alice.endpoint.remove_link(alice.endpoint.links["alice"])
    peer.h2.send_data(unfinished, b"!", end_stream=True)
    peer.flush()
    await until(lambda: len(alice.owed) == 2)
    alice.reply_owed()
    assert (await peer.response(asked))[2] == FULFILL
    assert (await peer.response(unfinished))[2] == FULFILL
