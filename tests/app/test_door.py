"""The HTTP shell of ingest: bodies within limits of size, time and memory, handed over as they came."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import orjson
import pytest
from aiohttp import web

from hub.app.door import PREFIX, Door
from hub.app.listener import Listener
from hub.pipeline.ingest import Answer, IngestLimits, refuse

MAX = 50_000


class Ingest:
    """Stands for `hub.pipeline.ingest.Ingest`: keeps what it is given."""

    def __init__(self):
        self.limits = IngestLimits(max_body_bytes=MAX)
        self.taken, self.codes = [], []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.error = None

    def foresee(self, source, length):
        if source == "unknown":
            return self.refused(source, refuse(404, "unknown_source", "no such source"))
        return self.too_large() if length is not None and length > MAX else None

    def too_large(self):
        return self.refused("mg", refuse(413, "body_too_large", "too large"))

    def refused(self, source, answer, headers=None, body=b""):
        self.codes.append(answer.code)
        return answer

    async def take(self, source, headers, body):
        await self.going_on.wait()
        if self.error:
            raise self.error
        self.taken.append((source, dict(headers), body))
        return Answer(202, b'{"accepted":1}')


@pytest.fixture(autouse=True)
def no_long_lingering(monkeypatch):
    monkeypatch.setattr("hub.app.listener.LINGER_S", 0.1)


@pytest.fixture
def ingest():
    return Ingest()


@pytest.fixture
async def port(ingest):
    async with opened(ingest) as port:
        yield port


@asynccontextmanager
async def opened(ingest, *, read_timeout_s=0.3, room=10 * MAX):
    door = Door(ingest, read_timeout_s=read_timeout_s, max_in_flight_bytes=room)
    listener = Listener(web.Application(), max_connections=50, direct=(PREFIX, door.post))
    yield await listener.start_tcp("127.0.0.1", 0)
    await listener.stop()


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        self.writer.write(data)

    async def answer(self):
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.head = head
        return int(head[9:12]), orjson.loads(await self.reader.readexactly(length))

    async def ended(self):
        try:
            return await asyncio.wait_for(self.reader.read(), 4) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def client(port, data):
    one = Client(*await asyncio.open_connection("127.0.0.1", port))
    one.send(data)
    try:
        yield one
    finally:
        one.writer.close()
        with suppress(OSError):
            await one.writer.wait_closed()


def head(length=None, source="mg", **headers):
    sized = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST /in/{source} HTTP/1.1\r\nHost: x\r\n{more}{sized}\r\n\r\n".encode()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


RAW = b'\xef\xbb\xbf {"a":\r\n "\x00\xff" }\n'


@pytest.mark.parametrize("at", [0, 1, 7, len(RAW)])
async def test_the_body_is_handed_over_byte_for_byte(port, ingest, at):
    async with client(port, head(len(RAW), X_Signature="ab") + RAW[:at]) as one:
        await asyncio.sleep(0.02)
        one.send(RAW[at:])
        status, _ = await one.answer()

    ((source, headers, body),) = ingest.taken
    assert (status, source, body) == (202, "mg", RAW)
    assert headers["x-signature"] == "ab"


async def test_a_chunked_body_is_put_together(port, ingest):
    async with client(port, head()) as one:
        for data in (RAW[:3], RAW[3:9], RAW[9:]):
            one.send(chunk(data))
            await asyncio.sleep(0.01)
        one.send(b"0\r\n\r\n")
        assert (await one.answer())[0] == 202

    assert ingest.taken[0][2] == RAW


async def test_an_encoded_body_is_not_inflated_here(port, ingest):
    async with client(port, head(3, Content_Encoding="gzip") + b"\x1f\x8b\x08") as one:
        assert (await one.answer())[0] == 202

    assert ingest.taken[0][2] == b"\x1f\x8b\x08"


async def test_a_length_over_the_cap_is_413_without_reading_the_body(port, ingest):
    async with client(port, head(MAX + 1)) as one:
        status, said = await one.answer()

        assert (status, said["error"]["code"]) == (413, "body_too_large")
        assert await one.ended()
    assert ingest.taken == []


async def test_a_chunked_body_over_the_cap_is_413_as_soon_as_it_is_known(port, ingest):
    async with client(port, head()) as one:
        for _ in range(6):
            one.send(chunk(bytes(10_000)))
        status, said = await one.answer()

        assert (status, said["error"]["code"]) == (413, "body_too_large")
        assert await one.ended()
    assert ingest.taken == []


async def test_a_body_of_exactly_the_cap_is_taken(port, ingest):
    async with client(port, head(MAX) + bytes(MAX)) as one:
        assert (await one.answer())[0] == 202


async def test_a_body_that_does_not_arrive_in_time_is_408_and_closed(port, ingest):
    async with client(port, head(100) + b"x") as one:
        status, said = await one.answer()

        assert (status, said["error"]["code"]) == (408, "body_too_slow")
        assert "0.3" in said["error"]["message"]
        assert await one.ended()
    assert ingest.taken == []


async def test_a_broken_transfer_coding_is_400_and_closed(port, ingest):
    async with client(port, head() + b"5\r\nabcde\r\n") as one:
        await asyncio.sleep(0.02)
        one.send(b"zz\r\n")
        status, said = await one.answer()

        assert (status, said["error"]["code"]) == (400, "broken_transfer")
        assert await one.ended()
    assert ingest.taken == []


async def test_an_unknown_source_is_404_before_its_body_is_read(port, ingest):
    async with client(port, head(40_000, source="unknown")) as one:
        status, said = await one.answer()

        assert (status, said["error"]["code"]) == (404, "unknown_source")
        assert await one.ended()


async def test_a_path_below_a_source_is_a_source_that_nobody_knows(port, ingest):
    async with client(port, head(1, source="mg/x") + b"x") as one:
        await one.answer()

    assert ingest.taken[0][0] == "mg/x"


async def test_bodies_beyond_what_may_be_held_at_once_are_503(ingest):
    async with (
        opened(ingest, read_timeout_s=5, room=2 * MAX) as port,
        client(port, head() + chunk(bytes(MAX - 5))) as first,
        client(port, head(MAX) + bytes(MAX - 5)) as second,
    ):
        await asyncio.sleep(0.1)
        async with client(port, head(11) + bytes(11)) as third:
            status, said = await third.answer()
            assert (status, said["error"]["code"]) == (503, "too_busy")
            assert b"Retry-After: 1" in third.head
        first.send(b"0\r\n\r\n")
        await first.answer()
        async with client(port, head(11) + bytes(11)) as fourth:
            assert (await fourth.answer())[0] == 202
        second.send(bytes(5))
        assert (await second.answer())[0] == 202

    assert ingest.codes == ["too_busy"]


async def test_clients_that_announce_much_and_send_little_keep_nobody_out(ingest):
    async with opened(ingest, read_timeout_s=5, room=2 * MAX) as port, AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(client(port, head(MAX) + b"x"))
            await stack.enter_async_context(client(port, head() + chunk(b"x")))
        await asyncio.sleep(0.1)
        async with client(port, head(MAX) + bytes(MAX)) as honest:
            assert (await honest.answer())[0] == 202


async def test_what_is_held_counts_until_it_is_recorded(ingest):
    ingest.going_on.clear()
    async with opened(ingest, room=MAX) as port, client(port, head(MAX) + bytes(MAX)) as first:
        await asyncio.sleep(0.1)
        async with client(port, head(10) + bytes(10)) as second:
            busy = (await second.answer())[0]
        ingest.going_on.set()
        taken = (await first.answer())[0]

    assert (busy, taken) == (503, 202)


async def test_a_client_that_leaves_gives_its_room_back(ingest):
    async with opened(ingest, read_timeout_s=5, room=MAX) as port:
        async with client(port, head(MAX) + bytes(MAX - 5)):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        async with client(port, head(10) + bytes(10)) as second:
            assert (await second.answer())[0] == 202


async def test_requests_on_one_connection_follow_one_another(port, ingest):
    async with client(port, (head(1) + b"a") * 3) as one:
        statuses = [(await one.answer())[0] for _ in range(3)]

    assert statuses == [202, 202, 202]


async def test_a_defect_of_ours_is_503_never_500(port, ingest):
    ingest.error = KeyError("subject")
    async with client(port, head(1) + b"a") as one:
        status, said = await one.answer()

    assert (status, said["error"]["code"]) == (503, "internal")
    assert int(one.head.partition(b"Retry-After: ")[2].partition(b"\r\n")[0]) > 0
