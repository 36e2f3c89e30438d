"""The admin server of these tests runs on uvloop, as the router's does."""

import uvloop


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}
