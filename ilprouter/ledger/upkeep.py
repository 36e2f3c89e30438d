"""What a running ledger needs besides its commits: leases that follow the traffic down, and space.

Owns the two timers and the levels. Must not know packets: who refuses them when the store is nearly
full is told by a callback.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ilprouter.ledger.groups import GroupCommitter

__all__ = ["ALARMS", "FULL", "Upkeep"]

log = logging.getLogger(__name__)

# What a peer may claim after a crash shrinks with its traffic, by half at most each time.
SHRINK_S = 60.0
SPACE_S = 1.0
# A store that cannot grow is asked again this often.
GROW_S = 10.0
# Shares of the file that are in use: each is reported when it is passed; from the second one on the
# file is made larger.
ALARMS = (0.70, 0.85)
# From here on a commit might not fit: new packets are refused while those in flight still can end.
FULL = 0.95


class Upkeep:
    """The timers of one ledger; everything runs on the loop.

    committer   started
    on_full     called with True when new packets must be refused, with False when there is space
    """

    def __init__(
        self,
        committer: GroupCommitter,
        loop: asyncio.AbstractEventLoop,
        on_full: Callable[[bool], None] = lambda full: None,
    ) -> None:
        self.full = False
        self.level = 0
        self._committer = committer
        self._loop = loop
        self._on_full = on_full
        self._asked_at = -GROW_S
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Look at the space now, at the leases in a minute."""
        self._later(SHRINK_S, self.shrink)
        self.watch()

    def shrink(self) -> None:
        """Lower the leases that are no longer needed; rides in the next group."""
        if self._committer.fenced is not None:
            return
        if self._committer.journal.book.shrink_leases():
            self._committer.maybe_commit()
        self._later(SHRINK_S, self.shrink)

    def watch(self) -> None:
        """Report how full the store is, let it grow, refuse what might not fit (X1)."""
        if self._committer.fenced is not None:
            return
        ratio = self._committer.journal.store.usage().ratio
        level = sum(ratio >= alarm for alarm in ALARMS)
        if level > self.level:
            write = log.warning if level == 1 else log.error
            write("the store fills up", extra={"used_percent": int(ratio * 100)})
        elif level < self.level:
            log.info("the store has space again", extra={"used_percent": int(ratio * 100)})
        self.level = level
        if level == len(ALARMS) and self._loop.time() - self._asked_at >= GROW_S:
            self._asked_at = self._loop.time()
            self._committer.grow()
        if (full := ratio >= FULL) != self.full:
            self.full = full
            self._on_full(full)
        self._later(SPACE_S, self.watch)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers[call] = self._loop.call_later(seconds, call)

    def stop(self) -> None:
        """No timer is left."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
