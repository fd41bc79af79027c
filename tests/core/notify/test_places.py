import asyncio
import threading

import pytest

from core.notify.places import Places


async def test_a_place_that_gets_free_just_as_a_waiting_caller_leaves_goes_to_the_next(monkeypatch):
    block, begun, leaving, troubles = threading.Event(), [], [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))

    def work(name):
        begun.append(name)
        if name == "first":
            block.wait(60)

    def end(places, wish, done):
        for task in leaving:
            task.cancel()
        ended(places, wish, done)

    ended = Places._end
    monkeypatch.setattr(Places, "_end", end)
    places = Places("test", 1)
    first = asyncio.create_task(places.run("a", "first", work, "first"))
    async with asyncio.timeout(30):
        while not begun:
            await asyncio.sleep(0.01)
    leaving.append(asyncio.create_task(places.run("a", "leaving", work, "leaving")))
    following = asyncio.create_task(places.run("a", "following", work, "following"))
    await asyncio.sleep(0)

    block.set()
    await asyncio.gather(first, following)

    assert (begun, troubles) == (["first", "following"], [])
    with pytest.raises(asyncio.CancelledError):
        await leaving[0]
    places.close()
