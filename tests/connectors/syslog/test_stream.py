"""Connections: what counts as sent, and every way in which it does not."""

import asyncio
import socket
import ssl
import time

import pytest
import uvloop

from connectors.syslog import SPEC, SyslogOptions
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.testing import TestCa
from tests.factories.events import make_entry
from tests.factories.syslog import PlayedReceiver, parse, take_lines

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
        sending = asyncio.create_task(connector.send(BATCH))
        await arrived(receiver, 5)
        started = time.monotonic()
        early = sending.done()
        await sending

        assert not early
        assert time.monotonic() - started > 0.2


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


async def test_on_a_slow_line_what_arrived_counts_and_the_rest_is_blocked(connect):
    batch = [make_entry(n, raw_data=True) for n in range(2000)]
    async with SlowReceiver() as receiver, connect(receiver.port, deadline_s=2.6) as connector:
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
    monkeypatch.setattr("hub.sdk.http.resolve.socket.getaddrinfo", lambda *_, **__: time.sleep(2))
    started = time.monotonic()

    async with connect(9, host="hangs.example", deadline_s=0.5) as connector:
        (outcome,) = await connector.send(BATCH[:1])
        beat = 0
        while time.monotonic() - started < 0.7:
            await asyncio.sleep(0.01)
            beat += 1

    assert "within 0.45 s" in outcome.reason
    assert time.monotonic() - started < 1.9
    assert beat > 3


# -- TLS -----------------------------------------------------------------------------------------------------
@pytest.fixture
def ca(tmp_path):
    return TestCa(tmp_path)


def tls(ca, client=None, **more):
    named = {"transport": "tls", "ca": str(ca.file), **more}
    if client is not None:
        named |= {"client_cert": str(client.cert), "client_key": str(client.key)}
    return named


def limited(context, version):
    context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_missing_client_certificate_is_noticed_before_anything_is_sent(connect, ca, version):
    context = limited(ca.server_context(ca.issue("server"), ask_client=True), version)
    async with (
        PlayedReceiver(context) as receiver,
        connect(receiver.port, **tls(ca), settle_ms=3000) as connector,
    ):
        started = time.monotonic()
        outcomes = await connector.send(BATCH)

    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert "the receiver asks for a client certificate: set client_cert and client_key" in outcomes[0].reason
    assert time.monotonic() - started < 2.9, "the refusal itself was heard, not a settling that went wrong"
    assert receiver.messages == []


async def test_a_client_certificate_of_another_ca_is_noticed_too(connect, ca, tmp_path):
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    stranger = TestCa(elsewhere).issue("client")
    context = ca.server_context(ca.issue("server"), ask_client=True)
    async with (
        PlayedReceiver(context) as receiver,
        connect(receiver.port, **tls(ca, stranger), settle_ms=3000) as it,
    ):
        (outcome,) = await it.send(BATCH[:1])

    assert "does not accept our client certificate" in outcome.reason


async def test_a_certificate_for_another_name_is_refused_unless_that_name_is_expected(connect, ca):
    context = ca.server_context(ca.issue("server"))
    async with PlayedReceiver(context) as receiver:
        async with connect(receiver.port, **tls(ca, server_name="siem.example.org")) as connector:
            (refused,) = await connector.send(BATCH[:1])
        async with connect(receiver.port, **tls(ca, server_name="localhost")) as connector:
            (accepted,) = await connector.send(BATCH[:1])

    assert "the certificate is not accepted" in refused.reason
    assert accepted == Delivered()


async def test_a_certificate_nobody_vouches_for_is_refused(connect, ca):
    context = ca.server_context(ca.issue("server"))
    async with PlayedReceiver(context) as receiver, connect(receiver.port, transport="tls") as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "the certificate is not accepted" in outcome.reason


@pytest.mark.parametrize("right", [True, False])
async def test_a_fingerprint_alone_decides(connect, ca, right):
    server = ca.issue("server")
    shown = server.fingerprint if right else "ab" * 32
    context = ca.server_context(server)
    async with (
        PlayedReceiver(context) as receiver,
        connect(receiver.port, transport="tls", fingerprint=shown) as connector,
    ):
        (outcome,) = await connector.send(BATCH[:1])

    assert (outcome == Delivered()) == right
    assert right or "does not have the expected fingerprint" in outcome.reason


