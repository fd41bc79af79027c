"""Starting, stopping, crashing, reloading: what is acknowledged stays, once each."""

import json
from collections import Counter
from signal import SIGHUP, SIGINT, SIGTERM

import orjson
import pytest

from hub.store.embedded.server import running_socket
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import HubProcess, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

CONFIG = """
data: .mxhub
tenant: acme
sources:
  hook: {{vendor: mailguard, secrets: [{secret}], signature: hmac-hex}}
{more_sources}
connectors:
  all: {{kind: file, path: all.ndjson}}
{more_connectors}
"""


LIVE = SECRET.decode()


def config(secret=LIVE, more_sources="", more_connectors=""):
    return CONFIG.format(secret=secret, more_sources=more_sources, more_connectors=more_connectors)


def post(hub, n, source="hook"):
    body = good(n)
    return hub.post(f"/in/{source}", body, **{name: value.decode() for name, value in signed("hex", body)})


def send(hub, numbers):
    """Ids of what was acknowledged."""
    ids = []
    for n in numbers:
        status, said = post(hub, n)
        assert status == 202
        ids += said["ids"]
    return ids


def delivered(hub, name="all"):
    """How often each event stands in a connector's file."""
    path = hub.folder / f"{name}.ndjson"
    raw = path.read_bytes().splitlines() if path.exists() else []
    return Counter(orjson.loads(line)["metadata"]["uid"] for line in raw)


def archived(hub):
    done = mxhub("events", "--limit", "0", "--json", "--data", str(hub.data), cwd=hub.folder)
    return [json.loads(line)["metadata"]["uid"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_signal_ends_it_cleanly_with_0_and_leaves_nothing_running(folder, number):
    with HubProcess(folder, config=config()) as hub:
        ids = send(hub, range(20))
        until(lambda: delivered(hub) == Counter(ids))
        code = hub.stop(number)

        assert code == 0
        assert hub.out().endswith("mxhub: stopped\n")
        assert "Traceback" not in hub.said()
        assert running_socket(hub.data) is None
        assert not (hub.data / "runtime.json").exists()


def test_a_second_start_carries_on_without_loss_or_repeat(folder):
    with HubProcess(folder, config=config()) as hub:
        ids = send(hub, range(30))
        hub.stop()
    with HubProcess(folder, config=config()) as hub:
        ids += send(hub, range(30, 60))
        repeated = post(hub, 7)[1]
        until(lambda: len(delivered(hub)) == 60)
        until(lambda: len(archived(hub)) == 60)

        assert (repeated["accepted"], repeated["duplicate"]) == (0, 1)
        assert delivered(hub) == Counter(ids)
        assert sorted(archived(hub)) == sorted(ids)
        assert hub.ask("books")[0]["recorded"] == 60


def test_after_kill_9_everything_acknowledged_is_there(folder):
    with HubProcess(folder, config=config()) as hub:
        ids = send(hub, range(40))
        hub.kill()
    with HubProcess(folder, config=config()) as hub:
        ids += send(hub, range(40, 50))
        until(lambda: set(delivered(hub)) >= set(ids))
        until(lambda: set(archived(hub)) >= set(ids))

        assert set(delivered(hub)) == set(ids)
        assert sorted(archived(hub)) == sorted(ids)


def test_a_demo_that_starts_again_goes_on_with_its_events(folder):
    with HubProcess(folder) as hub:
        before = until(lambda: found if len(found := archived(hub)) > 15 else None)
        assert hub.stop() == 0
    with HubProcess(folder) as hub:
        after = until(lambda: found if len(found := archived(hub)) > len(before) + 10 else None)

        assert set(before) <= set(after)
        assert len(set(after)) == len(after)
        assert all(book["parked"] == book["dropped"] == 0 for book in hub.ask("books"))


def test_a_reload_takes_new_sources_connectors_and_secrets_and_loses_nothing(folder):
    with HubProcess(folder, config=config()) as hub:
        ids = send(hub, range(10))
        until(lambda: len(delivered(hub)) == 10)
        hub.config.write_text(
            config(
                secret="rotated",
                more_sources=f"  second: {{vendor: mailguard, secrets: [{LIVE}], signature: hmac-hex}}",
                more_connectors="  later: {kind: file, path: later.ndjson}",
            )
        )
        hub.send(SIGHUP)
        until(lambda: post(hub, 100, "second")[0] == 202)

        status, refusal = post(hub, 101)
        until(lambda: len(delivered(hub, "later")) == 1)
        assert (status, refusal["error"]["code"]) == (401, "signature_mismatch")
        assert {row["connector"] for row in hub.ask("connectors")} == {"all", "later"}
        assert {row["source"] for row in hub.ask("sources")} >= {"hook", "second"}

        hub.config.write_text(config())
        hub.send(SIGHUP)
        until(lambda: post(hub, 102, "second")[0] == 404)
        ids += send(hub, range(10, 20))
        until(lambda: set(ids) <= set(delivered(hub)))
        states = {row["connector"]: row["state"] for row in hub.ask("connectors")}
        assert states == {"all": "ok", "later": "orphaned"}


def test_a_reload_of_a_broken_file_keeps_what_is_in_force(folder):
    with HubProcess(folder, config=config()) as hub:
        hub.config.write_text(config() + "nonsense: 1\n")
        hub.send(SIGHUP)
        until(lambda: "nonsense" in hub.said())

        assert post(hub, 1)[0] == 202
        assert hub.process.poll() is None


def test_a_second_hub_on_the_same_data_is_refused_with_3(folder):
    with HubProcess(folder, config=config()) as hub:
        second = mxhub("run", "--listen", "127.0.0.1:0", cwd=folder)

        assert second.returncode == 3
        assert str(hub.data) in second.stderr
        assert post(hub, 1)[0] == 202


def test_an_address_that_is_taken_is_told_with_3(folder, demo):
    second = mxhub("run", "--listen", demo.url.removeprefix("http://"), cwd=folder)

    assert second.returncode == 3
    assert demo.url.removeprefix("http://") in second.stderr
