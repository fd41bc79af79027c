"""The story of a syslog receiver that is restarted, and of a hub that dies before a batch has settled."""

from collections import Counter

import pytest

from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import HubProcess, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey"), pytest.mark.timeout(300)]

CONFIG = """
data: .mxhub
tenant: acme
sources:
  hook: {{vendor: mailguard, secrets: [{secret}], signature: hmac-hex}}
connectors:
  siem:
    kind: syslog
    host: 127.0.0.1
    port: {port}
    ca: {ca}
    client_cert: {cert}
    client_key: {key}
    settle_ms: {settle_ms}
    allow_networks: [127.0.0.0/8]
    probe_most_s: 0.5
    match: {{source: hook}}
  beside: {{kind: file, path: beside.ndjson, match: {{source: hook}}}}
"""


@pytest.fixture
def config(syslog_server):
    """Of a hub that sends over TLS, with a client certificate, to a real receiver."""

    def text(settle_ms):
        client = syslog_server.ca.issue("client")
        return CONFIG.format(
            secret=SECRET.decode(), port=syslog_server.ports.tls, ca=syslog_server.ca.file, cert=client.cert,
            key=client.key, settle_ms=settle_ms,
        )  # fmt: skip

    return text


def send(hub, numbers):
    """Ids of what was acknowledged."""
    ids = []
    for n in numbers:
        body = good(n)
        named = {name: value.decode() for name, value in signed("hex", body)}
        status, said = hub.post("/in/hook", body, **named)
        assert status == 202
        ids += said["ids"]
    return ids


def held(server):
    """How often each event came, by the id in its structured data."""
    return Counter(each["sd"]["id"] for each in server.received())


def book(hub, name="siem"):
    return next(each for each in hub.ask("books") if each["connector"] == name)


def test_a_receiver_that_crashes_and_comes_back_gets_every_event_and_holds_up_nobody(
    syslog_server, config, folder
):
    with HubProcess(folder, config=config(settle_ms=1000)) as hub:
        ids = send(hub, range(60))
        until(lambda: book(hub)["delivered"] > 0, 60)
        ids += send(hub, range(60, 120))
        syslog_server.kill()
        ids += send(hub, range(120, 300))
        blocked = until(lambda: book(hub)["blocked"], 60)
        until(lambda: book(hub, "beside")["delivered"] == 300, 60)
        waiting = book(hub)
        syslog_server.start()
        until(lambda: book(hub)["delivered"] == 300, 60)
        until(lambda: set(held(syslog_server)) >= set(ids), 60)

        assert blocked.startswith(f"tls://127.0.0.1:{syslog_server.ports.tls}: ")
        assert waiting["pending"] >= 180
        assert set(held(syslog_server)) == set(ids)
        after = book(hub)
        assert (after["delivered"], after["parked"], after["dropped"], after["pending"]) == (300, 0, 0, 0)
        assert after["recorded"] == 300 + after["filtered"]
        assert after["blocked"] is None


def test_a_hub_killed_before_a_batch_has_settled_sends_it_again_under_the_same_ids(
    syslog_server, config, folder
):
    with HubProcess(folder, config=config(settle_ms=5000)) as hub:
        ids = send(hub, [1])
        until(lambda: held(syslog_server) == Counter(ids), 60)
        hub.kill()
        hub.config.write_text(config(settle_ms=100))
        hub.start()
        until(lambda: book(hub)["delivered"] == 1, 60)

        assert held(syslog_server) == Counter(ids * 2)
        assert book(hub)["pending"] == 0
