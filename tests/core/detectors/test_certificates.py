import asyncio
import os
from contextlib import suppress

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from core.detectors import certificates
from core.detectors.certificate_endpoints import Endpoint, Endpoints
from core.detectors.certificate_files import look_at
from core.detectors.certificates import Look
from core.store import estate
from core.store.clock import DAY_MS
from hub.sdk.http.guard import Guard
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.detectors import certificate, key_pem, pem, seen, server_context, silent_server


async def detect(tx, look=None, day=0.0, **changes):
    now_ms = NOW_MS + round(day * DAY_MS)
    found = await certificates.detect(tx, now_ms, chain=chain(), look=look, **changes)
    return [(each.name, each.data) for each in found]


async def test_each_threshold_is_told_once(tx):
    look = Look(seen=(seen("a1", 40),))
    told = [(day, data) for day in range(43) for _, data in await detect(tx, look, day)]

    assert [(day, data["threshold_days"], data["days_left"]) for day, data in told] == [
        (10, 30, 30),
        (26, 14, 14),
        (33, 7, 7),
        (39, 1, 1),
        (40, 0, 0),
    ]


async def test_thresholds_missed_while_off_are_told_as_one(tx):
    look = Look(seen=(seen("a1", 5),))

    ((name, data),) = await detect(tx, look)
    assert (name, data["threshold_days"], data["sources"]) == ("cert.expiring", 7, ["mx1.pem"])
    assert await detect(tx, look) == []


async def test_a_clock_that_goes_back_tells_nothing_again(tx):
    look = Look(seen=(seen("a1", 5),))
    await detect(tx, look)

    assert await detect(tx, look, -3) == []
    assert await detect(tx, look, 0.5) == []


async def test_a_renewed_certificate_closes_the_one_that_was_told(tx):
    await detect(tx, Look(seen=(seen("a1", 5),)))
    ((name, data),) = await detect(tx, Look(seen=(seen("b2", 95),)))

    assert (name, data["serial"], data["resolution"]) == ("cert.resolved", "a1", "renewed")
    assert data["replaced_by"] == "b2"
    assert [each.serial for each in await estate.certificates(tx)] == ["b2"]


async def test_one_that_was_not_told_is_replaced_without_a_word(tx):
    await detect(tx, Look(seen=(seen("a1", 60),)))

    assert await detect(tx, Look(seen=(seen("b2", 95),))) == []


async def test_a_removed_certificate_is_closed_too(tx):
    await detect(tx, Look(seen=(seen("a1", 5),)))

    assert [(name, data["resolution"]) for name, data in await detect(tx, Look())] == [
        ("cert.resolved", "removed")
    ]


async def test_a_certificate_in_two_places_is_told_once_and_closed_when_both_have_another(tx):
    both = Look(seen=(seen("a1", 5), seen("a1", 5, "tls://mx1:443")))
    half = Look(seen=(seen("b2", 95), seen("a1", 5, "tls://mx1:443")))
    done = Look(seen=(seen("b2", 95), seen("b2", 95, "tls://mx1:443")))

    assert [data["sources"] for _, data in await detect(tx, both)] == [["mx1.pem", "tls://mx1:443"]]
    assert await detect(tx, half) == []
    assert [name for name, _ in await detect(tx, done)] == ["cert.resolved"]


async def test_a_source_that_cannot_be_read_changes_nothing(tx):
    await detect(tx, Look(seen=(seen("a1", 5, "/certs/mx1.pem"),)))

    assert await detect(tx, Look(failed={"/certs/mx1.pem": "gone"})) == []
    assert await detect(tx, Look(failed={"/certs": "permission denied"})) == []
    assert [each.serial for each in await estate.certificates(tx)] == ["a1"]


async def test_equal_serials_of_two_issuers_are_two_certificates(tx):
    look = Look(seen=(seen("1", 5), seen("1", 6, "b.pem", sha256="f" * 64, issuer="CN=Other")))

    assert len(await detect(tx, look)) == 2
    assert len(await estate.certificates(tx)) == 2
    assert await detect(tx, look) == []


