"""A running router changes its peers, routes, prices and tokens, and the packets do not notice.

A real router process over real sockets, the load engine on both of its sides, orders through the
admin socket as an operator gives them.
"""

import asyncio
import os
import re
import signal
import time

import pytest

from ilprouter.admin.client import RefusedError
from ilprouter.bench.process import RouterProcess
from tests.helpers.scene import play


def flawless(lane):
    """Every packet sent has its Fulfill."""
    assert lane["sent"] == lane["fulfilled"] > 0, lane
    assert lane["rejected"] == lane["timed_out"] == lane["failed"] == lane["invalid"] == 0, lane


@pytest.mark.timeout(120)
def test_no_packet_is_lost_while_everything_else_changes(tmp_path):
    async def scene(at):
        at.send("payer", "g.payee.x", "g.shop.x")
        at.send("shop", "g.payee.y")
        at.load.start()
        await at.more("payer")
        for number in range(5):
            name = f"carol{number}"
            peer = {
                "name": name,
                "relation": "child",
                "asset": {"code": "XRP", "scale": 6},
                "link": {"endpoint": "http", "incoming_tokens": [f"token-{number}"]},
            }
            with pytest.raises(RefusedError, match="with a"):
                await at.order("POST", "/v1/peers", peer)
            await at.order("PUT", "/v1/rates", {"rates": [{"code": "XRP", "price": "0.5"}]})
            await at.order("POST", "/v1/peers", peer)
            await at.order("POST", "/v1/routes", {"prefix": f"g.{name}", "peer": name})
            await at.order(
                "PATCH", "/v1/peers/payer", {"limits": {"max_packet_amount": 1000 + number}}
            )
            await at.order("PATCH", "/v1/peers/shop", {"limits": {"in_flight": 4000 + number}})
            tokens = [at.topology.peers[2].token_to_router, f"next-{number}"]
            await at.order("PATCH", "/v1/peers/shop", {"link": {"incoming_tokens": tokens}})
            await at.order("DELETE", f"/v1/routes?prefix=g.{name}")
            await at.order("DELETE", f"/v1/peers/{name}")
            await at.order("PUT", "/v1/rates", {"rates": []})
            await at.more("payer", 50)
        # A link to a peer that is replaced: what is on it finishes, what is new takes the new one.
        await at.order("PATCH", "/v1/peers/shop", {"link": {"connections_max": 2}})
        await at.more("shop", 50)
        os.kill(at.router.pid, signal.SIGHUP)
        await at.more("payer")
        assert await at.load.quiesce(15)
        for name in ("payer", "shop"):
            flawless(at.lane(name))
        status = await at.order("GET", "/v1/status")
        assert status["in_flight"] == 0 and status["config_ok"] is True
        peers = (await at.order("GET", "/v1/peers"))["peers"]
        assert [peer["name"] for peer in peers] == ["payer", "payee", "shop"]

    play(tmp_path, scene)


@pytest.mark.timeout(60)
def test_a_peer_in_lame_duck_finishes_what_is_in_flight(tmp_path):
    async def scene(at):
        at.send("payer", "g.payee.x")
        at.send("shop", "g.payer.x", window=1)
        at.load.start()
        await at.more("payer")
        await at.order("POST", "/v1/peers/payee/drain", {})
        await at.until(lambda: at.lane("payer")["rejected"] > 0)
        detail = (await at.order("GET", "/v1/peers/payee"))["peer"]
        assert detail["draining"] and detail["open_in"] == detail["open_out"] == 0
        before = at.lane("payer")
        await asyncio.sleep(0.1)
        after = at.lane("payer")
        assert after["fulfilled"] == before["fulfilled"] and after["rejected"] > before["rejected"]
        assert set(at.load.snapshot()["rejects"]) <= {"T01", "F02"}
        await at.order("POST", "/v1/peers/payee/undrain", {})
        await at.more("payer")
        assert await at.load.quiesce(15)
        lane = at.lane("payer")
        assert lane["timed_out"] == lane["failed"] == 0
        assert lane["sent"] == lane["fulfilled"] + lane["rejected"]

    play(tmp_path, scene)


