import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner

from hub.cli import main
from hub.cli.findings import offline_findings
from hub.cli.probes import online_findings
from hub.config import load_text
from hub.config.load import installed
from hub.sdk.connector import DestinationFailed
from hub.sdk.http import Client
from hub.sdk.source import Call, Page, PollFailed
from tests.factories.config import FakeRegistry, acme, pipe


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check(text: str, *arguments: str):
    Path("mxhub.yaml").write_text(text)
    return CliRunner().invoke(main, ["check", *arguments])


def offline(text: str, registry: FakeRegistry | None = None) -> dict[str, tuple[str, str]]:
    registry = registry or FakeRegistry()
    found = offline_findings(load_text(text, registry=registry), registry)
    return {one.subject: (one.state, one.message) for one in found}


async def online(text: str, registry: FakeRegistry) -> dict[str, tuple[str, str]]:
    found = await online_findings(load_text(text, registry=registry), registry)
    return {one.subject: (one.state, one.message) for one in found}


def test_a_broken_configuration_does_not_hold():
    ran = check("lisen: x\ntenant: 5", "--offline")

    assert ran.exit_code == 1
    assert "mxhub.yaml:1:1: unknown key 'lisen'" in ran.stderr
    assert "mxhub.yaml:2:9: this is text" in ran.stderr


@pytest.mark.parametrize(
    ("networks", "says"),
    [
        ("0.0.0.0/0", "clouds hand out credentials"),
        ("169.254.0.0/16", "credentials"),
        ("'::/0'", "very wide"),
    ],
)
def test_a_guard_that_lets_all_pass_is_warned_of(networks, says):
    text = f"connectors: {{out: {{kind: pipe, url: 'https://x', allow_networks: [{networks}]}}}}"

    state, message = offline(text)["connector out"]

    assert (state, says in message) == ("warning", True)


def test_the_networks_of_a_site_are_nothing_odd():
    text = "connectors: {out: {kind: pipe, url: 'https://x', allow_networks: [10.0.0.0/8, 'fc00::/7']}}"

    assert offline(text)["connector out"][0] == "ok"


def test_problems_can_be_read_by_scripts():
    ran = check("lisen: x", "--offline", "--json")

    told = orjson.loads(ran.stdout)
    assert (ran.exit_code, told["ok"], told["findings"]) == (1, False, [])
    assert told["problems"][0] == {
        "file": "mxhub.yaml",
        "line": 1,
        "column": 1,
        "message": "unknown key 'lisen', did you mean 'listen'?",
    }


def test_a_configuration_that_holds_is_exit_0():
    ran = check("sources: {mail: {vendor: mailguard, secrets: [0123456789abcdef]}}", "--json")

    told = orjson.loads(ran.stdout)
    assert (ran.exit_code, told["ok"], told["files"]) == (0, True, ["mxhub.yaml"])
    assert {"subject": "source mail", "state": "ok", "message": "configured (mailguard)"} in told["findings"]


def test_what_cannot_work_does_not_hold():
    ran = check("sources: {mail: {vendor: mailguard}}", "--offline")

    assert ran.exit_code == 1
    assert "nothing can come in" in ran.stdout
    assert "something does not hold" in ran.stderr


def test_what_is_odd_is_a_warning():
    found = offline("""
listen: 0.0.0.0:8787
log: {dedupe_hours: 12}
sources:
  open: {vendor: acme, unsigned: true}
  weak: {vendor: acme, secrets: [abc]}
connectors:
  out: {kind: pipe, url: 'https://x', match: {source: [open, opne], tenant: nobody}}
""")

    assert {state for state, _ in found.values()} == {"warning"}
    assert "without TLS" in found["listen"][1]
    assert "whoever knows the URL" in found["source open"][1]
    assert "secret 1 has 3 characters" in found["source weak"][1]
    assert "no tenant is called 'nobody'; known: default" in found["connector out"][1]


HOOK = "sources: {a: {vendor: acme, secrets: [0123456789abcdef]}}\n"


