"""A vendor's audit API in a process of its own: prepared pages of 500, found by cursor."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any, Self

__all__ = ["AuditApi"]

_CONTEXT = multiprocessing.get_context("spawn")
_PAGE = 500


def _pages(count: int) -> list[bytes]:
    import orjson

    from tests.bench.payload import audit_entry

    pages = []
    for first in range(0, count, _PAGE):
        last = min(first + _PAGE, count)
        following = None if last == count else f"c{last // _PAGE}"
        pagination = {"next_cursor": following, "has_more": following is not None}
        data = [audit_entry(n) for n in range(first, last)]
        pages.append(orjson.dumps({"success": True, "data": data, "meta": {"pagination": pagination}}))
    return pages


async def _serve(pipe: Connection, count: int) -> None:
    from aiohttp import web

    pages = _pages(count)

    async def logs(request: web.Request) -> web.Response:
        page = int(request.query.get("cursor", "c0")[1:])
        return web.Response(body=pages[page], content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/v1/audit/logs", logs)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), ended.set)
    await ended.wait()
    await runner.cleanup()


def _main(pipe: Connection, count: int) -> None:
    import uvloop

    uvloop.run(_serve(pipe, count))


class AuditApi:
    """`async with AuditApi(200_000) as api`: `api.url` is the base of the vendor's API."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pipe, self._theirs = _CONTEXT.Pipe()
        self._process: Any = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._process = _CONTEXT.Process(target=_main, args=(self._theirs, self._count), daemon=True)
        self._process.start()
        self._theirs.close()
        port = await asyncio.to_thread(self._pipe.recv)
        self.url = f"http://127.0.0.1:{port}/api/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipe.close()
        await asyncio.to_thread(self._process.join, 5)
        self._process.kill()
