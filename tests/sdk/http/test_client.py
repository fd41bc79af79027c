"""The outgoing client against servers on loopback."""

import asyncio
import gzip
import socket
import threading
import time

import pytest

from hub.sdk.http import (
    BadAnswer,
    Client,
    DeadlineExceeded,
    HttpError,
    Refused,
    Tls,
    TlsFailed,
    TooLarge,
    Unreachable,
    Unsendable,
    user_agent,
)
from hub.sdk.testing import HangingServer, Reply, StrictServer, TestCa

LOOPBACK = ("127.0.0.0/8", "::1/128")


def client(**options):
    return Client(**{"deadline_s": 5.0, "allow_networks": LOOPBACK, **options})


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return TestCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def identity(ca):
    return ca.issue("server")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_an_answer_has_status_headers_and_body():
    async with StrictServer() as server, client() as http:
        server.expect("POST", "/a", Reply(status=207, body=b"yes", headers={"X-Two": "1"}))

        answer = await http.request("POST", f"{server.url}/a?b=1", params={"c": "2"}, body=b"{}")

        assert (answer.status, answer.body, answer.headers["x-two"]) == (207, b"yes", "1")
        assert server.received[0].query == {"b": "1", "c": "2"}
        assert server.received[0].body == b"{}"
        assert server.received[0].headers["user-agent"] == user_agent()


async def test_a_redirect_is_an_answer_and_nobody_follows_it():
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(status=302, headers={"Location": "http://169.254.169.254/"}))

        assert (await http.request("GET", server.url)).status == 302


async def test_cookies_are_not_kept():
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(headers={"Set-Cookie": "a=b"}), times=2)

        await http.request("GET", server.url)
        await http.request("GET", server.url)

        assert "cookie" not in server.received[1].headers


async def test_credentials_in_the_url_become_a_header():
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply())

        await http.request("GET", server.url.replace("//", "//hub:p%C3%A4ss@"))

        assert server.received[0].headers["authorization"] == "Basic aHViOnDDpHNz"


async def test_retry_after_is_read():
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(status=429, headers={"Retry-After": "7"}))

        assert (await http.request("GET", server.url)).retry_after_s == 7.0


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(body=b"direct"))

        assert (await http.request("GET", server.url)).body == b"direct"


# -- limits --------------------------------------------------------------------------------------------------
async def test_an_answer_that_announces_too_much_is_not_read():
    async with StrictServer() as server, client(max_bytes=1000) as http:
        server.expect("GET", "/", Reply(body=b"x" * 1001))

        with pytest.raises(TooLarge, match="1001 bytes"):
            await http.request("GET", server.url)


async def test_an_answer_at_the_limit_passes():
    async with StrictServer() as server, client(max_bytes=1000) as http:
        server.expect("GET", "/", Reply(body=b"x" * 1000))

        assert len((await http.request("GET", server.url)).body) == 1000


async def test_a_compressed_answer_is_measured_unpacked():
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with StrictServer() as server, client(max_bytes=100_000) as http:
        server.expect("GET", "/", Reply(body=bomb, headers={"Content-Encoding": "gzip"}))

        with pytest.raises(TooLarge, match="100000"):
            await http.request("GET", server.url)


async def test_an_endless_answer_ends_at_the_limit():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
    async with HangingServer(head) as server, client(max_bytes=4000) as http:
        with pytest.raises(TooLarge):
            await http.request("GET", server.url)


@pytest.mark.parametrize(
    ("says", "drip_s"),
    [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\nX-A: ", 0.05),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 0.05),
    ],
    ids=["silence", "a head without end", "a slow body"],
)
async def test_the_deadline_covers_the_whole_exchange(says, drip_s):
    async with HangingServer(says, drip_s=drip_s) as server, client() as http:
        started = time.monotonic()

        with pytest.raises(DeadlineExceeded):
            await http.request("GET", server.url, deadline_s=0.3)

        assert time.monotonic() - started < 1.0


