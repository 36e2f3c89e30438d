"""The fixture of all threats: worlds of one router each, closed and empty at the end."""

from contextlib import AsyncExitStack

import pytest

from tests.helpers.routers import World


@pytest.fixture
async def start(tmp_path):
    """`await start(world)` runs it until the end of the test; `start.new(...)` makes one."""
    async with AsyncExitStack() as stack:
        count = 0

        async def run(world):
            return await stack.enter_async_context(world)

        def new(**options):
            nonlocal count
            count += 1
            return World(tmp_path / f"r{count}", **options)

        run.new = new
        yield run
