"""TLS: who vouches for whom, and how a refusal is heard; what a probe finds."""

import asyncio
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
from tests.factories.syslog import PlayedReceiver

BATCH = [make_entry(n) for n in range(5)]


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
        connect(receiver.port, **tls(ca), settle_ms=5000) as connector,
    ):
        started = time.monotonic()
        outcomes = await connector.send(BATCH)

    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert "the receiver asks for a client certificate: set client_cert and client_key" in outcomes[0].reason
    assert time.monotonic() - started < 4.9, "the refusal itself was heard, not a settling that went wrong"
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
            got = [each.data["id"] for each in receiver.parsed()]
            return said, got, [uid_text(entry.uid) for entry in big]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        said, got, wanted = runner.run(main())

    assert said == [{Delivered}, {Blocked}]
    assert got == wanted


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