async def test_waiting_for_a_free_connection_counts():
    async with HangingServer() as server, client(connections=1) as http:
        first = asyncio.create_task(http.request("GET", server.url, deadline_s=2))
        await asyncio.sleep(0.05)

        with pytest.raises(DeadlineExceeded):
            await http.request("GET", server.url, deadline_s=0.2)

        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_cancelled_request_is_cancelled_and_the_client_goes_on():
    async with HangingServer() as hanging, StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(body=b"ok"))
        task = asyncio.create_task(http.request("GET", hanging.url))
        await asyncio.sleep(0.05)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await http.request("GET", server.url)).body == b"ok"


# -- what cannot be reached ----------------------------------------------------------------------------------
async def test_a_refused_connection_is_unreachable():
    async with client() as http:
        with pytest.raises(Unreachable, match=r"refused|Connect"):
            await http.request("GET", f"http://127.0.0.1:{closed_port()}")


async def test_a_connection_that_breaks_is_unreachable():
    async with StrictServer() as server, client() as http:
        server.expect("POST", "/", Reply(hang_up=True))

        with pytest.raises(Unreachable, match=r"closed|reset"):
            await http.request("POST", server.url)


@pytest.mark.parametrize("says", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\0\1\2\3" * 10 + b"\r\n\r\n"])
async def test_what_is_no_http_is_a_bad_answer(says):
    async with HangingServer(says) as server, client() as http:
        with pytest.raises(BadAnswer):
            await http.request("GET", server.url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example/s3cret",
        "s3cret",
        "",
        "http://",
        "http:///s3cret",
        "http://[s3cret",
        "http://h:99999/s3cret",
    ],
)
async def test_what_is_no_web_url_is_unsendable(url):
    async with client() as http:
        with pytest.raises(Unsendable) as failed:
            await http.request("GET", url)

    assert "s3cret" not in str(failed.value)


async def test_a_header_with_a_newline_is_unsendable():
    async with StrictServer() as server, client() as http:
        with pytest.raises(Unsendable):
            await http.request("GET", server.url, headers={"X-A": "a\r\nX-B: b"})


async def test_a_closed_client_says_so():
    http = client()
    await http.close()
    await http.close()

    with pytest.raises(Unsendable, match="closed"):
        await http.request("GET", "http://127.0.0.1:1")


async def test_no_message_holds_more_of_the_url_than_its_origin():
    async with client() as http:
        with pytest.raises(HttpError) as failed:
            await http.request("GET", f"http://u:s3cret@127.0.0.1:{closed_port()}/s3cret?sig=s3cret")

    assert "s3cret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


# -- the guard -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[64:ff9b::7f00:1]"]
)
async def test_a_literal_address_is_refused(host):
    async with Client(deadline_s=2) as http:
        with pytest.raises(Refused, match="allow_networks"):
            await http.request("GET", f"http://{host}:9/")


