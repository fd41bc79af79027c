"""Blocking calls on threads of their own."""

import asyncio
import threading
import time

import pytest

from hub.sdk import offload
from hub.sdk.offload import Offload


async def test_a_call_gives_its_result():
    threads = Offload("test")

    assert await threads.run(divmod, 7, 2) == (3, 1)
    threads.close()


async def test_a_call_s_exception_reaches_who_waits():
    threads = Offload("test")

    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    threads.close()


async def test_one_thread_runs_calls_in_order_and_never_two_at_once():
    threads = Offload("test", 1)
    seen, running = [], []

    def call(number):
        running.append(number)
        assert len(running) == 1
        time.sleep(0.001)
        seen.append(number)
        running.remove(number)

    await asyncio.gather(*(threads.run(call, n) for n in range(20)))

    assert seen == list(range(20))
    threads.close()


async def test_no_more_threads_run_than_allowed_and_as_many_as_needed():
    threads = Offload("at-most-three", 3)
    barrier = threading.Barrier(3, timeout=5)

    await asyncio.gather(*(threads.run(barrier.wait) for _ in range(6)))

    alive = [each for each in threading.enumerate() if each.name == "at-most-three"]
    assert len(alive) == 3
    assert all(each.daemon for each in alive)
    threads.close()


async def test_idle_threads_end_and_later_calls_still_run(monkeypatch):
    monkeypatch.setattr(offload, "_IDLE_S", 0.01)
    threads = Offload("idle")
    await threads.run(int)
    await asyncio.sleep(0.1)

    assert not [each for each in threading.enumerate() if each.name == "idle"]
    assert await threads.run(int) == 0
    threads.close()


async def test_a_cancelled_call_that_has_not_begun_is_skipped():
    threads = Offload("test")
    release, ran = threading.Event(), []
    first = asyncio.create_task(threads.run(release.wait, 5))
    second = asyncio.create_task(threads.run(ran.append, 1))
    await asyncio.sleep(0.02)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    release.set()
    await first
    await threads.run(int)

    assert ran == []
    threads.close()


async def test_a_hanging_call_does_not_delay_the_close():
    threads = Offload("test")
    release = threading.Event()
    task = asyncio.create_task(threads.run(release.wait, 10))
    await asyncio.sleep(0.02)
    started = time.monotonic()
    threads.close()

    assert time.monotonic() - started < 0.5
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(int)
    release.set()
    await task
