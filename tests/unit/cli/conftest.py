"""A real router in this process, and commands that reach it over its admin socket."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ilprouter.cli.main import cli, exit_code
from ilprouter.errors import RouterError
from tests.helpers.from_files import running, write_base


@pytest.fixture
async def live():
    """The router; `live.run(*args)` gives (exit code, output, error text)."""
    # A Unix socket's path has at most 107 bytes: pytest's own directories can be longer.
    with tempfile.TemporaryDirectory(prefix="ilp") as directory:
        path = write_base(Path(directory))
        async with running(path) as router:

            def run(args, stdin):
                result = CliRunner().invoke(
                    cli,
                    args,
                    input=stdin,
                    env={"ILPROUTER_SOCKET": f"{directory}/admin.sock"},
                    standalone_mode=False,
                )
                if isinstance(result.exception, RouterError):
                    return exit_code(result.exception), result.stdout, str(result.exception)
                assert result.exception is None, result.exception
                return result.return_value, result.stdout, ""

            async def in_thread(*args, stdin=None):
                return await asyncio.to_thread(run, args, stdin)

            router.run = in_thread
            yield router