def test_a_proxy_without_a_public_url_is_a_warning_with_webhooks_only():
    behind = "force_https: true\ntrusted_proxies: 10.0.0.0/8\n"

    state, said = offline(behind + HOOK)["public_url"]

    assert (state, ".../in/a" in said) == ("warning", True)
    assert "public_url" not in offline(behind)
    assert "public_url" not in offline(HOOK)
    assert "public_url" not in offline(behind + HOOK + "public_url: https://hub.example/mx\n")


@pytest.mark.parametrize(
    ("url", "state", "part"),
    [
        ("http://hub.example", "warning", "not https"),
        ("https://hub.example?a=b", "failed", "write scheme, host"),
        ("https://user@hub.example", "failed", "write scheme, host"),
        ("https:///in", "failed", "write scheme, host"),
    ],
)
def test_a_public_url_that_is_odd_is_told(url, state, part):
    found = offline(f"public_url: {url}\n" + HOOK)["public_url"]

    assert found[0] == state
    assert part in found[1]


def test_a_public_url_on_this_machine_may_be_plain():
    assert "public_url" not in offline("public_url: http://127.0.0.1:8787\n" + HOOK)


def test_https_only_without_anything_that_ends_tls_does_not_hold():
    state, said = offline("force_https: true\n" + HOOK)["force_https"]

    assert (state, "trusted_proxies" in said) == ("failed", True)


def test_an_empty_secret_does_not_hold():
    assert offline("sources: {a: {vendor: acme, secrets: ['']}}")["source a"] == (
        "failed",
        "secret 1 is empty",
    )


def test_a_lookback_beyond_the_dedupe_window_is_reported():
    async def page(call: Call, cursor: str | None, now_ms: int) -> Page:
        raise AssertionError

    registry = FakeRegistry(vendors={"acme": acme(page, lookback=page)})

    found = offline(
        "log: {dedupe_hours: 12}\n"
        "sources: {a: {vendor: acme, url: 'https://x', polls: {audit: {lookback_s: 60}}}}",
        registry,
    )

    assert "source a audit" not in found
    assert "looks back 24 h, beyond log.dedupe_hours = 12" in found["source a quarantine"][1]


def test_a_certificate_that_cannot_be_read_does_not_hold():
    found = offline(
        "tls: {cert: /nowhere/c.pem, key: /nowhere/k.pem}\nsources: {a: {vendor: acme, unsigned: true}}"
    )

    assert found["tls"] == (
        "failed",
        "/nowhere/c.pem and /nowhere/k.pem cannot be used: No such file or directory",
    )


@pytest.mark.parametrize("key", ["ca", "client_cert", "client_key"])
@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("syslog", "host: siem.example"),
        ("webhook", "url: 'https://soar.example', secrets: []"),
        ("opensearch", "url: 'https://search.example'"),
    ],
)
def test_a_missing_file_of_a_connector_fails_before_anybody_is_asked(key, kind, where, tmp_path):
    pair = "" if key == "ca" else f"client_cert: {here(tmp_path)}, client_key: {here(tmp_path)}, "
    rest = pair.replace(f"{key}: {here(tmp_path)}, ", "")
    text = f"connectors: {{out: {{kind: {kind}, {where}, {rest}{key}: /nowhere/x.pem}}}}"

    found = [one for one in offline_findings(load_text(text), installed()) if one.subject == "connector out"]

    assert [(one.state, one.message) for one in found] == [
        ("failed", f"{key}: /nowhere/x.pem cannot be read: No such file or directory")
    ]


def here(folder: Path) -> Path:
    """A file that is there."""
    file = folder / "here.pem"
    file.touch()
    return file


def test_a_connector_whose_files_are_there_is_configured(tmp_path):
    text = f"connectors: {{out: {{kind: syslog, host: siem.example, ca: {here(tmp_path)}}}}}"
    found = {one.subject: one.message for one in offline_findings(load_text(text), installed())}

    assert found["connector out"] == "configured (syslog)"


