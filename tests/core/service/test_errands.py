"""Work after the answer."""

import asyncio

from structlog.testing import capture_logs

from core.service.errands import Errands


async def test_more_than_the_most_is_turned_away_until_there_is_room():
    errands, go = Errands(most=2), asyncio.Event()

    assert [errands.start("wait", go.wait) for _ in range(3)] == [True, True, False]
    go.set()
    await errands.idle()
    assert errands.start("wait", go.wait)
    await errands.idle()


async def test_what_fails_is_logged_by_its_name_without_what_it_said():
    async def fails():
        raise ValueError("a secret")

    errands = Errands()
    with capture_logs() as logs:
        errands.start("mail", fails)
        await errands.idle()

    assert [(entry["errand"], entry["error"]) for entry in logs] == [("mail", "ValueError")]
    assert "secret" not in repr(logs)


async def test_closing_gives_up_what_runs():
    errands, done = Errands(), []

    async def slow():
        try:
            await asyncio.sleep(3600)
        finally:
            done.append("ended")

    errands.start("slow", slow)
    await asyncio.sleep(0)
    await errands.close()
    assert done == ["ended"]
