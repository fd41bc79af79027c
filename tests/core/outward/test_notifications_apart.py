"""Targets that hang: each costs itself its time, and nobody else anything."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from core.audit.entry import Resource
from core.notify import names
from core.notify.places import Places
from core.notify.send import Note, send_now
from core.service.by import Deed, record
from hub.sdk.http import Guard
from tests.factories.core_api import OPERATOR_BY
from tests.factories.loopback import listening
from tests.factories.outward import LOOPBACK, running, until

NOTE = Note("title", "body")
HANGING = 12


class Silent:
    """Accepts connections and answers none; or a byte now and then, for ever."""

    def __init__(self, trickle=b""):
        self._trickle = trickle
        self.held = 0

    async def talk(self, reader, writer):
        self.held += 1
        while self._trickle:
            writer.write(self._trickle)
            await asyncio.sleep(0.05)
        await reader.read()
        await asyncio.Event().wait()


@asynccontextmanager
async def silent(trickle=b""):
    made, talks = Silent(trickle), set()

    async def talk(reader, writer):
        talks.add(asyncio.current_task())
        try:
            await made.talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    made.url = f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield made
    finally:
        server.close()
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@asynccontextmanager
async def well():
    got = []

    async def handle(request):
        got.append(orjson.loads(await request.read())["title"])
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with listening(app) as url:
        yield f"json{url.removeprefix('http')}/", got


async def test_a_target_is_told_while_a_dozen_others_of_its_service_hang(core, service_api):
    async with silent() as dead, well() as (url, got):
        urls = [dead.url] * HANGING + [url]
        targets = [
            {"name": str(i), "url": each, "actions": ["mailbox.create"]} for i, each in enumerate(urls)
        ]
        await service_api.call("PUT", "/notifications", {"targets": targets})
        async with running(core, timeout_s=120.0):
            async with core.database.begin() as tx:
                thing = Resource(type="mailbox", id="grace@acme.example", domain="acme.example")
                await record(core, tx, OPERATOR_BY, Deed(action="mailbox.create", resource=thing))
            await until(lambda: dead.held == HANGING)
            await until(lambda: len(got) == 1)

            assert dead.held == HANGING


@pytest.mark.parametrize("trickle", [b"", b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
async def test_a_service_that_never_ends_its_answer_is_cut_off_when_the_time_is_up(core, trickle):
    async with silent(trickle) as dead:
        result = await core.workers.run(send_now, dead.url, NOTE, Guard(LOOPBACK), 0.3)

    assert (result.sent, result.status) == (False, None)
    assert result.error == "no whole answer in time"


async def test_a_name_that_is_looked_up_for_ever_ends_with_its_time_and_is_asked_once(core, monkeypatch):
    release, asked = threading.Event(), []

    def hang(host, *args, **options):
        asked.append(host)
        release.wait(60)
        raise OSError("released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        url = "json://never.example/"
        results = [await core.workers.run(send_now, url, NOTE, Guard(), 0.1) for _ in range(2)]
    finally:
        release.set()
    await until(lambda: not names._running)

    assert [one.error for one in results] == ["cannot connect: the name could not be looked up in time"] * 2
    assert asked == ["never.example"]


async def test_a_target_takes_one_place_however_many_messages_it_is_sent():
    places, block, begun = Places("test", 8), threading.Event(), []

    def work(name):
        begun.append(name)
        if name == "hanging":
            block.wait(60)

    hanging = [asyncio.create_task(places.run("a", "hanging", work, "hanging")) for _ in range(20)]
    await until(lambda: begun == ["hanging"])
    await places.run("a", "well", work, "well")

    assert begun == ["hanging", "well"]
    block.set()
    await asyncio.gather(*hanging)
    places.close()


async def test_when_places_run_short_who_holds_the_fewest_goes_first():
    places, blocks, begun = Places("test", 3), [threading.Event() for _ in range(6)], []

    def work(number):
        begun.append(number)
        blocks[number].wait(60)

    many = [asyncio.create_task(places.run("greedy", f"g{i}", work, i)) for i in range(5)]
    await until(lambda: len(begun) == 3)
    one = asyncio.create_task(places.run("modest", "m", work, 5))
    await asyncio.sleep(0)
    blocks[0].set()
    await until(lambda: len(begun) == 4)

    assert begun[3] == 5
    for block in blocks:
        block.set()
    await asyncio.gather(one, *many)
    places.close()


async def test_the_place_of_a_caller_that_left_is_free_when_its_call_has_ended():
    places, block, begun = Places("test", 2), threading.Event(), []

    def work(name):
        begun.append(name)
        block.wait(60)

    gone = asyncio.create_task(places.run("a", "same", work, "first"))
    await until(lambda: begun == ["first"])
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    waits = asyncio.create_task(places.run("a", "same", work, "second"))
    left = asyncio.create_task(places.run("a", "same", work, "never"))
    await asyncio.sleep(0)
    left.cancel()
    await places.run("b", "other", begun.append, "other")

    assert begun == ["first", "other"]
    block.set()
    await waits
    places.close()

    assert begun == ["first", "other", "second"]
