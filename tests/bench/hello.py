"""The yardstick: a bare aiohttp application. `python -m tests.bench.hello` prints its port."""

import asyncio

from aiohttp import web

__all__ = ["main"]


async def _hello(_: web.Request) -> web.Response:
    return web.Response(body=b"hello", content_type="text/plain")


async def _taken(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=b"{}", content_type="application/json")


async def _serve() -> None:
    app = web.Application()
    app.router.add_get("/", _hello)
    app.router.add_post("/in/{source}", _taken)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    import uvloop

    uvloop.run(_serve())


if __name__ == "__main__":
    main()
