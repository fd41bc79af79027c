"""The shared line to the log's server: order, cancellation, time-outs, lost connections."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import DataError, InvalidResponse, NoScriptError, ResponseError
from redis.exceptions import TimeoutError as TimedOut

from hub.store.client import Client
from tests.factories.tls import self_signed

ECHO = "return {ARGV[1], #ARGV[1]}"


@asynccontextmanager
async def served(handle, folder, **options):
    """A client of a server that does what a test tells it: `handle(reader, writer)` for each connection."""
    path, tasks = str(folder / "s"), set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(connected, path)
    client = Client.from_url(f"unix://{path}", **options)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def command(reader, writer):
    """The next command's words, apart from those that redis-py introduces itself with."""
    while True:
        count = int((await reader.readline())[1:])
        words = [
            (await reader.readexactly(int((await reader.readline())[1:]) + 2))[:-2] for _ in range(count)
        ]
        if words[0] != b"CLIENT":
            return words
        writer.write(b"+OK\r\n")


async def echo(reader, writer):
    while words := await command(reader, writer):
        writer.write(b"$%d\r\n%b\r\n" % (len(words[-1]), words[-1]))


async def test_each_command_gets_its_own_reply(redis):
    calls = [redis.execute_command("EVAL", ECHO, 0, str(n)) for n in range(300)]

    assert await asyncio.gather(*calls) == [[b"%d" % n, len(str(n))] for n in range(300)]


async def test_whatever_is_cancelled_the_others_get_their_own_replies(redis):
    chance = random.Random(7)
    for _ in range(20):
        tasks = [asyncio.create_task(redis.execute_command("EVAL", ECHO, 0, n)) for n in range(40)]
        gone = set(chance.sample(range(40), 15))
        await asyncio.sleep(chance.choice((0, 0, 0.0005)))
        for n in gone:
            tasks[n].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)

        assert all(answers[n] == [b"%d" % n, len(str(n))] for n in range(40) if n not in gone)


async def test_replies_are_shaped_as_redis_py_shapes_them(redis):
    await redis.execute_command("HSET", "h", "a", 1)
    await redis.execute_command("XADD", "x", "1-0", "k", b"\x00\r\n")

    assert await redis.execute_command("HGETALL", "h") == {b"a": b"1"}
    assert await redis.execute_command("XRANGE", "x", "-", "+") == [(b"1-0", {b"k": b"\x00\r\n"})]
    assert (await redis.info("server"))["redis_version"]


async def test_words_may_be_of_any_kind_that_redis_py_takes(redis):
    class Size(int):
        pass

    assert await redis.execute_command("EVAL", ECHO, 0, Size(1024)) == [b"1024", 4]
    with pytest.raises(DataError):
        await redis.execute_command("EVAL", ECHO, 0, None)
    assert await redis.execute_command("ECHO", "still there") == b"still there"


async def test_a_refused_command_fails_alone(redis):
    calls = [("EVALSHA", "0" * 40, 0), ("EVAL", "return redis.error_reply('STALE x')", 0), ("ECHO", "on")]
    answers = await asyncio.gather(
        *[redis.execute_command(*words) for words in calls], return_exceptions=True
    )

    assert isinstance(answers[0], NoScriptError)
    assert isinstance(answers[1], ResponseError)
    assert str(answers[1]).startswith("STALE x")
    assert answers[2] == b"on"


async def test_a_server_that_says_nothing_is_given_up_and_asked_anew(tmp_path):
    seen = []

    async def silent_once(reader, writer):
        seen.append(await command(reader, writer))
        if len(seen) > 1:
            writer.write(b"+PONG\r\n")
        await reader.read()

    async with served(silent_once, tmp_path, socket_timeout=0.1) as client:
        waiting = [client.execute_command("ECHO", "a"), client.execute_command("ECHO", "b")]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        again = await client.execute_command("PING")

    assert [type(answer) for answer in answers] == [TimedOut, TimedOut]
    assert again is True


async def test_a_long_reply_has_the_time_it_takes(tmp_path):
    async def slow(reader, writer):
        await command(reader, writer)
        writer.write(b"$40\r\n")
        for _ in range(40):
            await asyncio.sleep(0.02)
            writer.write(b"x")
        writer.write(b"\r\n")
        await reader.read()

    async with served(slow, tmp_path, socket_timeout=0.3) as client:
        assert await client.execute_command("ECHO", "x") == b"x" * 40


