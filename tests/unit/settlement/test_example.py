"""The C program in examples/ compiles without a warning and settles as its first lines say."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from ilprouter.stores.memory import MemoryStore
from tests.helpers.settling import Node, peer

SOURCE = Path(__file__).parents[3] / "examples" / "settle.c"
COMPILER = os.environ.get("CC", "cc")

pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="no C compiler")


async def run(*command):
    """(exit code, output) of a program; the router it talks to runs in this process."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_example_reads_balances_and_settles(tmp_path):
    program = tmp_path / "settle"
    warnings = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
    assert await run(COMPILER, *warnings, "-O1", "-o", program, SOURCE) == (0, "")
    store = MemoryStore()
    store.open()
    async with Node(tmp_path, store, peer()) as node:
        code, output = await run(program, node.path, "alice", "1500", "11", "key 1")
        assert code == 0
        assert '"peer_owes"' in output
        assert output.endswith('201 {"amount":"1500","scale":11}\n')
        assert node.settled_in() == 15
        assert (await run(program, node.path, "alice", "1500", "11", "key 1"))[0] == 0
        assert node.settled_in() == 15
        assert (await run(program, node.path, "alice", "-1", "11", "key 2"))[0] == 4
        assert (await run(program, node.path, "nobody", "1", "11", "key 2"))[0] == 4
        assert (await run(program, node.path, "alice"))[0] == 2
    assert (await run(program, node.path, "alice", "1", "11", "key 2"))[0] == 1
