import asyncio

import pytest
from structlog.testing import capture_logs

from hub.sdk.ending import end
from hub.sdk.lasting import lasting


async def test_work_that_fails_begins_again_and_is_told_by_name():
    begun, failing = [], asyncio.Event()

    async def work():
        begun.append(len(begun))
        if len(begun) < 3:
            raise RuntimeError("never seen before")
        failing.set()
        await asyncio.Event().wait()

    with capture_logs() as told:
        task = asyncio.create_task(lasting(work, "upkeep", again_s=0.0))
        async with asyncio.timeout(30):
            await failing.wait()
        await end(task)

    assert begun == [0, 1, 2]
    assert [(one["event"], one["work"]) for one in told] == [("hub.background.failed", "upkeep")] * 2


async def test_work_that_ends_begins_again():
    rounds = asyncio.Semaphore(0)

    async def work():
        rounds.release()

    task = asyncio.create_task(lasting(work, "upkeep", again_s=0.0))
    async with asyncio.timeout(30):
        for _ in range(3):
            await rounds.acquire()
    await end(task)

    assert task.cancelled()


async def test_cancelling_ends_it():
    task = asyncio.create_task(lasting(asyncio.Event().wait, "upkeep"))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