def test_files_and_folders_are_looked_at(tmp_path):
    folder = tmp_path / "certs"
    folder.mkdir()
    leaf, issuing = certificate(20, serial=1), certificate(900, name="ca", serial=2)
    (folder / "chain.pem").write_bytes(key_pem() + pem(leaf, issuing))
    (folder / "key.pem").write_bytes(key_pem())
    (folder / "readme.txt").write_text("nothing to see")
    (tmp_path / "one.crt").write_bytes(pem(certificate(serial=3)))
    look = look_at([folder, tmp_path / "one.crt"])

    assert look.failed == {}
    assert [(each.source.rpartition("/")[2], each.serial) for each in look.seen] == [
        ("chain.pem", "1"),
        ("chain.pem", "2"),
        ("one.crt", "3"),
    ]
    assert look.seen[0].subject == "CN=mx1.acme.example"
    assert look.seen[0].not_after_ms == NOW_MS // 1000 * 1000 + 20 * DAY_MS


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "junk.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "junk.der").write_bytes(b"\x30\x03abc")
    (tmp_path / "large.pem").write_bytes(b"x" * (1024 * 1024 + 1))
    (tmp_path / "many.pem").write_bytes(pem(certificate()) * 21)
    os.mkfifo(tmp_path / "pipe.pem")
    look = look_at([tmp_path, tmp_path / "absent.pem"])
    reasons = {source.rpartition("/")[2]: reason for source, reason in look.failed.items()}

    assert look.seen == ()
    assert reasons == {
        "junk.pem": "no certificate that can be read",
        "junk.der": "no certificate that can be read",
        "large.pem": "larger than 1048576 bytes",
        "many.pem": "more than 20 certificates in one file: name the server's own",
        "pipe.pem": "not a regular file",
        "absent.pem": "No such file or directory",
    }


@pytest.fixture
async def loopback():
    found = Endpoints(Guard(["127.0.0.0/8"]), timeout_s=5)
    yield found
    await found.close()


async def test_a_tls_server_shows_its_certificate(tmp_path, loopback):
    context = server_context(tmp_path, certificate(12, serial=0xBEEF))
    over = asyncio.Event()

    async def serve(reader, writer):
        with suppress(OSError):
            await reader.read()
            writer.close()
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        endpoint = Endpoint("tls", "127.0.0.1", server.sockets[0].getsockname()[1])
        look = await loopback.look_at([endpoint])
        await asyncio.wait_for(over.wait(), 60)

    assert [(each.serial, each.source) for each in look.seen] == [("beef", str(endpoint))]
    assert look.failed == {}


class Smtp(Controller):
    """An SMTP server that offers STARTTLS."""

    context = None

    def factory(self):
        return SMTP(self.handler, tls_context=self.context, enable_SMTPUTF8=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
async def test_a_mail_server_shows_its_certificate_after_starttls(tmp_path, loopback):
    server = Smtp(object(), hostname="127.0.0.1", port=0)
    server.context = server_context(tmp_path, certificate(12, serial=0xCAFE))
    server.port = free_port()
    server.start()
    try:
        look = await loopback.look_at([Endpoint("smtp", "127.0.0.1", server.port)])
    finally:
        server.stop()

    assert [each.serial for each in look.seen] == ["cafe"]


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def test_servers_that_do_not_answer_are_named_and_hold_up_nobody(loopback):
    loopback._timeout_s = 0.5
    with silent_server() as silent:
        closed = free_port()
        look = await loopback.look_at(
            [Endpoint(kind, "127.0.0.1", port) for kind in ("tls", "smtp") for port in (silent, closed)]
        )

    assert look.seen == ()
    assert len(look.failed) == 4
    assert look.failed[f"tls://127.0.0.1:{silent}"] == "no answer in time"


async def test_no_private_address_is_asked():
    endpoints = Endpoints(Guard(), timeout_s=5)
    look = await endpoints.look_at([Endpoint("tls", "127.0.0.1", 443), Endpoint("smtp", "localhost", 25)])
    await endpoints.close()

    assert all("loopback" in reason for reason in look.failed.values())
    assert len(look.failed) == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mail.example.com", "tls://mail.example.com:443"),
        ("mail.example.com:993", "tls://mail.example.com:993"),
        ("smtp://MX1.example.com", "smtp://mx1.example.com:25"),
        ("[2001:db8::7]:465", "tls://[2001:db8::7]:465"),
    ],
)
def test_an_endpoint_is_written_as_host_and_port(text, wanted):
    assert str(Endpoint.parse(text)) == wanted


@pytest.mark.parametrize("text", ["", ":443", "a:0", "a:65536", "a:x", "ftp://a", "a:१"])
def test_what_is_no_endpoint_is_refused(text):
    with pytest.raises(ValueError, match="STARTTLS"):
        Endpoint.parse(text)
