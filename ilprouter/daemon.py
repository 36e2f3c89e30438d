"""The process: load the configuration, run one router on uvloop, stop it in order, say how it
ended.

Owns signals, exit codes and what the service manager hears. Builds nothing (router.py).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from pathlib import Path

import uvloop

from ilprouter import logs, systemd
from ilprouter.admin.orders import How
from ilprouter.admin.problems import ProblemError
from ilprouter.config import Config
from ilprouter.config.documents import Document, examine_documents, read_documents
from ilprouter.errors import RouterError, StoreError
from ilprouter.router import Router

__all__ = ["EXIT_FENCED", "EXIT_OK", "run"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_UNAVAILABLE = 69
EXIT_FENCED = 78  # also a bad configuration: neither is cured by a restart

log = logging.getLogger(__name__)


class Daemon:
    """One run of the router.

    config      checked before
    path        where it came from, to read it again
    documents   its files as they were read
    """

    def __init__(self, config: Config, path: Path, documents: tuple[Document, ...]) -> None:
        self.config = config
        self.path = path
        self.documents = documents
        self.stopping = asyncio.Event()
        self.impatient = asyncio.Event()
        self.exit_code = EXIT_OK
        self.reloads: set[asyncio.Future[None]] = set()

    async def main(self) -> int:
        """Open, serve until a signal or a fence, drain, close. Returns the exit code."""
        loop = asyncio.get_running_loop()
        router = Router(self.config, self.on_fenced, path=self.path, documents=self.documents)
        loop.add_signal_handler(signal.SIGHUP, self.on_reload, router)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.on_stop, signal.Signals(number).name)
        try:
            await router.open()
            # What exists now lives as long as the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            systemd.notify("READY=1")
            log.info("ready", extra={"address": router.switch.address, "peers": len(router.links)})
            watchdog = asyncio.ensure_future(self.feed_watchdog())
            await self.stopping.wait()
            watchdog.cancel()
            systemd.notify("STOPPING=1")
            if self.exit_code == EXIT_OK:
                await self.drain(router)
        finally:
            await router.close()
        log.info("stopped", extra={"exit_code": self.exit_code})
        return self.exit_code

    async def drain(self, router: Router) -> None:
        """Wait for packets in flight, at most drain_timeout_ms, or until a second signal."""
        draining = asyncio.ensure_future(router.drain(router.config.limits.drain_timeout_ms / 1000))
        impatient = asyncio.ensure_future(self.impatient.wait())
        await asyncio.wait((draining, impatient), return_when=asyncio.FIRST_COMPLETED)
        if not draining.done() or not draining.result():
            log.warning(
                "stopped with packets in flight", extra={"in_flight": router.switch.in_flight}
            )
        draining.cancel()
        impatient.cancel()

    async def feed_watchdog(self) -> None:
        """Tell the service manager that the packet loop still turns."""
        interval_s = systemd.watchdog_interval_s()
        while interval_s is not None:
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval_s)

    def on_stop(self, name: str) -> None:
        """First signal: drain, then exit. Second: exit now."""
        if self.stopping.is_set():
            self.impatient.set()
        log.info("stopping", extra={"signal": name})
        self.stopping.set()

    def on_reload(self, router: Router) -> None:
        """Read the files again; while the router starts or stops there is nothing to change."""
        if router.state not in ("ready", "draining") or self.stopping.is_set():
            log.warning("not reloaded", extra={"state": router.state})
            return
        reloading = asyncio.ensure_future(self.reload(router))
        self.reloads.add(reloading)
        reloading.add_done_callback(self.reloads.discard)

    async def reload(self, router: Router) -> None:
        """One reload by signal. What is wrong with the files is in the log and in the metrics."""
        # The service manager wants to know when it began, so that it can tell a stuck reload.
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={now_us}")
        try:
            await router.orders.reload(How())
        except ProblemError:
            log.warning("the configuration before it stays in force")
        finally:
            systemd.notify("READY=1")

    def on_fenced(self, error: Exception) -> None:
        """The store failed: nothing more is acknowledged (I12). The operator decides what comes
        next.
        """
        log.critical("the ledger is fenced", extra={"error": str(error)})
        self.exit_code = EXIT_FENCED
        self.stopping.set()


def run(path: str | Path) -> int:
    """Run the router of a configuration file until it is told to stop.

    path      the TOML file
    returns   exit code: 0 stopped in order, 69 a socket could not be bound, 78 fenced
    raises    ConfigError, before anything is opened
    """
    main = Path(path).absolute()
    documents = read_documents(main, log.warning)
    config, breaches = examine_documents(documents, log.warning)
    if breaches:
        raise breaches[0]
    logs.setup(config.log)
    try:
        return uvloop.run(Daemon(config, main, documents).main())
    except StoreError as error:
        log.critical("the ledger cannot be opened", extra={"error": str(error)})
        return EXIT_FENCED
    except RouterError as error:
        log.critical("cannot start", extra={"error": str(error)})
        return EXIT_UNAVAILABLE
