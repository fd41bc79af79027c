"""`mxhub serve` and two workers over one external server."""

from collections import Counter

import orjson
import pytest

from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import HubProcess, mxhub, until
from tests.factories.valkey import start_valkey

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

CONFIG = f"""
data: .mxhub
redis_url: "URL"
sources:
  hook: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-hex}}
connectors:
  all: {{kind: file, path: all.ndjson}}
"""


@pytest.fixture
def server():
    process = start_valkey(appendonly="yes", appendfsync="always")
    yield process
    process.stop()


def send(hub, numbers):
    ids = []
    for n in numbers:
        body = good(n)
        status, said = hub.post("/in/hook", body, **{k: v.decode() for k, v in signed("hex", body)})
        assert status == 202
        ids += said["ids"]
    return ids


def delivered(folder):
    path = folder / "all.ndjson"
    raw = path.read_bytes().splitlines() if path.exists() else []
    return Counter(orjson.loads(line)["metadata"]["uid"] for line in raw)


@pytest.mark.timeout(120)
def test_events_go_on_while_a_worker_is_killed_and_the_other_takes_over(folder, server):
    config = CONFIG.replace("URL", server.url)
    with (
        HubProcess(folder, command="serve", config=config, name="serve") as serve,
        HubProcess(folder, command="worker", listen=None, name="first") as first,
        HubProcess(folder, command="worker", listen=None, name="second") as second,
    ):
        ids = send(serve, range(50))
        until(lambda: set(delivered(folder)) == set(ids))
        first.kill()
        ids += send(serve, range(50, 100))
        until(lambda: set(delivered(folder)) == set(ids), 30)

        (book,) = serve.ask("books")
        assert (book["recorded"], book["delivered"], book["pending"]) == (100, 100, 0)
        until(lambda: len(serve.ask("events", "--limit", "1", "--code", "quarantine.added")) > 0, 30)
        assert (second.stop(), serve.stop()) == (0, 0)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_a_shared_log_they_refuse_to_start(folder, command):
    done = mxhub(command, cwd=folder)

    assert done.returncode == 2
    assert "redis_url" in done.stderr


def test_a_server_that_does_not_keep_what_it_acknowledges_is_refused(folder):
    weak = start_valkey()
    try:
        (folder / "mxhub.yaml").write_text(CONFIG.replace("URL", weak.url))

        done = mxhub("serve", "--listen", "127.0.0.1:0", cwd=folder)
    finally:
        weak.stop()

    assert done.returncode == 3
    assert "appendonly" in done.stderr
