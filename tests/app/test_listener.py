"""Connections are counted and timed, and whatever comes over them is answered in one form."""

import asyncio
import resource
import socket
from contextlib import asynccontextmanager, suppress

import orjson
import pytest
from aiohttp import web

from hub.app.listener import Listener


async def hello(request):
    return web.Response(text="hello")


async def broken(request):
    raise KeyError("a defect")


@asynccontextmanager
async def listening(*, handler=hello, **options):
    app = web.Application()
    app.router.add_route("*", "/", handler)
    listener = Listener(app, **({"max_connections": 10} | options))
    port = await listener.start_tcp("127.0.0.1", 0)
    yield listener, port
    await listener.stop()


@asynccontextmanager
async def connected(port, data=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def answer(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), head, await reader.readexactly(length)


async def ended(reader, within_s=3.0):
    """Whether the other side hung up."""
    try:
        return await asyncio.wait_for(reader.read(), within_s) == b""
    except ConnectionError:
        return True


async def until(condition, within_s=45.0):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_too_many_is_told_503_and_closed():
    async with listening(max_connections=2) as (listener, port), connected(port), connected(port):
        await until(lambda: listener.connections == 2)
        async with connected(port) as (reader, _):
            status, head, body = await answer(reader)

            assert status == 503
            assert b"Retry-After: 1" in head
            assert orjson.loads(body)["error"]["code"] == "too_many_connections"
            assert await ended(reader)


async def test_a_connection_that_ended_makes_room_at_once():
    async with listening(max_connections=1) as (listener, port):
        for _ in range(20):
            async with connected(port, GET) as (reader, _):
                assert (await answer(reader))[0] == 200
            await until(lambda: listener.connections == 0)


async def test_a_client_that_left_counts_until_its_request_is_done():
    going_on = asyncio.Event()

    async def slow(request):
        await going_on.wait()
        return web.Response()

    async with listening(handler=slow) as (listener, port):
        async with connected(port, GET):
            await until(lambda: listener.connections == 1)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        still = listener.connections
        going_on.set()
        await until(lambda: listener.connections == 0)

        assert still == 1


@pytest.mark.parametrize("data", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow"])
async def test_a_client_without_a_whole_request_in_time_is_closed(data):
    async with listening(idle_s=0.2) as (listener, port), connected(port, data) as (reader, _):
        assert await ended(reader)
        await until(lambda: listener.connections == 0)


async def test_a_client_that_dribbles_its_head_is_closed_all_the_same():
    async with listening(idle_s=0.2) as (_, port), connected(port, b"GET / HTTP/1.1\r\n") as (reader, writer):
        for _ in range(8):
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)

        assert await ended(reader)


async def test_between_two_requests_a_connection_is_kept_longer_but_not_for_ever():
    async with listening(idle_s=0.1, kept_s=0.6) as (_, port), connected(port, GET) as (reader, writer):
        await answer(reader)
        await asyncio.sleep(0.3)
        writer.write(GET)
        second = await answer(reader)

        assert second[0] == 200
        assert await ended(reader)


async def test_a_client_that_reads_nothing_of_what_it_asked_for_is_cut_off():
    async def large(request):
        return web.Response(body=bytes(32 * 1024 * 1024))

    async with listening(handler=large, kept_s=0.2) as (listener, port), connected(port, GET):
        await until(lambda: listener.connections == 1)
        await until(lambda: listener.connections == 0, 60)

        assert listener.connections == 0


async def test_a_request_that_is_still_answered_is_not_timed():
    async def slow(request):
        await asyncio.sleep(0.5)
        return web.Response(text="late")

    async with (
        listening(handler=slow, idle_s=0.1, kept_s=0.1) as (_, port),
        connected(port, GET) as (reader, _),
    ):
        assert (await answer(reader))[2] == b"late"


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n\r\n", b"GET / ICE/1\r\n\r\n", b"\x16\x03\x01\x00\xff\r\n\r\n"]
)
async def test_what_is_no_http_is_400_in_our_form_and_closed(data):
    async with listening() as (_, port), connected(port, data) as (reader, _):
        status, _, body = await answer(reader)

        assert status == 400
        assert orjson.loads(body)["error"]["code"] == "bad_request"
        assert await ended(reader)


async def test_garbage_writes_no_traceback_into_the_log(caplog):
    async with listening() as (_, port), connected(port, b"\x00\x01\r\n\r\n") as (reader, _):
        await answer(reader)

    assert caplog.records == []


async def test_an_expectation_that_nobody_knows_is_417_in_our_form():
    asked = b"GET / HTTP/1.1\r\nHost: x\r\nExpect: the-moon\r\n\r\n"
    async with listening() as (_, port), connected(port, asked) as (reader, _):
        status, _, body = await answer(reader)

        assert (status, orjson.loads(body)["error"]["code"]) == (417, "refused")


async def test_direct_posts_go_past_the_router_and_its_middlewares():
    taken = []

    async def direct(request):
        taken.append(request.path)
        return web.Response(status=202)

    async with listening(direct=("/in/", direct)) as (_, port):
        for method in ("POST", "GET"):
            head = f"{method} /in/a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
            async with connected(port, head) as (reader, _):
                assert (await answer(reader))[0] == (202 if method == "POST" else 404)

    assert taken == ["/in/a/b"]


async def test_a_direct_post_that_waits_for_100_continue_is_told_to_go_on():
    async with listening(direct=("/in/", hello)) as (_, port):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        async with connected(port, head) as (reader, writer):
            assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100")
            writer.write(b"x")
            assert (await answer(reader))[0] == 200


async def test_a_unix_socket_serves_the_same(tmp_path):
    app = web.Application()
    app.router.add_get("/", hello)
    listener = Listener(app, max_connections=2)
    path = str(tmp_path / "s")
    await listener.start_unix(path)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(GET)

    status, _, body = await answer(reader)

    writer.close()
    await listener.stop()
    assert (status, body) == (200, b"hello")


async def test_stopping_lets_the_request_in_flight_finish():
    begun = asyncio.Event()

    async def slow(request):
        begun.set()
        await asyncio.sleep(0.2)
        return web.Response(text="done")

    async with listening(handler=slow) as (listener, port), connected(port, GET) as (reader, _):
        await begun.wait()
        stopping = asyncio.create_task(listener.stop())
        body = (await answer(reader))[2]
        await stopping

        assert body == b"done"
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_connection_that_is_complete_only_after_the_stop_is_hung_up():
    """Its TLS took a while: accepted before the stop, connected after it."""
    loop = asyncio.get_running_loop()
    async with listening() as (listener, _):
        late = listener._connect()  # what the event loop calls when a connection is accepted
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)

    transport, _ = await loop.connect_accepted_socket(lambda: late, theirs)

    assert transport.is_closing()
    assert await asyncio.wait_for(loop.sock_recv(ours, 1), 5) == b""
    assert listener.connections == 0
    ours.close()


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_comes_at_any_step_of_the_stop_is_ended(turns):
    """Accepted in one turn of the loop, connected in a later one."""
    loop = asyncio.get_running_loop()
    async with listening() as (listener, port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await listener.stop()

            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(loop.sock_recv(client, 1), 5) == b""
        assert listener.connections == 0


async def test_there_are_descriptors_for_all_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(soft + 100, hard)
    async with listening(max_connections=wanted):
        now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert now >= min(wanted + 200, hard)
