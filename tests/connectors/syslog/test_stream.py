"""Connections: what counts as sent, and every way in which it does not."""

import asyncio
import socket
import threading
import time

import pytest

from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered
from tests.factories.events import make_entry
from tests.factories.syslog import PlayedReceiver, take_lines

BATCH = [make_entry(n) for n in range(5)]


def ids(batch):
    return [uid_text(entry.uid) for entry in batch]


def taken(receiver):
    assert receiver.complaints == []
    return [each.data["id"] for each in receiver.parsed()]


async def arrived(receiver, count):
    async with asyncio.timeout(60):
        while len(receiver.messages) < count:
            await asyncio.sleep(0.01)


# -- delivery ------------------------------------------------------------------------------------------------
async def test_lines_end_with_lf_where_that_is_asked_for(connect):
    async with PlayedReceiver(take=take_lines) as receiver, connect(receiver.port, framing="lf") as connector:
        assert set(await connector.send(BATCH)) == {Delivered()}

    assert taken(receiver) == ids(BATCH)


async def test_one_connection_serves_all_batches(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port) as connector:
        for _ in range(3):
            await connector.send(BATCH)

        assert receiver.connections == 1
    assert taken(receiver) == ids(BATCH) * 3


async def test_a_name_is_resolved_and_each_of_its_addresses_tried(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port, host="localhost") as connector:
        assert set(await connector.send(BATCH)) == {Delivered()}


async def test_nothing_counts_before_the_connection_was_quiet_for_settle_ms(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port, settle_ms=400) as connector:
        started = time.monotonic()
        await connector.send(BATCH)

        assert time.monotonic() - started >= 0.4


async def test_a_connection_that_breaks_before_that_brings_the_whole_batch_again(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port, settle_ms=5000) as connector:
        sending = asyncio.create_task(connector.send(BATCH))
        await arrived(receiver, 5)
        await receiver.become("takes")

        assert [type(outcome) for outcome in await sending] == [Blocked] * 5

    async with receiver, connect(receiver.port) as connector:
        assert set(await connector.send(BATCH)) == {Delivered()}
    assert taken(receiver) == ids(BATCH) * 2


async def test_settling_batches_overlap_when_sends_do(connect):
    """With `concurrency` the next batch is written while the last one settles."""
    async with PlayedReceiver() as receiver, connect(receiver.port, settle_ms=900) as connector:
        sends = [asyncio.create_task(connector.send(BATCH)) for _ in range(4)]
        await arrived(receiver, 20)
        done = [send.done() for send in sends]
        await asyncio.gather(*sends)

        assert not any(done)
    assert taken(receiver) == ids(BATCH) * 4


async def test_a_connection_the_receiver_closed_meanwhile_is_replaced_unasked(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port) as connector:
        await connector.send(BATCH)
        await receiver.become("takes")
        await asyncio.sleep(0.05)

        assert set(await connector.send(BATCH)) == {Delivered()}


async def test_a_dead_peer_is_found_by_the_system_too(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port) as connector:
        await connector.send(BATCH)
        sock = connector._wire._link._sock
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        found = [sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names]

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert found == [30, 10, 3, 30_000]


# -- trouble -------------------------------------------------------------------------------------------------
async def test_a_receiver_that_never_reads_blocks_even_a_small_batch(connect):
    """Its machine's window is full: bytes that are not confirmed are not sent."""
    batch = [make_entry(n, raw_data=True) for n in range(40)]
    receiver = PlayedReceiver()
    receiver.how = "never reads"
    async with receiver, connect(receiver.port, deadline_s=1.0) as connector:
        outcomes = await connector.send(batch)

    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert "within 0.9 s" in outcomes[0].reason


@pytest.mark.slow
async def test_on_a_slow_line_what_arrived_counts_and_the_rest_is_blocked(connect):
    batch = [make_entry(n, raw_data=True) for n in range(2000)]
    async with SlowReceiver() as receiver, connect(receiver.port, deadline_s=8.0) as connector:
        outcomes = await connector.send(batch)
        sent = outcomes.count(Delivered())
        await arrived(receiver, sent)

    assert 0 < sent < 2000
    assert outcomes[:sent] == [Delivered()] * sent
    assert {type(outcome) for outcome in outcomes[sent:]} == {Blocked}
    assert f"took {sent} of 2000" in outcomes[-1].reason
    assert taken(receiver)[:sent] == ids(batch)[:sent]


class SlowReceiver(PlayedReceiver):
    """Reads some 300 kB a second."""

    async def start(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.bind(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(self._read, sock=sock, limit=8192)

    async def _read(self, reader, writer):
        self._open.add(writer.transport)
        buffer = bytearray()
        while data := await reader.read(8192):
            buffer += data
            self.messages += self._take(buffer)
            await asyncio.sleep(0.025)


async def test_nobody_listening_blocks_with_the_systems_reason(connect):
    async with PlayedReceiver() as receiver:
        pass
    async with connect(receiver.port) as connector:
        outcomes = await connector.send(BATCH)

    assert outcomes == [Blocked(f"tcp://127.0.0.1:{receiver.port}: Connection refused")] * 5


async def test_an_address_that_is_not_public_is_refused_before_anything_is_sent(connect):
    async with PlayedReceiver() as receiver, connect(receiver.port, allow=()) as connector:
        (outcome,) = await connector.send(BATCH[:1])

        assert receiver.connections == 0
    assert "127.0.0.1 is loopback; if that is meant, add its network to allow_networks" in outcome.reason


async def test_a_name_that_cannot_be_one_is_said_to_be_that(connect):
    async with connect(9, host="a..b") as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "the host name is not valid" in outcome.reason


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_name_that_leads_to_such_an_address_is_refused_too(connect, transport):
    async with connect(9, host="localhost", allow=(), transport=transport) as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "localhost resolves to an address that is not public" in outcome.reason


async def test_a_hanging_resolver_holds_up_this_connector_until_its_deadline_only(connect, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr("hub.sdk.http.resolve.socket.getaddrinfo", lambda *_, **__: hanging.wait(60))
    started = time.monotonic()

    try:
        async with connect(9, host="hangs.example", deadline_s=0.5) as connector:
            sending = asyncio.create_task(connector.send(BATCH[:1]))
            beats = 0
            while not sending.done():
                await asyncio.sleep(0.01)
                beats += 1
            (outcome,) = await sending
    finally:
        hanging.set()

    assert "within 0.45 s" in outcome.reason
    assert time.monotonic() - started < 30
    assert beats > 1, "the loop went on meanwhile"


async def test_a_receiver_that_answers_is_none_and_what_it_says_is_not_repeated(connect):
    receiver = PlayedReceiver()
    receiver.how = "answers"
    async with receiver, connect(receiver.port) as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "it answered, which no syslog receiver does" in outcome.reason
    assert "ESMTP" not in outcome.reason
