"""A destination that speaks enough of OpenSearch, in a process of its own: it notes when it first got which
event.
"""

import asyncio
import multiprocessing
import os
from array import array
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, Self

from tests.bench.payload import number_of

__all__ = ["Sink", "Taken"]

_ANSWER_S = 60
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Taken:
    """What a sink got."""

    first: int
    times: "array[float]"
    """Monotonic seconds of the first copy of event `first + i`; 0 = never."""
    copies: int
    """Documents in all, repeats and unmarked ones included."""

    def numbers(self) -> set[int]:
        return {self.first + at for at, time in enumerate(self.times) if time}


class _Server:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._first = 0
        self._times = array("d")
        self._copies = 0
        self._hangs = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._pipe.send(runner.addresses[0][1])
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._told)
        await self._ended.wait()
        await runner.cleanup()

    def _told(self) -> None:
        try:
            word, *args = self._pipe.recv()
        except EOFError:
            self._ended.set()
            return
        if word == "expect":
            self._first, count = args
            self._times, self._copies = array("d", bytes(8 * count)), 0
        elif word == "hang":
            (self._hangs,) = args
        os.set_blocking(self._pipe.fileno(), True)  # the loop made it non-blocking; an answer may be large
        self._pipe.send(Taken(self._first, self._times, self._copies) if word == "taken" else self._copies)

    async def _serve(self, request: Any) -> Any:
        from aiohttp import web

        body = await request.read()
        if request.path.endswith("/_bulk"):
            if self._hangs:
                await asyncio.sleep(3600)
            return web.Response(body=self._bulk(body), content_type="application/json")
        if request.path == "/":
            return web.json_response({"version": {"number": "2.19.6", "distribution": "opensearch"}})
        if request.method == "HEAD":
            return web.Response(status=404)
        if request.path.startswith("/_cluster/health"):
            return web.json_response({"status": "green", "timed_out": False})
        if request.method == "GET":
            return web.json_response({}, status=404 if "_index_template" in request.path else 200)
        return web.json_response({"acknowledged": True})

    def _bulk(self, body: bytes) -> bytes:
        """Two lines a document, as everybody writes them: the action, the source."""
        import orjson

        now, first, times = monotonic(), self._first, self._times
        items = []
        lines = body.split(b"\n")
        for at in range(0, len(lines) - 1, 2):
            ((verb, action),) = orjson.loads(lines[at]).items()
            action["status"] = 201
            items.append({verb: action})
            number = number_of(lines[at + 1])
            if number is not None and 0 <= number - first < len(times) and not times[number - first]:
                times[number - first] = now
        self._copies += len(items)
        return orjson.dumps({"took": 1, "errors": False, "items": items})


def _main(pipe: Connection) -> None:
    import uvloop

    uvloop.run(_Server(pipe).run())


class Sink:
    """`async with Sink() as sink`: `sink.url` takes `_bulk`."""

    def __init__(self) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_main, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.port: int = self._pipe.recv()
        self.url = f"http://127.0.0.1:{self.port}"
        self.pid = self._process.pid or 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipe.close()
        await asyncio.to_thread(self._process.join, 5)
        self._process.kill()

    def _ask(self, *words: Any) -> Any:
        self._pipe.send(words)
        if not self._pipe.poll(_ANSWER_S):
            raise TimeoutError("the sink does not answer")
        return self._pipe.recv()

    def expect(self, first: int, count: int) -> None:
        """Forget what came so far; events `first` to `first + count - 1` are noted from now on."""
        self._ask("expect", first, count)

    def hang(self, hangs: bool) -> None:  # noqa: FBT001 - on or off, nothing else
        """Whether bulk requests are never answered from now on."""
        self._ask("hang", hangs)

    def taken(self) -> Taken:
        taken: Taken = self._ask("taken")
        return taken

    def copies(self) -> int:
        """Documents so far."""
        copies: int = self._ask("copies")
        return copies
