"""Commands that ask a router: over a real admin socket, with a fake router behind it."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ilprouter.admin.server import AdminServer
from ilprouter.cli.main import cli, main
from ilprouter.cli.remote import duration
from ilprouter.config import Admin
from ilprouter.errors import RouterError

from ..admin.fake import FakeRouter
from ..config.test_load import EXAMPLE


@pytest.fixture
async def router():
    return FakeRouter()


@pytest.fixture
async def command(router):
    """Runs one command against the router in a thread; gives (exit code, stdout)."""
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        path = str(Path(directory) / "admin.sock")
        server = AdminServer(router, Admin(socket=path))
        await server.start()

        def run(*args):
            result = CliRunner().invoke(
                cli, args, env={"ILPROUTER_SOCKET": path}, standalone_mode=False
            )
            if isinstance(result.exception, RouterError):
                raise result.exception
            assert result.exception is None, result.exception
            return result.return_value, result.stdout

        async def in_thread(*args):
            return await asyncio.to_thread(run, *args)

        yield in_thread
        await server.stop()


async def test_status_for_people(command):
    code, out = await command("status")
    assert code == 0
    assert out.splitlines()[0] == (
        "g.acme is ready: profile connector, version 0.1.0, pid 1, up 1m 1s"
    )
    assert "alice  child     udp   yes  10          8         2    4         4" in out
    assert "340282366920938463463374607431768211455" in out


async def test_status_as_json(command):
    code, out = await command("status", "--json")
    found = json.loads(out)
    assert code == 0 and found["state"] == "ready"
    assert found["peers"][0]["name"] == "alice"
    assert found["accounts"][0]["hold_in"] == "5"


async def test_status_of_a_router_that_is_not_ready(command, router):
    router.state, router.reasons = "fenced", ("a commit failed",)
    code, out = await command("status")
    assert code == 69 and "is fenced (a commit failed)" in out


async def test_routes(command):
    code, out = await command("route", "list")
    assert code == 0
    assert out.splitlines() == [
        "PREFIX        PEER   ORIGIN",
        "(default)     up     parent",
        "g.acme.alice  alice  child",
    ]
    code, out = await command("route", "list", "--json")
    assert json.loads(out)["routes"][1]["peer"] == "alice"


async def test_trace(command):
    code, out = await command("route", "trace", "g.acme.alice.till")
    assert code == 0 and "longest prefix  g.acme.alice -> alice" in out
    code, out = await command("route", "trace", "g.elsewhere", "--json")
    found = json.loads(out)
    assert code == 1 and (found["code"], found["peer"]) == ("T01", "up")


async def test_ping(command, router):
    code, out = await command("ping", "g.x", "--amount", "7", "--timeout", "900")
    assert code == 0 and out == "g.x fulfilled in 1.234 ms\n"
    assert (router.pings[0].amount, router.pings[0].timeout_ms) == (7, 900)
    code, out = await command("ping", "g.x", "--json")
    assert json.loads(out)["outcome"] == "fulfill"


@pytest.mark.parametrize(("args", "code"), [(("g.nowhere",), 4), (("g.bug",), 69)])
async def test_refusals_have_exit_codes(command, args, code):
    from ilprouter.cli.main import exit_code

    with pytest.raises(RouterError) as caught:
        await command("ping", *args)
    assert exit_code(caught.value) == code


@pytest.mark.parametrize(
    "option", [("--amount", "-1"), ("--amount", str(2**64)), ("--timeout", "0")]
)
def test_numbers_are_checked_before_anything_is_sent(option, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["ping", "g.x", "--socket", "/nonexistent/socket", *option])
    assert caught.value.code == 2
    assert "is not in the range" in capsys.readouterr().err


def test_routes_of_a_file(tmp_path, capsys):
    path = tmp_path / "r.toml"
    path.write_text(EXAMPLE)
    for args, code, text in [
        (["list"], 0, "g.bob"),
        (["trace", "g.bob.x"], 0, "bob is up"),
        (["trace", "test.x"], 1, "test.* is another network than ours"),
    ]:
        with pytest.raises(SystemExit) as caught:
            main(["route", *args, "--offline", "-c", str(path)])
        assert caught.value.code == code
        assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (59_999, "59s"),
        (60_000, "1m 0s"),
        (3_600_000, "1h 0m"),
        (90_061_000, "1d 1h"),
        (864_000_000, "10d 0h"),
    ],
)
def test_duration(ms, text):
    assert duration(ms) == text
