"""The load generator counts what it saw, and nothing else."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web

from tests.bench.payload import Target, number_of
from tests.bench.player import Plan, play


@asynccontextmanager
async def vendor(handler):
    """An HTTP server; yields its port."""
    app = web.Application()
    app.router.add_post("/in/mg", handler)
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def recorder(status=202):
    seen = []

    async def handler(request):
        seen.append(number_of(await request.read()))
        return web.Response(status=status(seen) if callable(status) else status)

    return seen, handler


async def test_a_closed_loop_sends_each_event_once():
    seen, handler = recorder()
    async with vendor(handler) as port:
        played = await play(Plan(target=Target(port), first=100, count=50, connections=4))

    assert sorted(seen) == list(range(100, 150))
    assert (played.ok, dict(played.statuses)) == (50, {202: 50})
    assert played.numbers() == set(range(100, 150))
    assert len(played.latencies_ms()) == 50
    assert min(played.latencies_ms()) > 0


async def test_refusals_are_counted_and_not_acknowledged():
    seen, handler = recorder(lambda seen: 503 if len(seen) % 5 == 0 else 202)
    async with vendor(handler) as port:
        played = await play(Plan(target=Target(port), first=0, count=50, connections=1))

    assert dict(played.statuses) == {202: 40, 503: 10}
    assert len(played.numbers()) == played.ok == 40
    assert played.numbers() == {n for at, n in enumerate(seen, 1) if at % 5}


async def test_an_open_loop_counts_waiting_for_a_connection_as_latency():
    async def slow(_):
        await asyncio.sleep(0.05)
        return web.Response(status=202)

    async with vendor(slow) as port:
        played = await play(Plan(target=Target(port), first=0, count=20, connections=1, rate_per_s=1000))

    assert played.ok == 20
    assert max(played.latencies_ms()) > 19 * 50 * 0.9


async def test_a_server_that_hangs_up_after_each_answer_is_dialled_again():
    async def once(_):
        answer = web.Response(status=202)
        answer.force_close()
        return answer

    async with vendor(once) as port:
        played = await play(Plan(target=Target(port), first=0, count=12, connections=3))

    assert played.ok == 12


async def test_it_stops_at_the_acknowledgements_it_was_asked_for():
    _, handler = recorder()
    async with vendor(handler) as port:
        played = await play(Plan(target=Target(port), first=0, count=500, connections=2, acks=20))

    assert 20 <= played.ok < 30


async def test_the_yardstick_is_asked_for_without_a_body():
    seen, handler = recorder(200)
    async with vendor(handler) as port:
        played = await play(Plan(target=Target(port, status=200), first=0, count=10, connections=2, get=True))

    assert played.ok == 10
    assert seen == [None] * 10