@pytest.mark.timeout(60)
def test_m25_freeze_stops_new_prepares_within_100_ms_and_in_flight_ones_finish(tmp_path, capsys):
    async def scene(at):
        at.send("payer", "g.payee.x")
        at.load.start()
        await at.more("payer")
        began = time.monotonic()
        await at.order("POST", "/v1/accounts/payer/freeze", {})
        answered = time.monotonic() - began
        # From 100 ms after the order nothing new is fulfilled.
        await asyncio.sleep(max(0.0, 0.1 - answered))
        before = at.lane("payer")
        await asyncio.sleep(0.1)
        after = at.lane("payer")
        assert after["fulfilled"] == before["fulfilled"] > 0
        assert after["rejected"] > before["rejected"]
        assert set(at.load.snapshot()["rejects"]) == {"T04"}
        account = await at.order("GET", "/v1/accounts/payer")
        assert account["frozen"] and account["hold_in"] == "0"
        await at.order("POST", "/v1/accounts/payer/unfreeze", {})
        await at.more("payer")
        assert await at.load.quiesce(15)
        lane = at.lane("payer")
        assert lane["timed_out"] == 0 and lane["sent"] == lane["fulfilled"] + lane["rejected"]
        with capsys.disabled():
            print(f"\nfreeze under load: durable and answered in {answered * 1000:.1f} ms")

    play(tmp_path, scene)


@pytest.mark.timeout(60)
def test_h8_a_revoked_token_is_refused_on_open_connections_within_a_second(tmp_path):
    async def scene(at):
        at.send("shop", "g.payee.x")
        at.load.start()
        await at.more("shop")
        old = at.topology.peers[2].token_to_router
        tokens = "/v1/peers/shop"
        await at.order("PATCH", tokens, {"link": {"incoming_tokens": [old, "the-new-one"]}})
        await at.more("shop")
        assert at.lane("shop")["failed"] == 0, "both are valid during the rotation"
        await at.order("PATCH", tokens, {"link": {"incoming_tokens": ["the-new-one"]}})
        began = time.monotonic()
        await at.until(lambda: at.lane("shop")["failed"] > 0, 1.0)
        before = at.lane("shop")["fulfilled"]
        await asyncio.sleep(0.2)
        assert at.lane("shop")["fulfilled"] == before
        assert time.monotonic() - began < 1.2
        at.load.stop()

    play(tmp_path, scene)


@pytest.mark.timeout(60)
def test_a_bad_file_keeps_the_packets_going_and_is_told(tmp_path):
    async def scene(at):
        at.send("payer", "g.payee.x")
        at.load.start()
        await at.more("payer")
        path = at.topology.config_path
        good = path.read_text()
        path.write_text(good + '\n[[peer]]\nname = "x"\n')
        os.kill(at.router.pid, signal.SIGHUP)

        async def gauge(name):
            text = await asyncio.to_thread(at.client.text, "/metrics")
            found = re.search(rf"^ilprouter_{name} (\S+)$", text, re.M)
            return float(found[1]) if found else None

        while await gauge("config_last_reload_successful") != 0:
            await asyncio.sleep(0.02)
        await at.more("payer")
        with pytest.raises(RefusedError, match=r"peer\[3\].relation is missing"):
            await at.order("POST", "/v1/reload", {})
        path.write_text(good.replace("credit_limit = 1000000000000000", "credit_limit = 0", 1))
        os.kill(at.router.pid, signal.SIGHUP)
        while await gauge("config_last_reload_successful") != 1:
            await asyncio.sleep(0.02)
        assert abs(await gauge("config_last_reload_success_timestamp_seconds") - time.time()) < 60
        await at.until(lambda: at.lane("payer")["rejected"] > 0)
        assert set(at.load.snapshot()["rejects"]) == {"T04"}
        assert await at.load.quiesce(15)

    play(tmp_path, scene)


@pytest.mark.timeout(60)
def test_persisted_orders_are_there_after_a_restart(tmp_path):
    async def scene(at):
        peer = {
            "relation": "peer",
            "asset": {"code": "USD", "scale": 9},
            "link": {"endpoint": "udp", "remote": f"127.0.0.1:{at.spare}"},
        }
        await at.order("PUT", "/v1/peers/dave?persist=true", peer)
        await at.order("POST", "/v1/routes?persist=true", {"prefix": "g.dave", "peer": "dave"})
        await at.order("POST", "/v1/accounts/dave/freeze", {})
        assert await asyncio.to_thread(at.router.stop) == 0
        at.router = RouterProcess(at.topology)
        await asyncio.to_thread(at.router.wait_ready)
        found = await at.order("GET", "/v1/peers/dave")
        assert found["file"].endswith("conf.d/admin-api.toml")
        assert (await at.order("GET", "/v1/accounts/dave"))["frozen"], "frozen on disk"
        trace = await at.order("GET", "/v1/routes/trace?address=g.dave.x")
        assert trace["prefix"] == "g.dave"

    play(tmp_path, scene)
