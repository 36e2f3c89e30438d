"""Group commit: save, then release; one group at a time; any failure fences for good."""

import asyncio
import time

import pytest

from ilprouter.errors import StoreError, StoreFullError
from ilprouter.ledger import GroupCommitter, Ledger, groups
from tests.helpers.ledgers import CountingBarrier, FaultyStore, ledger_over, pay


class Router:
    """A committer over a memory store, with everything it reports."""

    def __init__(self, inner, error=None, fail_at=1 << 60, interval_ms=0.0, **options):
        self.store = FaultyStore(inner, error)
        self.ledger = ledger_over(self.store)
        self.store.fail_at = self.store.calls + fail_at
        self.book = self.ledger.book
        self.barrier = CountingBarrier()
        self.busy: list[bool] = []
        self.fenced: list[Exception] = []
        self.committer = GroupCommitter(
            self.ledger.journal,
            self.barrier,
            asyncio.get_running_loop(),
            interval_ms=interval_ms,
            on_busy=self.busy.append,
            on_fence=self.fenced.append,
            **options,
        )
        self.committer.start()

    def pay(self, amount=10):
        pay(self.ledger, 0, 1, amount, amount)
        self.barrier.waiting += 1

    def raise_lease(self):
        """So that later payments need no commit of their own."""
        assert self.book.hold_out(1, 10_000) == 1

    async def settle(self):
        self.committer.maybe_commit()
        await self.committer.durable()


async def start(memory_store, **options):
    router = Router(memory_store, **options)
    router.raise_lease()
    await router.settle()
    return router


async def test_nothing_is_released_before_the_commit_returned(memory_store):
    router = await start(memory_store)
    router.store.gate.clear()
    router.pay()
    router.committer.maybe_commit()
    await asyncio.sleep(0.05)
    assert (router.barrier.sealed, router.barrier.released) == (1, 0)
    assert router.book.account(0)["peer_owes"] == 0
    router.store.gate.set()
    await router.committer.durable()
    assert (router.barrier.sealed, router.barrier.released) == (0, 1)
    assert router.book.account(0)["peer_owes"] == 10
    await router.committer.close()


async def test_what_comes_during_a_commit_is_the_next_group_and_follows_by_itself(memory_store):
    router = await start(memory_store)
    router.store.gate.clear()
    router.pay()
    router.committer.maybe_commit()
    for _ in range(5):
        router.pay()
        router.committer.maybe_commit()
    commits = router.store.commits
    future = router.committer.durable()
    router.store.gate.set()
    await future
    assert router.store.commits == commits + 2
    assert router.barrier.released == 6
    assert router.committer.stats.packets == 6
    await router.committer.close()


async def test_maybe_commit_is_idle_when_nothing_is_open(memory_store):
    router = await start(memory_store)
    commits = router.store.commits
    for _ in range(100):
        router.committer.maybe_commit()
    await asyncio.sleep(0.02)
    assert router.store.commits == commits
    await router.committer.close()


async def test_the_interval_spaces_commits_and_the_last_group_still_goes(memory_store):
    router = await start(memory_store, interval_ms=50)
    began, commits = time.monotonic(), router.store.commits
    for _ in range(3):
        router.pay()
        router.committer.maybe_commit()
        while router.barrier.waiting or router.barrier.sealed:
            await asyncio.sleep(0.001)
    assert router.store.commits == commits + 3
    assert time.monotonic() - began >= 0.1
    await router.committer.close()


@pytest.mark.parametrize("error", [StoreError("EIO"), StoreFullError("ENOSPC"), MemoryError("x")])
@pytest.mark.parametrize("fail_at", [1, 2, 5])
async def test_a_failed_commit_fences(memory_store, error, fail_at):
    router = await start(memory_store)
    router.store.error, router.store.fail_at = error, router.store.calls + fail_at
    for _ in range(fail_at - 1):
        router.pay()
        await router.settle()
    released = router.barrier.released
    router.pay()
    with pytest.raises(StoreError, match="fenced"):
        await router.settle()
    assert router.fenced == [error]
    assert router.barrier.fences == 1
    assert router.barrier.released == released, "nothing of the failed group leaves"
    assert router.store.inner.emergencies, "the group is kept as well as possible"
    commits = router.store.commits
    router.pay()
    router.committer.maybe_commit()
    with pytest.raises(StoreError, match="fenced"):
        await router.committer.durable()
    await asyncio.sleep(0.02)
    assert router.store.commits == commits, "and nothing later is tried"
    assert router.barrier.released == released
    await router.committer.close()