@pytest.fixture
def vendor() -> Iterator[Callable[[Callable[[web.Request], web.Response]], str]]:
    """A vendor's API on loopback: give it the handler, take its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runners: list[web.AppRunner] = []

    async def start(answer: Callable[[web.Request], web.Response]) -> str:
        async def handle(request: web.Request) -> web.Response:
            return answer(request)

        app = web.Application()
        app.router.add_get("/{tail:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield lambda answer: asyncio.run_coroutine_threadsafe(start(answer), loop).result(10)
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def first_page(call: Call, cursor: str | None, now_ms: int) -> Page:
    answer = await call("GET", "/entries", params={"limit": "1"})
    if answer.status != 200:
        raise PollFailed(f"HTTP {answer.status}", refused=answer.status == 401)
    return Page(items=(), cursor="", more=False)


def polled(url: str) -> str:
    return f"""
sources:
  a:
    vendor: acme
    url: {url}
    api_key: k3y
    allow_networks: 127.0.0.0/8
    polls: {{quarantine: {{enabled: false}}}}
"""


async def test_a_source_is_asked_for_its_first_page_with_its_credentials(vendor):
    asked: list[Any] = []

    def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.query["limit"], request.headers["x-key"]))
        return web.Response()

    found = await online(polled(vendor(answer)), FakeRegistry(vendors={"acme": acme(first_page)}))

    assert found == {"source a audit": ("ok", "answers; 0 entries on the first page")}
    assert asked == [("/entries", "1", "k3y")]


@pytest.mark.parametrize(
    ("status", "said"), [(401, "HTTP 401"), (429, "HTTP 429: slow down"), (500, "HTTP 500")]
)
async def test_a_source_that_refuses_does_not_hold(vendor, status, said):
    url = vendor(lambda _: web.Response(status=status))

    found = await online(polled(url), FakeRegistry(vendors={"acme": acme(first_page)}))

    assert found == {"source a audit": ("failed", said)}


async def test_a_source_that_is_not_there_does_not_hold():
    found = await online(polled("http://127.0.0.1:1"), FakeRegistry(vendors={"acme": acme(first_page)}))

    state, message = found["source a audit"]
    assert state == "failed"
    assert "127.0.0.1" in message
    assert "k3y" not in message


async def test_a_source_that_only_receives_is_skipped():
    found = await online("sources: {a: {vendor: acme, secrets: [x]}}", FakeRegistry())

    assert found == {"source a": ("skipped", "it only receives webhooks")}


async def test_connectors_are_asked_by_their_own_probe():
    async def well(options: Any, context: Any) -> str:
        assert (options.url, context.name, context.allow_networks) == ("https://x", "good", ("10.0.0.0/8",))
        return "Pipe 3, 1 node"

    async def ill(options: Any, context: Any) -> str:
        raise DestinationFailed("HTTP 403: no such key")

    async def broken(options: Any, context: Any) -> str:
        raise ZeroDivisionError("oops")

    kinds = {"pipe": pipe(well), "ill": pipe(ill), "broken": pipe(broken), "mute": pipe()}
    text = "connectors:\n" + "".join(
        f"  {name}: {{kind: {kind}, url: 'https://x', allow_networks: 10.0.0.0/8}}\n"
        for name, kind in (("good", "pipe"), ("bad", "ill"), ("odd", "broken"), ("none", "mute"))
    )

    found = await online(text, FakeRegistry(kinds=kinds))

    assert found == {
        "connector good": ("ok", "Pipe 3, 1 node"),
        "connector bad": ("failed", "HTTP 403: no such key"),
        "connector odd": ("failed", "ZeroDivisionError: oops"),
        "connector none": ("skipped", "mute has no probe"),
    }


async def test_a_log_server_that_does_not_answer_does_not_hold():
    found = await online("redis_url: redis://127.0.0.1:1/0", FakeRegistry())

    state, message = found["redis_url"]
    assert state == "failed"
    assert "127.0.0.1:1" in message


@pytest.mark.parametrize(("text", "told"), [("core:", False), ("tenant: acme", True)])
def test_without_sources_nothing_comes_in_unless_the_core_is_one(text, told):
    ran = check(text, "--offline")

    assert ran.exit_code == 0
    assert ("nothing comes in" in ran.stdout) == told


def test_the_client_is_the_hubs_own():
    assert Client.__module__ == "hub.sdk.http.client"
