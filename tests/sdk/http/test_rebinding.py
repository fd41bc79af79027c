"""What an attacker tries with names, redirects and spellings. `VICTIM` must never be connected to.

127.0.0.2 plays a public address (it is allowed), 127.0.0.1 one of our own machines (it is not).
"""

import socket
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hub.sdk.http import Client, HttpError, Refused, Unsendable
from hub.sdk.http import client as client_module

GOOD, VICTIM = "127.0.0.2", "127.0.0.1"


class Pair:
    """A server on each address, on one port."""

    def __init__(self):
        self.good, self.victim, self.port = [], [], 0
        self.answer = web.Response

    async def handle(self, request):
        peer = request.transport.get_extra_info("sockname")[0]
        (self.good if peer == GOOD else self.victim).append(request.headers.get("Authorization"))
        return self.answer()


@asynccontextmanager
async def serving():
    pair, app = Pair(), web.Application()
    app.router.add_route("*", "/{rest:.*}", pair.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, VICTIM, 0).start()
    pair.port = runner.addresses[0][1]
    await web.TCPSite(runner, GOOD, pair.port).start()
    try:
        yield pair
    finally:
        await runner.cleanup()


@pytest.fixture
async def pair():
    async with serving() as found:
        yield found


@pytest.fixture
def answers(monkeypatch):
    """Plays the name server: each look-up takes the next answer, the last one stays."""

    class Answers(list):
        asked = 0

    script = Answers([[GOOD]])
    real = socket.getaddrinfo

    def look_up(host, port, **options):
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(host, port, **options)
        found = script[min(script.asked, len(script) - 1)]
        script.asked += 1
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in found]
        return [
            (family, socket.SOCK_STREAM, 6, "", (each, port))
            for each, family in zip(found, families, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return script


def client(**options):
    return Client(**{"deadline_s": 5.0, "allow_networks": (f"{GOOD}/32",), **options})


async def test_the_address_that_was_judged_is_the_one_that_is_used(pair, answers):
    answers[:] = [[GOOD], [VICTIM]]
    async with client() as http:
        for _ in range(3):
            await http.request("GET", f"http://rebind.example:{pair.port}/")

    assert (len(pair.good), pair.victim, answers.asked) == (3, [], 1)


async def test_a_later_look_up_is_judged_anew(pair, answers, monkeypatch):
    monkeypatch.setattr(client_module, "_DNS_TTL_S", 0)
    answers[:] = [[GOOD], [VICTIM]]
    async with client() as http:
        await http.request("GET", f"http://rebind.example:{pair.port}/", headers={"Connection": "close"})
        with pytest.raises(Refused, match=r"rebind\.example resolves to an address that is not public"):
            await http.request("GET", f"http://rebind.example:{pair.port}/")

    assert (len(pair.good), pair.victim, answers.asked) == (1, [], 2)


@pytest.mark.parametrize(
    "answer",
    [[GOOD, VICTIM], [VICTIM, GOOD], [VICTIM, "10.0.0.1", GOOD, "::1"], ["::ffff:127.0.0.1", GOOD]],
    ids=str,
)
async def test_of_a_mixed_answer_only_the_public_address_is_used(pair, answers, answer):
    answers[:] = [answer]
    async with client() as http:
        await http.request("GET", f"http://mixed.example:{pair.port}/")

    assert (len(pair.good), pair.victim) == (1, [])


async def test_of_a_mixed_answer_nothing_else_is_tried_when_the_public_address_is_dead(answers, pair):
    answers[:] = [["127.0.0.3", VICTIM]]
    async with client(allow_networks=("127.0.0.3/32",)) as http:
        with pytest.raises(HttpError):
            await http.request("GET", f"http://mixed.example:{pair.port}/")

    assert pair.victim == []


@pytest.mark.parametrize("name", ["localhost", "localhost.", "LOCALHOST", "sub.localhost", "ⓛocalhost"])
async def test_a_name_for_this_machine_is_refused(pair, name):
    async with client() as http:
        with pytest.raises(HttpError) as failed:
            await http.request("GET", f"http://{name}:{pair.port}/")

    assert pair.victim == []
    assert isinstance(failed.value, Refused) or "does not resolve" in str(failed.value)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::1%25lo]",
        "１２７.０.０.１",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "good.example@127.0.0.1",
        "good.example:80@127.0.0.1",
        "1.1.1.1 &@127.0.0.1",
    ],
)
async def test_our_own_machine_in_disguise_is_refused(pair, host):
    head, at, tail = host.rpartition("@")
    async with client() as http:
        with pytest.raises(Refused):
            await http.request("GET", f"http://{head}{at}{tail}:{pair.port}/")

    assert pair.victim == []


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example\\@127.0.0.1:{port}/",
        "http://%31%32%37.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "unix:///run/secret.sock",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://[127.0.0.1]:{port}/",
    ],
)
async def test_a_url_that_libraries_read_differently_is_not_sent(pair, url):
    async with client() as http:
        with pytest.raises(HttpError) as failed:
            await http.request("GET", url.format(port=pair.port))

    assert pair.victim == []
    assert isinstance(failed.value, Unsendable | Refused) or "does not resolve" in str(failed.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_an_answer_and_never_followed(pair, answers, status):
    location = f"http://{VICTIM}:{pair.port}/latest/meta-data/"
    pair.answer = lambda: web.Response(status=status, headers={"Location": location})
    async with client() as http:
        answer = await http.request("POST", f"http://hook.example:{pair.port}/", body=b"{}")

    assert (answer.status, len(pair.good), pair.victim) == (status, 1, [])


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_in_the_environment_gets_nothing(pair, answers, variable, monkeypatch):
    monkeypatch.setenv(variable, f"http://{VICTIM}:{pair.port}")
    async with client() as http:
        await http.request("GET", f"http://hook.example:{pair.port}/")

    assert (len(pair.good), pair.victim) == (1, [])


async def test_a_password_file_adds_no_credentials(pair, answers, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine hook.example login root password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with client() as http:
        await http.request("GET", f"http://hook.example:{pair.port}/")

    assert pair.good == [None]
