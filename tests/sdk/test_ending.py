"""A task that is ended has ended, even one that lost a cancellation on its way."""

import asyncio

from hub.sdk.ending import end


async def test_a_task_that_swallows_its_first_cancellation_ends_all_the_same():
    swallowed = 0

    async def loop():
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    await end(task)

    assert (task.done(), swallowed) == (True, 2)


async def test_finished_failed_and_missing_tasks_are_no_trouble():
    async def fails():
        raise KeyError

    failed, done = asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    await end(failed, done, None)
    await end()

    assert failed.done()