async def test_a_slow_commit_reports_busy_and_a_stuck_one_fences(memory_store):
    router = await start(memory_store, busy_ms=20, fence_ms=1000)
    router.store.gate.clear()
    router.pay()
    router.committer.maybe_commit()
    await asyncio.sleep(0.1)
    assert router.busy == [True]
    router.store.gate.set()
    await router.committer.durable()
    assert router.busy == [True, False]
    assert not router.fenced

    router.store.gate.clear()
    router.pay()
    router.committer.maybe_commit()
    await asyncio.sleep(1.2)
    assert len(router.fenced) == 1
    released = router.barrier.released
    router.store.gate.set()
    await asyncio.sleep(0.05)
    assert router.barrier.released == released, "a commit that returns after the fence is not heard"
    await router.committer.close()


async def test_close_commits_what_is_open_and_marks_the_stop_clean(memory_store):
    router = await start(memory_store)
    for _ in range(3):
        router.pay()
    await router.committer.close()
    assert router.barrier.released == 3
    router.store.close()
    memory_store.open()
    again = Ledger(memory_store)
    assert again.head.clean
    assert again.book.account(0)["peer_owes"] == 30
    assert again.doubts() == []
    assert again.book.account(1)["lease"] == 0


async def test_the_trace_counts_seals_and_reads_the_clock_after_the_commit(memory_store):
    router = Router(memory_store)
    router.committer.trace_start()
    router.raise_lease()
    for _ in range(3):
        await router.settle()
        router.pay()
    await router.settle()
    trace = router.committer.trace
    assert [entry[0] for entry in trace] == list(range(1, len(trace) + 1))
    assert [entry[1] for entry in trace] == [entry[0] + 1 for entry in trace], "after the boot"
    assert [entry[2] for entry in trace] == sorted(entry[2] for entry in trace)
    assert abs(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - trace[-1][2]) < 10**10
    await router.committer.close()


async def test_rows_that_ride_are_in_the_same_transaction(memory_store):
    router = await start(memory_store)
    seen = []
    commit = memory_store.commit

    def watch(batch):
        seen.append(("idem" in batch.puts, any(key == b"head" for key, _ in batch.puts["meta"])))
        commit(batch)

    memory_store.commit = watch
    router.ledger.journal.ride("idem", [(b"key", b"answer")])
    router.book.settle_in(0, 5)
    await router.settle()
    assert seen[0] == (True, True)
    assert router.book.account(0)["settled_in"] == 5
    assert memory_store.get("idem", b"key") == b"answer"
    await router.committer.close()


async def test_stats_add_up(memory_store):
    router = await start(memory_store)
    for _ in range(4):
        router.pay()
        await router.settle()
    stats = router.committer.stats
    assert stats.commits == sum(stats.histogram) >= 5
    assert stats.packets == 4
    assert 0 < stats.seconds_last <= stats.seconds_max <= stats.seconds
    await router.committer.close()


async def test_a_packet_parked_without_a_change_of_the_books_is_released(memory_store):
    """A third-party hook may wait for the commit and leave the books alone."""
    router = await start(memory_store)
    router.barrier.waiting = 1
    assert not router.ledger.journal.pending
    commits = router.store.commits
    router.committer.maybe_commit()
    await router.committer.durable()
    assert (router.barrier.waiting, router.barrier.released) == (0, 1)
    assert router.store.commits == commits + 1
    router.barrier.waiting = 1
    await router.committer.close()
    assert router.barrier.released == 2, "also at the end"


async def test_a_group_counts_as_delivered_only_some_time_after_it_was_handed_over(
    memory_store, monkeypatch
):
    monkeypatch.setattr(groups, "DELIVERED_AFTER_S", 0.05)
    router = await start(memory_store)
    before = router.ledger.journal.delivered_seq
    router.pay()
    await router.settle()
    charged = router.ledger.head.seq
    router.pay()
    await router.settle()
    assert router.ledger.head.delivered_seq == before, "its answers may still lie in a socket"
    await asyncio.sleep(0.06)
    router.pay()
    await router.settle()
    router.pay()
    await router.settle()
    assert charged < router.ledger.head.delivered_seq < router.ledger.head.seq
    await router.committer.close()