async def test_a_name_of_a_special_address_is_refused():
    async with Client(deadline_s=2) as http:
        with pytest.raises(Refused, match="localhost resolves to an address that is not public"):
            await http.request("GET", "http://localhost:9/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_an_address_in_disguise_is_not_reached(host):
    async with StrictServer() as server, Client(deadline_s=2) as http:
        port = server.url.rpartition(":")[2]

        with pytest.raises(HttpError):
            await http.request("GET", f"http://{host}:{port}/")

        assert server.received == []


async def test_a_name_with_one_public_address_uses_only_that_one(monkeypatch):
    asked = []

    def addresses(host, port, **_):
        asked.append(host)
        found = ("10.0.0.1", "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    async with StrictServer() as server, client() as http:
        server.expect("GET", "/", Reply(body=b"loopback"))
        port = server.url.rpartition(":")[2]

        answer = await http.request("GET", f"http://split.example:{port}/")

        assert answer.body == b"loopback"
        assert asked == ["split.example"]


async def test_a_hanging_look_up_holds_up_only_its_own_client(monkeypatch):
    release = threading.Event()
    real = socket.getaddrinfo

    def addresses(host, *args, **kwargs):
        if host == "hangs.example":
            release.wait(10)
        return real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    try:
        async with StrictServer() as server, client() as other, client() as stuck:
            server.expect("GET", "/", Reply(body=b"ok"))
            port = server.url.rpartition(":")[2]
            waiting = [
                asyncio.create_task(stuck.request("GET", f"http://hangs.example:{n}/", deadline_s=1.0))
                for n in range(1, 9)
            ]
            await asyncio.sleep(0.05)
            started = time.monotonic()

            assert (await other.request("GET", f"http://fine.example:{port}/")).body == b"ok"

            assert time.monotonic() - started < 0.9
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(each) for each in ended} == {DeadlineExceeded}
    finally:
        release.set()


# -- TLS -----------------------------------------------------------------------------------------------------
async def test_a_certificate_nobody_vouches_for_is_refused(ca, identity):
    async with StrictServer(ca.server_context(identity)) as server, client() as http:
        with pytest.raises(TlsFailed, match="certificate"):
            await http.request("GET", server.url)


async def test_a_private_ca_is_trusted_when_named(ca, identity):
    async with StrictServer(ca.server_context(identity)) as server, client(tls=Tls(ca=ca.file)) as http:
        server.expect("GET", "/", Reply(body=b"ok"))

        assert (await http.request("GET", server.url)).body == b"ok"


async def test_a_pinned_certificate_is_trusted_without_a_ca(ca, identity):
    pinned = Tls(fingerprint=identity.fingerprint.upper())
    async with StrictServer(ca.server_context(identity)) as server, client(tls=pinned) as http:
        server.expect("GET", "/", Reply(body=b"ok"))

        assert (await http.request("GET", server.url)).body == b"ok"


async def test_another_certificate_than_the_pinned_one_is_refused(ca, identity):
    pinned = Tls(ca=ca.file, fingerprint="00" * 32)
    async with StrictServer(ca.server_context(identity)) as server, client(tls=pinned) as http:
        with pytest.raises(TlsFailed, match="fingerprint"):
            await http.request("GET", server.url)

        assert server.received == []


async def test_a_ca_counts_also_beside_a_pinned_certificate(ca, identity, tmp_path):
    other = TestCa(tmp_path)
    both = Tls(ca=other.file, fingerprint=identity.fingerprint)
    async with StrictServer(ca.server_context(identity)) as server, client(tls=both) as http:
        with pytest.raises(TlsFailed, match="certificate"):
            await http.request("GET", server.url)


async def test_a_client_certificate_is_shown(ca, identity):
    ours = ca.issue("client")
    context = ca.server_context(identity, ask_client=True)
    async with StrictServer(context) as server:
        server.expect("GET", "/", Reply(body=b"ok"))
        async with client(tls=Tls(ca=ca.file, cert=ours.cert, key=ours.key)) as http:
            assert (await http.request("GET", server.url)).body == b"ok"
        async with client(tls=Tls(ca=ca.file)) as http:
            with pytest.raises(HttpError):
                await http.request("GET", server.url)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ca": "missing.pem"}, "missing.pem: No such file"),
        ({"ca": "junk.pem"}, "junk.pem: not a PEM file"),
        ({"ca": "broken.pem"}, "broken.pem: no certificate"),
        ({"cert": "junk.pem"}, "junk.pem: not a PEM file"),
        ({"cert": "broken.pem"}, "broken.pem: key and certificate"),
        ({"fingerprint": "abc"}, "64 hexadecimal digits"),
    ],
)
async def test_tls_files_that_cannot_be_used_are_named(tmp_path, options, says):
    (tmp_path / "junk.pem").write_bytes(b"junk")
    (tmp_path / "broken.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    paths = {name: value if name == "fingerprint" else tmp_path / value for name, value in options.items()}

    async with client(tls=Tls(**paths)) as http:
        with pytest.raises(TlsFailed, match=says):
            await http.request("GET", "https://127.0.0.1:9")