async def test_a_lost_connection_fails_who_waits_and_sends_nothing_twice(tmp_path):
    seen = []

    async def cut_once(reader, writer):
        while words := await command(reader, writer):
            seen.append(words[-1])
            if words[-1] == b"cut":
                return
            writer.write(b"+OK\r\n")

    async with served(cut_once, tmp_path) as client:
        waiting = [client.execute_command("ECHO", text) for text in ("first", "cut", "behind")]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        again = await client.execute_command("ECHO", "again")

    assert [type(answer) for answer in answers] == [bytes, Disconnected, Disconnected]
    assert again == b"OK"
    assert [text for text in seen if text != b"behind"] == [b"first", b"cut", b"again"]


async def test_bytes_that_are_no_reply_end_the_connection(tmp_path):
    async def babble(reader, writer):
        await command(reader, writer)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with served(babble, tmp_path) as client:
        with pytest.raises(InvalidResponse):
            await client.execute_command("PING")


async def test_a_reply_that_nobody_asked_for_ends_the_connection(tmp_path):
    async def chatty(reader, writer):
        await command(reader, writer)
        writer.write(b"+OK\r\n+MORE\r\n")
        await echo(reader, writer)

    async with served(chatty, tmp_path) as client:
        answers = [await client.execute_command("ECHO", "a") for _ in range(2)]

    assert answers == [b"OK", b"OK"]


async def test_all_share_one_attempt_to_connect_and_the_next_tries_again(tmp_path):
    client = Client.from_url(f"unix://{tmp_path}/s", socket_connect_timeout=1)
    waiting = [client.execute_command("ECHO", "a") for _ in range(3)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    async with served(echo, tmp_path):
        again = await client.execute_command("ECHO", "b")
        await client.aclose()

    assert [type(answer) for answer in answers] == [Disconnected] * 3
    assert again == b"b"


async def test_one_that_gives_up_waiting_for_the_connection_stops_nobody(log_server):
    client = Client.from_url(log_server.url)
    first = asyncio.create_task(client.execute_command("ECHO", "a"))
    second = asyncio.create_task(client.execute_command("ECHO", "b"))
    await asyncio.sleep(0)
    first.cancel()

    answers = await asyncio.gather(first, second, return_exceptions=True)
    await client.aclose()

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1] == b"b"


async def test_who_waits_learns_that_the_client_was_closed(tmp_path):
    async def silent(reader, writer):
        await reader.read()

    async with served(silent, tmp_path) as client:
        waiting = asyncio.create_task(client.execute_command("ECHO", "a"))
        await asyncio.sleep(0.05)
        await client.aclose()

        with pytest.raises(Disconnected):
            await waiting


async def test_a_killed_server_is_found_again(log_server_of_its_own):
    process = log_server_of_its_own
    client = Client.from_url(process.url, socket_timeout=5)
    await client.execute_command("SET", "k", "v")
    process.kill()
    await asyncio.to_thread(process.start)

    answer = await client.execute_command("GET", "k")
    await client.aclose()

    assert answer == b"v"


@asynccontextmanager
async def over_tcp(target, context=None):
    """A port on loopback in front of a server's unix socket, with TLS where a context says so."""
    tasks = set()

    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader, writer):
        up_reader, up_writer = await asyncio.open_unix_connection(target)
        for way in (pump(reader, up_writer), pump(up_reader, writer)):
            tasks.add(asyncio.create_task(way))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_tcp_with_a_password_and_a_database(log_server_of_its_own):
    process = log_server_of_its_own
    admin = Client.from_url(process.url)
    await admin.execute_command("CONFIG", "SET", "requirepass", "p@ss")
    async with over_tcp(str(process.socket)) as port:
        client = Client.from_url(f"redis://:p%40ss@127.0.0.1:{port}/3")
        await client.execute_command("SET", "k", "v")
        info = await client.execute_command("CLIENT", "INFO")
        await client.aclose()
    await admin.aclose()

    assert b" db=3 " in info


async def test_tls(log_server, tmp_path):
    context, certificate = self_signed(tmp_path)
    async with over_tcp(str(log_server.socket), context) as port:
        client = Client.from_url(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}", socket_timeout=5)
        calls = [client.execute_command("EVAL", ECHO, 0, "x" * n) for n in (1, 100_000, 7)]
        answers = await asyncio.gather(*calls)
        await client.aclose()

    assert [answer[1] for answer in answers] == [1, 100_000, 7]
