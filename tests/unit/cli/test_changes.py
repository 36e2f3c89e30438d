"""rate, route, settlement, doubt, reload, drain, log-level: over a real admin socket."""

import json
import logging

import click
import pytest
from click.testing import CliRunner

from ilprouter.cli.main import cli


async def test_rates_are_set_one_by_one(live):
    code, out, _ = await live.run("rate", "set", "EUR=27/25", "XRP=0.25")
    assert (code, out) == (0, "change rate XRP: price\nadd rate EUR\n")
    code, out, _ = await live.run("rate", "list")
    assert out.splitlines() == ["ASSET  PRICE", "XRP    0.25", "EUR    27/25"]
    assert (await live.run("rate", "set", "EUR=", "--dry-run"))[1] == "would remove rate EUR\n"
    assert (await live.run("rate", "set", "EUR="))[1] == "remove rate EUR\n"
    assert (await live.run("rate", "set", "XRP=0.25"))[1] == "nothing to change\n"
    assert (await live.run("rate", "set", "XRP=much"))[0] == 4
    code, _, error = await live.run("rate", "set", "XRP=")
    assert code == 4 and "an asset with a [[rate]]" in error


@pytest.mark.parametrize("word", ["XRP", "=1"])
def test_what_is_no_price_is_wrong_usage(word):
    result = CliRunner().invoke(cli, ["rate", "set", word], standalone_mode=False)
    assert isinstance(result.exception, click.UsageError)


async def test_routes_are_added_and_removed(live):
    assert (await live.run("route", "add", "g.x", "bob"))[1] == "add route g.x\n"
    assert (await live.run("route", "add", "", "bob"))[1] == "add route (default)\n"
    assert (await live.run("route", "rm", ""))[1] == "remove route (default)\n"
    code, _, error = await live.run("route", "rm", "g.acme.alice")
    assert code == 4 and "follows from peer alice" in error
    code, out, _ = await live.run("route", "add", "g.y", "bob", "--persist", "--json")
    assert json.loads(out)["persisted"] is True


async def test_reload(live):
    assert (await live.run("reload"))[1] == "nothing to change\n"
    text = live.path.read_text()
    live.path.write_text(text.replace('price = "0.5"', 'price = "0.75"') + "[udp]\ngso = false\n")
    would = "would change rate XRP: price\nudp.gso differs and needs a restart\n"
    assert (await live.run("reload", "--dry-run"))[1] == would
    assert (await live.run("reload"))[1] == would.replace("would ", "")
    live.path.write_text(text + "[nonsense]\n")
    code, _, error = await live.run("reload")
    assert code == 4 and "nonsense" in error
    code, out, _ = await live.run("status")
    assert "The last reload was refused" in out


async def test_drain(live):
    assert (await live.run("drain", "--dry-run"))[1] == "ready, 0 packets in flight\n"
    assert (await live.run("drain", "--wait", "2"))[:2] == (0, "draining, 0 packets in flight\n")
    assert (await live.run("status"))[0] == 69
    _, out, _ = await live.run("drain", "--undo", "--json")
    assert json.loads(out)["state"] == "ready"


async def test_log_level(live):
    before = logging.getLogger().level
    try:
        assert (await live.run("log-level", "error"))[1] == "error\n"
        assert (await live.run("log-level", "debug", "--dry-run"))[1] == "error\n"
        assert json.loads((await live.run("log-level", "--json"))[1]) == {"level": "error"}
    finally:
        logging.getLogger().setLevel(before)


async def test_settlements(live):
    assert (await live.run("settlement", "list"))[1].startswith("ID  ACCOUNT  STATE")
    assert json.loads((await live.run("settlement", "list", "--json"))[1]) == {"settlements": []}
    code, _, error = await live.run("settlement", "show", "nothing")
    assert code == 4 and "there is no nothing" in error


async def test_doubts(live):
    live.ledger.journal.ride("doubt", [(bytes(20), b'{"kind":"lease","account":0,"amount":"7"}')])
    await live.committer.durable()
    code, out, _ = await live.run("doubt", "list")
    assert code == 0 and "alice    lease       7      0" in out
    name = bytes(20).hex()
    assert (await live.run("doubt", "resolve", name, "--note", "x", "--dry-run"))[0] == 0
    code, out, _ = await live.run("doubt", "resolve", name, "--note", "agreed by mail", "--json")
    assert json.loads(out)["note"] == "agreed by mail"
    assert (await live.run("doubt", "resolve", name, "--note", "agreed by mail"))[0] == 0, "again"
    assert (await live.run("doubt", "resolve", name, "--note", "another"))[0] == 4
    assert name not in (await live.run("doubt", "list"))[1]
    assert json.loads((await live.run("doubt", "list", "--all", "--json"))[1])["doubts"][0]["id"]
    assert (await live.run("doubt", "resolve", "ff", "--note", "x"))[0] == 4
