"""Group commit: when a group is sealed, who writes it, what follows when it is durable or not.

Owns the committer thread and the fence. Must not know what a group contains (journal.py) nor what
a packet is: whoever holds answers back until their group is durable is a `Barrier`.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ilprouter.clock import boottime_ns
from ilprouter.errors import StoreError
from ilprouter.ledger.journal import Journal
from ilprouter.ledger.layout import KIND_GROUP, KIND_STOP, Head

__all__ = ["BUCKETS_MS", "Barrier", "CommitStats", "GroupCommitter"]

log = logging.getLogger(__name__)

GROW = 0  # a job beside the kinds of groups
BUCKETS_MS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 5000)
LARGE_GROUP = 100  # packets in a group that lengthen the interval by one more
SPACING_MAX = 2.0
# Longer than sockets hold an answer back and a lost datagram takes to be repeated on any sane link;
# about as long as the log is kept anyway, until its records are folded.
DELIVERED_AFTER_S = 0.25


class Barrier(Protocol):
    """The commit barrier of the packet switch; called on the loop thread, between batches.

    waiting   packets behind it, sealed ones included: each of them needs a commit, also one that
              was parked by a hook that changed no account
    """

    @property
    def waiting(self) -> int: ...

    def barrier_seal(self) -> int:
        """What waits now waits for exactly the group sealed now. Returns how many packets do."""

    def barrier_release(self) -> None:
        """That group is durable: its answers may leave."""

    def fence(self) -> None:
        """The store failed: acknowledge nothing any more, refuse new Prepares with T03."""


class CommitStats:
    """Counters for the metrics.

    commits, packets           groups that became durable, and what waited for them
    seconds, _last, _max       duration of commits: in all, the last one, the longest
    histogram                  commits by duration; upper bounds in BUCKETS_MS, the last open
    """

    __slots__ = ("commits", "histogram", "packets", "seconds", "seconds_last", "seconds_max")

    def __init__(self) -> None:
        self.commits = 0
        self.packets = 0
        self.seconds = 0.0
        self.seconds_last = 0.0
        self.seconds_max = 0.0
        self.histogram = [0] * (len(BUCKETS_MS) + 1)

    def add(self, seconds: float, packets: int) -> None:
        """One commit returned."""
        self.commits += 1
        self.packets += packets
        self.seconds += seconds
        self.seconds_last = seconds
        self.seconds_max = max(self.seconds_max, seconds)
        self.histogram[sum(seconds * 1000 > bound for bound in BUCKETS_MS)] += 1


class GroupCommitter:
    """Commits groups one after the other, each as soon as the one before is durable.

    journal      of a booted ledger; its store and book belong to this committer from now on
    barrier      the switch
    loop         its event loop; everything but the write itself runs on that thread
    interval_ms  from the start of one commit to the start of the next, at least; up to twice
                 that after a large group. A commit costs about 0.25 ms of a core whatever is in
                 it: the floor bounds what that takes from the packets, and the wear of the disk
    busy_ms      a commit that takes longer is reported to on_busy
    fence_ms     a commit that takes longer is treated as failed
    on_busy      called with True when a commit is slow, with False when it returned
    on_fence     called once with the error when the store failed; the daemon must exit with 78
    """

    def __init__(
        self,
        journal: Journal,
        barrier: Barrier,
        loop: asyncio.AbstractEventLoop,
        *,
        interval_ms: float = 1.0,
        busy_ms: float = 250,
        fence_ms: float = 5000,
        on_busy: Callable[[bool], None] = lambda busy: None,
        on_fence: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self.journal = journal
        self.stats = CommitStats()
        self.fenced: Exception | None = None
        self.trace: list[tuple[int, int, int]] | None = None
        # Called after a commit that left accounts in Book.take_due; it may change the open group.
        self.on_due: Callable[[], None] | None = None
        self._book = journal.book
        self._barrier = barrier
        self._loop = loop
        self._interval_s = interval_ms / 1000
        self._busy_s = busy_ms / 1000
        self._fence_s = fence_ms / 1000
        self._on_busy = on_busy
        self._on_fence = on_fence
        self._jobs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._committing = False
        self._busy = False
        self._stopping = False
        self._sealed_at = 0.0
        self._packets = 0
        self._groups = 0
        self._handed: deque[tuple[float, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._open_waiters: list[asyncio.Future[int]] = []
        self._sealed_waiters: list[asyncio.Future[int]] = []

    def start(self) -> None:
        """Start the committer thread."""
        self._thread.start()

    def trace_start(self) -> None:
        """From now on keep (group, seq, returned_ns) of every commit in `trace`.

        group        counts barrier_seal calls from 1, as the switch's own trace does
        returned_ns  CLOCK_BOOTTIME on the committer thread, after the commit returned

        This is half of the proof that no Fulfill leaves before its commit.
        """
        self.trace = []

    # --- the loop thread ----------------------------------------------------------------------

    def maybe_commit(self) -> None:
        """Seal and commit the open group, if there is one and the committer is free.

        Cheap; call it at the end of each round.
        """
        if self._committing or not self._due:
            return
        if self.fenced is not None or self._stopping:
            return
        # Few packets: latency counts, and commits may follow closely. Many: they pay for each one.
        spacing = min(1 + self._packets / LARGE_GROUP, SPACING_MAX)
        wait_s = self._sealed_at + self._interval_s * spacing - time.monotonic()
        if wait_s <= 0:
            self._seal(KIND_GROUP)
        elif self._timer is None:
            # Under load the next round comes first; this is for the last group before silence.
            # uvloop's timers count whole milliseconds: a delay that rounds to none would spin.
            self._timer = self._loop.call_later(max(wait_s, 0.001), self._on_timer)

    @property
    def _due(self) -> bool:
        """Does anything need a commit that has not been sealed? Not while one is under way."""
        return self.journal.pending or self._barrier.waiting > 0

    def _on_timer(self) -> None:
        self._timer = None
        self.maybe_commit()

    def durable(self) -> asyncio.Future[int]:
        """A future for the moment when everything entered so far is durable.

        result   number of the last group that holds any of it
        raises   StoreError when the store is, or gets, fenced
        """
        future: asyncio.Future[int] = self._loop.create_future()
        if self.fenced is not None:
            future.set_exception(StoreError(f"the store is fenced: {self.fenced}"))
        elif self._committing and not self.journal.pending:
            self._sealed_waiters.append(future)
        elif self._due:
            self._open_waiters.append(future)
            self.maybe_commit()
        else:
            future.set_result(self.journal.head.seq)
        return future

    def grow(self) -> None:
        """Let the store reserve more space, between two commits. When there is none it stays as it
        is, and the log says so."""
        if self.fenced is None and self._thread.is_alive():
            self._jobs.put(GROW)

    def _seal(self, kind: int) -> None:
        self._committing = True
        self._sealed_at = time.monotonic()
        # Together, with no packet in between: the barrier holds exactly what the group contains.
        self._packets = self._barrier.barrier_seal()
        self.journal.seal()
        self._groups += 1
        self._sealed_waiters, self._open_waiters = self._open_waiters, []
        self._jobs.put(kind)
        if self._watch is None:
            self._watch = self._loop.call_later(self._busy_s, self._on_watch)

    def _on_watch(self) -> None:
        self._watch = None
        if not self._committing or self.fenced is not None:
            return
        elapsed_s = time.monotonic() - self._sealed_at
        if elapsed_s >= self._fence_s:
            self._fence(StoreError(f"a commit has not returned for {elapsed_s:.1f} s"))
            return
        if elapsed_s >= self._busy_s and not self._busy:
            self._busy = True
            self._on_busy(True)
        next_s = self._fence_s if self._busy else self._busy_s
        self._watch = self._loop.call_later(max(next_s - elapsed_s, 0.001), self._on_watch)

    def _on_committed(self, head: Head, seconds: float, returned_ns: int) -> None:
        if self.fenced is not None:
            return  # it was given up: nobody may hear of it now
        self.stats.add(seconds, self._packets)
        if self.trace is not None:
            self.trace.append((self._groups, head.seq, returned_ns))
        self.journal.release()
        if self._busy:
            self._busy = False
            self._on_busy(False)
        # Still committing: a round that ends inside barrier_release must not seal the next group.
        self._barrier.barrier_release()
        self._note_delivered(head.seq)
        for future in self._sealed_waiters:
            if not future.done():
                future.set_result(head.seq)
        self._sealed_waiters = []
        self._committing = False
        if self._book.due and self.on_due is not None:
            self.on_due()
        self.maybe_commit()

    def _note_delivered(self, seq: int) -> None:
        """A group was handed to the transports just now; it counts as delivered when they had time
        to bring it over and repeat what was lost. The next group makes the mark durable (I11)."""
        now = time.monotonic()
        self._handed.append((now + DELIVERED_AFTER_S, seq))
        while self._handed[0][0] <= now:
            self.journal.delivered_seq = self._handed.popleft()[1]

    def _on_failed(self, error: Exception) -> None:
        if self.fenced is None:
            self._fence(error)

    def _fence(self, error: Exception) -> None:
        self.fenced = error
        self._barrier.fence()
        for future in (*self._sealed_waiters, *self._open_waiters):
            if not future.done():
                future.set_exception(StoreError(f"the store is fenced: {error}"))
        self._sealed_waiters, self._open_waiters = [], []
        self._on_fence(error)

    async def close(self) -> None:
        """Commit what is open, end idle leases, mark the stop as clean, stop the thread.

        The store stays open. After a fence only the thread is stopped. Call it when no packet is
        in flight any more; holds that are left keep their lease, and the next start notes them
        as doubts.
        """
        if not self._thread.is_alive():
            return
        while self.fenced is None and (self._committing or self._due):
            await self._durable_or_fence()
        if self.fenced is None:
            self._book.shrink_leases(all=True)
            self._stopping = True
            last: asyncio.Future[int] = self._loop.create_future()
            self._open_waiters.append(last)
            self._seal(KIND_STOP)
            await asyncio.wait([last])
            last.exception()
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        self._jobs.put(None)
        if self.fenced is None:
            self._thread.join()

    async def _durable_or_fence(self) -> None:
        """Wait for the group that is open now; also returns when the store is fenced meanwhile."""
        future = self.durable()
        await asyncio.wait([future])
        future.exception()

    # --- the committer thread -----------------------------------------------------------------

    def _run(self) -> None:
        while (kind := self._jobs.get()) is not None:
            if kind == GROW:
                self._grow()
                continue
            began = time.perf_counter()
            try:
                head = self.journal.write(kind)
            except Exception as error:  # whatever it was: the group is not known to be durable
                self.journal.store.emergency(self.journal.record)
                self._report(self._on_failed, error)
                continue
            self._report(self._on_committed, head, time.perf_counter() - began, boottime_ns())

    def _grow(self) -> None:
        try:
            self.journal.store.grow()
        except StoreError as error:
            log.error("the store cannot grow", extra={"error": str(error)})

    def _report(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop is closed: nobody is left who could acknowledge anything.
            return
