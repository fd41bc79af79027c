"""UDP: one message a datagram, paced; a refusal is heard."""

import asyncio
import socket

import pytest
import uvloop

from connectors.syslog import SPEC, SyslogOptions
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered
from hub.sdk.connector import Context
from tests.factories.events import make_entry
from tests.factories.syslog import parse


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


async def take(sock, count):
    async with asyncio.timeout(60):
        return [await asyncio.get_running_loop().sock_recv(sock, 65_536) for _ in range(count)]


async def test_each_event_is_a_datagram_of_at_most_1180_bytes(connect, receiver):
    batch = [make_entry(n, raw_data=True) for n in range(60)]
    async with connect(receiver.getsockname()[1], transport="udp") as connector:
        outcomes, got = await asyncio.gather(connector.send(batch), take(receiver, 60))

    assert set(outcomes) == {Delivered()}
    assert [parse(each).data["id"] for each in got] == [uid_text(entry.uid) for entry in batch]
    assert max(map(len, got)) <= 1180


async def test_a_refusal_blocks_the_batch_and_the_next_one_tries_anew(connect, receiver):
    port = receiver.getsockname()[1]
    batch = [make_entry(n) for n in range(3)]
    async with connect(port, transport="udp", settle_ms=500) as connector:
        receiver.close()
        refused = await connector.send(batch)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
            accepted = await connector.send(batch)

    assert refused == [Blocked(f"udp://127.0.0.1:{port}: Connection refused")] * 3
    assert accepted == [Delivered()] * 3


async def test_the_pace_is_kept_and_what_the_deadline_leaves_over_is_blocked(connect, receiver):
    batch = [make_entry(n) for n in range(200)]
    async with connect(
        receiver.getsockname()[1], transport="udp", datagrams_per_s=100, deadline_s=1.0
    ) as connector:
        outcomes = await connector.send(batch)

    sent = outcomes.count(Delivered())
    assert 0 < sent < 200
    assert outcomes == [Delivered()] * sent + [outcomes[-1]] * (200 - sent)
    assert isinstance(outcomes[-1], Blocked)


async def test_ipv6_works_where_the_machine_has_it(connect):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        sock.setblocking(False)
        async with connect(sock.getsockname()[1], host="::1", transport="udp") as connector:
            outcomes, got = await asyncio.gather(connector.send([make_entry(1)]), take(sock, 1))

    assert outcomes == [Delivered()]
    assert parse(got[0]).app_name == "mxhub"


def test_the_hubs_own_event_loop_hears_refused_datagrams():
    batch = [make_entry(n) for n in range(5)]

    async def main(port):
        options = SyslogOptions(host="127.0.0.1", port=port, transport="udp", settle_ms=300)
        async with SPEC.make(
            options, Context(name="t", deadline_s=20, allow_networks=("127.0.0.0/8",))
        ) as connector:
            return await connector.send(batch)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            port = receiver.getsockname()[1]
            accepted = runner.run(main(port))
            got = [parse(receiver.recv(65_536)).data["id"] for _ in batch]
        refused = runner.run(main(port))

    assert accepted == [Delivered()] * 5
    assert got == [uid_text(entry.uid) for entry in batch]
    assert refused == [Blocked(f"udp://127.0.0.1:{port}: Connection refused")] * 5
