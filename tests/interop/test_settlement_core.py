"""Two routers settle through two real engines (ilp-settlement-core on Redis), whatever is killed.

ILPROUTER_SETTLE_ROUNDS sets how often something is killed.
"""

import asyncio
import os
import random
import shutil

import aiohttp
import pytest

from ilprouter.ledger.verify import verify
from tests.helpers.settling_pair import NODE, Pair, until

ROUNDS = int(os.environ.get("ILPROUTER_SETTLE_ROUNDS", "4"))
SCALE = 9

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(120 + 20 * ROUNDS),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="Redis is not installed"),
    pytest.mark.skipif(
        not (NODE / "node_modules/ilp-settlement-core").is_dir(),
        reason="tests/interop/setup.sh has not been run",
    ),
]


def units(texts):
    """Sum of decimal texts in units of 10^-9, exact."""
    total = 0
    for text in texts:
        whole, _, fraction = text.partition(".")
        total += int(whole + fraction.ljust(SCALE, "0"))
    return total


def agree(pair):
    """Nothing is on its way, and all four books say the same."""
    ordered, received, owed, receivable = pair.settled()
    done = all(order["state"] == "done" for order in pair.orders())
    return done and ordered == received == units(pair.ledger()) and owed == receivable


async def test_a_settlement_happens_by_itself_and_messages_pass(tmp_path):
    async with Pair(tmp_path, threshold=1000) as pair:
        assert await pair.pay(9, 100) == 9
        assert pair.settled() == (0, 0, 900, 900)
        assert await pair.pay(2, 100) == 2
        await until(lambda: pair.settled()[1] >= 1000 and agree(pair))
        ordered, received, owed, receivable = pair.settled()
        assert ordered + owed == 1100
        assert (received, receivable) == (ordered, owed)
        url = f"http://127.0.0.1:{pair.a_admin}/accounts/bob/messages"
        headers = {"Content-Type": "application/octet-stream"}
        async with aiohttp.ClientSession() as session:
            async with session.post(url, data=b'{"type":"hello"}', headers=headers) as answer:
                body = await answer.json(content_type=None)
                assert (answer.status, body) == (
                    201,
                    {"account": "alice", "heard": {"type": "hello"}},
                )
            pair.kill("engine of bob")
            async with session.post(url, data=b"{}", headers=headers) as answer:
                assert answer.status == 502


async def test_books_agree_whatever_is_killed(tmp_path, capsys):
    chance = random.Random(os.environ.get("ILPROUTER_SETTLE_SEED"))
    parts = ["alice", "bob", "engine of alice", "engine of bob"]
    killed = dict.fromkeys(parts, 0)
    async with Pair(tmp_path, threshold=1000) as pair:
        for _ in range(ROUNDS):
            packets, amount = chance.randint(5, 12), chance.randint(150, 999)
            assert await pair.pay(packets, amount) == packets
            victims = chance.sample(parts, chance.randint(1, 3))
            # Somewhere between the order and its arrival: no packet is in flight.
            await asyncio.sleep(chance.uniform(0, 0.06))
            for name in victims:
                pair.kill(name)
                killed[name] += 1
            for name in chance.sample(victims, len(victims)):
                pair.start(name)
            await pair.ready()
            await until(lambda: agree(pair), 60)
        ordered, received, owed, _ = pair.settled()
        orders = pair.orders()
        payments = pair.ledger()
        assert len(payments) == len(orders), "each order was paid once"
        assert sorted(map(int, (order["amount"] for order in orders))) == sorted(
            units([text]) for text in payments
        )
        for name in ("alice", "bob"):
            assert pair.running[name].stop() == 0
            report = verify(tmp_path / name / "data")
            assert report["ok"], report["problems"]
    with capsys.disabled():
        print(
            f"\n{ROUNDS} rounds, killed {killed}; {len(orders)} settlements, ordered {ordered}, "
            f"received {received}, still owed {owed}: both books agree, each applied once"
        )
