"""An operator whose Redis came back with less than it had acknowledged."""

import pytest
import redis

from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import HubProcess, mxhub, until
from tests.factories.valkey import start_valkey

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

CONFIG = f"""
data: .mxhub
redis_url: "URL"
accept_weaker: true
sources:
  hook: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-hex}}
connectors:
  all: {{kind: file, path: all.ndjson}}
"""


@pytest.fixture
def server():
    process = start_valkey()
    yield process
    process.stop()


def post(hub, n):
    body = good(n)
    status, said = hub.post("/in/hook", body, **{k: v.decode() for k, v in signed("hex", body)})
    return status, said.get("error", {}).get("code", "")


def save(server):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.save()


def trimmed(server):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        return int(client.hget("mxhub:{p0}:head", "trim"))


@pytest.mark.timeout(180)
def test_the_hub_says_so_and_the_operator_chooses_to_believe_the_log(folder, server):
    with HubProcess(folder, config=CONFIG.replace("URL", server.url)) as hub:
        assert post(hub, 1) == (202, "")
        until(lambda: trimmed(server) >= 1)
        save(server)
        assert post(hub, 2) == (202, "")
        until(lambda: trimmed(server) >= 2)
        server.kill()
        server.start()

        until(lambda: post(hub, 3) == (503, "log_rolled_back"), 60)
        assert b"stop every process of this hub" in hub.get("/readyz")[1]
        assert "hub.log.rolled_back" in hub.said()
        assert hub.stop() == 0
    refused = mxhub("run", "--listen", "127.0.0.1:0", cwd=folder)
    assert refused.returncode == 3, refused.stderr
    assert "--believe-log" in refused.stderr

    (folder / ".mxhub" / "archive").rename(folder / "archive before")
    with HubProcess(folder, options=["--believe-log"]) as hub:
        assert post(hub, 3) == (202, "")
        until(lambda: trimmed(server) >= 2)

        (book,) = hub.ask("books")
        assert book["delivered"] == book["recorded"]
        event = hub.ask("events", "--code", "hub.log_rolled_back", "--limit", "1")
        assert "went back to event 1 after event 2" in event["message"]