@pytest.mark.parametrize("password", ["open sesame", "wrong"])
async def test_an_encrypted_key_is_opened_with_its_password(connect, ca, password):
    from cryptography.hazmat.primitives import serialization as s

    client = ca.issue("client")
    key = s.load_pem_private_key(client.key.read_bytes(), None)
    client.key.write_bytes(
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"open sesame"))
    )
    context = ca.server_context(ca.issue("server"), ask_client=True)
    named = tls(ca, client, client_key_password=password)
    async with PlayedReceiver(context) as receiver, connect(receiver.port, **named) as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert (outcome == Delivered()) == (password == "open sesame")
    assert password == "open sesame" or (
        "client certificate" in outcome.reason and "wrong" not in outcome.reason
    )


async def test_a_file_that_is_not_there_is_named(connect, tmp_path):
    async with connect(9, transport="tls", ca=str(tmp_path / "no.pem")) as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "no.pem: No such file or directory" in outcome.reason


async def test_tls_to_a_port_that_speaks_plainly_is_blocked(connect, ca):
    receiver = PlayedReceiver()
    receiver.how = "answers"
    async with receiver, connect(receiver.port, **tls(ca)) as connector:
        (outcome,) = await connector.send(BATCH[:1])

    assert "TLS failed" in outcome.reason


def test_the_hubs_own_event_loop_does_it_too(ca):
    """`mxhub run` uses uvloop; its transports count what they hold in their own way."""

    async def main():
        context = ca.server_context(ca.issue("server"), ask_client=True)
        big = [make_entry(n, raw_data=True) for n in range(600)]
        async with PlayedReceiver(context) as receiver:
            said = []
            for client in (ca.issue("client"), None):
                options = SyslogOptions(
                    host="127.0.0.1",
                    port=receiver.port,
                    settle_ms=200,
                    **tls(ca, client),
                )
                spec = SPEC.make(options, Context(name="t", deadline_s=20, allow_networks=("127.0.0.0/8",)))
                async with spec as connector:
                    said.append({type(one) for one in await connector.send(big)})
            return said, taken(receiver), ids(big)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        said, got, wanted = runner.run(main())

    assert said == [{Delivered}, {Blocked}]
    assert got == wanted


def test_the_hubs_own_event_loop_hears_refused_datagrams():
    async def main(port):
        options = SyslogOptions(host="127.0.0.1", port=port, transport="udp", settle_ms=300)
        async with SPEC.make(options, context()) as connector:
            return await connector.send(BATCH)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            port = receiver.getsockname()[1]
            accepted = runner.run(main(port))
            got = [parse(receiver.recv(65_536)).data["id"] for _ in BATCH]
        refused = runner.run(main(port))

    assert accepted == [Delivered()] * 5
    assert got == ids(BATCH)
    assert refused == [Blocked(f"udp://127.0.0.1:{port}: Connection refused")] * 5


# -- probe ---------------------------------------------------------------------------------------------------
def context(deadline_s=5.0):
    return Context(name="probe", deadline_s=deadline_s, allow_networks=("127.0.0.0/8",))


async def test_a_probe_of_tcp_connects_and_writes_nothing():
    async with PlayedReceiver() as receiver:
        options = SyslogOptions(host="127.0.0.1", port=receiver.port, transport="tcp")

        said = await SPEC.probe(options, context())

        assert said == f"tcp://127.0.0.1:{receiver.port} accepts connections"
        assert receiver.connections == 1
    assert receiver.messages == []


async def test_a_probe_hears_a_refusal(ca):
    async with PlayedReceiver(ca.server_context(ca.issue("server"), ask_client=True)) as receiver:
        options = SyslogOptions(host="127.0.0.1", port=receiver.port, ca=ca.file)

        with pytest.raises(DestinationFailed, match="asks for a client certificate"):
            await SPEC.probe(options, context())


async def test_a_probe_ends_with_its_deadline():
    receiver = PlayedReceiver()
    receiver.how = "hangs"
    async with receiver:
        with pytest.raises(DestinationFailed, match="no answer in time"):
            await SPEC.probe(SyslogOptions(host="127.0.0.1", port=receiver.port), context(0.3))


async def test_a_probe_of_udp_says_that_it_cannot_know():
    options = SyslogOptions(host="127.0.0.1", port=9, transport="udp")

    assert "udp cannot tell" in await SPEC.probe(options, context())


async def test_what_a_probe_is_told_by_the_receiver_is_parsed_nowhere():
    receiver = PlayedReceiver()
    receiver.how = "answers"
    async with receiver:
        options = SyslogOptions(host="127.0.0.1", port=receiver.port, transport="tcp")
        connector = SPEC.make(options, context())
        async with connector:
            (outcome,) = await connector.send(BATCH[:1])

    assert "it answered, which no syslog receiver does" in outcome.reason
    assert "ESMTP" not in outcome.reason
    assert not any(parse(each) for each in receiver.messages)
