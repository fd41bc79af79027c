"""A customer leaves: `mxhub tenants erase` against a running hub, and the data directory afterwards."""

import subprocess
import time

import pytest

from hub.archive.sqlite import SqliteArchive
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import MXHUB, HubProcess, clean_environment, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

MARKER = "zqprivatexj9"
SOURCE = f"{{vendor: mailguard, tenant: TENANT, secrets: [{SECRET.decode()}], signature: hmac-hex}}"
CONFIG = f"""
data: .mxhub
sources:
  leaving: {SOURCE.replace("TENANT", "leaver")}
  staying: {SOURCE.replace("TENANT", "stayer")}
connectors:
  all: {{kind: file, path: all.ndjson}}
  stuck: {{kind: file, path: nowhere/stuck.ndjson, probe_most_s: 1}}
"""


def send(hub, source, n, sender="a@b.example"):
    body = good(n).replace(b"a@b.example", sender.encode())
    return hub.post(f"/in/{source}", body, **{k: v.decode() for k, v in signed("hex", body)})


def files_with(folder, text):
    """Files below `folder` that hold the text anywhere, names included."""
    needle = text.encode()
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and (needle in path.read_bytes() or text in path.name)
    )


def filled(hub):
    for n in range(20):
        assert send(hub, "leaving", n, f"{MARKER}@{MARKER}.example")[0] == 202
        assert send(hub, "staying", n)[0] == 202
    rows = ("leaver", 20), ("stayer", 20)
    until(
        lambda: (
            rows == tuple((r["tenant"], r["events"]) for r in hub.ask("tenants") if r["tenant"] != "default")
        )
    )


def book(hub, name):
    return next(row for row in hub.ask("books") if row["connector"] == name)


@pytest.mark.timeout(180)
def test_nothing_of_an_erased_customer_is_left_in_the_data_directory(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        filled(hub)
        until(lambda: book(hub, "stuck")["blocked"])
        held_before = files_with(hub.data, MARKER)

        told = hub.ask("tenants", "erase", "leaver", "--yes", "--asked-by", "ann", "--timeout", "120")

        until(lambda: not files_with(hub.data, MARKER))
        assert [path for path in held_before if path.startswith("archive/")]
        assert [path for path in held_before if "appendonly" in path], held_before
        assert (told["state"], told["events"], told["asked_by"]) == ("done", 20, "ann")
        assert told["places"]["references:stuck"] == 20
        assert any("all cannot be erased from here: up to 20 events" in note for note in told["notes"])
        assert hub.ask("books")  # exit 0: they balance
        assert book(hub, "stuck")["dropped"] == 20
        assert hub.ask("tenants", "erasures", "--verify")[0]["verified"] is True
        assert send(hub, "leaving", 99)[0] == 410
        assert send(hub, "staying", 99)[0] == 202
    with HubProcess(folder, config=CONFIG) as hub:
        assert files_with(hub.data, MARKER) == []
        assert {row["tenant"]: row["events"] for row in hub.ask("tenants")}["leaver"] == 0
        assert send(hub, "leaving", 100)[0] == 410
        hub.ask("tenants", "reopen", "leaver")
        assert send(hub, "leaving", 5)[1]["duplicate"] == 1
        assert send(hub, "leaving", 101)[1]["accepted"] == 1
    archive = SqliteArchive(folder / ".mxhub" / "archive", read_only=True)
    checks = list(archive.verify_chain())
    archive.close()
    assert [check.problem for check in checks] == [None] * len(checks)
    assert sum(check.erased for check in checks) == 20


@pytest.mark.timeout(180)
def test_an_erasure_carries_on_after_kill_9(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        filled(hub)
        watching = subprocess.Popen(
            [MXHUB, "tenants", "erase", "leaver", "--yes", "--data", str(hub.data)],
            cwd=folder,
            env=clean_environment(),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        until(lambda: send(hub, "leaving", 50)[0] == 410)
        time.sleep(0.5)
        hub.kill()
        watching.wait(30)
        hub.start()

        (done,) = until(lambda: hub.ask("tenants", "erasures", "--verify"), 120)

        assert done["verified"]
        assert done["events"] >= 20
        until(lambda: not files_with(hub.data, MARKER))
        assert hub.ask("books")


@pytest.mark.timeout(120)
def test_the_name_has_to_be_typed_and_a_dry_run_does_nothing(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        filled(hub)
        dry = hub.ask("tenants", "erase", "leaver", "--dry-run")
        wrong = subprocess.run(
            [MXHUB, "tenants", "erase", "leaver", "--data", str(hub.data)],
            cwd=folder, env=clean_environment(), input="stayer\n", capture_output=True, text=True,
            check=False,
        )  # fmt: skip

        assert (dry["state"], dry["events"]) == ("dry-run", 20)
        assert wrong.returncode == 1
        assert "nothing was erased" in wrong.stderr
        assert {row["state"] for row in hub.ask("tenants")} == {"open"}
        assert send(hub, "leaving", 60)[0] == 202
        missing = mxhub("tenants", "erase", "nobody", "--yes", "--data", str(hub.data), cwd=folder)
        assert missing.returncode == 1
        assert "no such tenant" in missing.stderr
