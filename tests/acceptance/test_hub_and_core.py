"""Hub and core as one product, through the installed command: back-up under load, restore, erase."""

import base64
import json
import threading

import pytest

from tests.factories.process import HubProcess, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey"), pytest.mark.timeout(240)]

TOKEN = "the-token-of-this-test"
MARKER = "zqprivatexj9"
CONFIG = f"""
data: .mxhub
admin_token: {TOKEN}
core: {{listen: "127.0.0.1:0"}}
connectors:
  all: {{kind: file, path: all.ndjson}}
"""
SPAM = """From: "PayPal Security" <service@secure-{n}.top>
To: {rcpt}
Subject: {marker} You have won the lottery!!! Casino bonus, miracle pills {n}
Message-ID: <{n}@secure-{n}.top>

{marker} Click http://203.0.113.9/login to claim 1,000,000 USD. Buy cheap pills without prescription {n}.
"""


def message(n, rcpt, marker=""):
    raw = SPAM.format(n=n, rcpt=rcpt, marker=marker).replace("\n", "\r\n").encode()
    envelope = {"mail_from": f"service@secure-{n}.top", "rcpt_to": [rcpt], "client_ip": "203.0.113.7"}
    return {"message": base64.b64encode(raw).decode(), "envelope": envelope}


def key_of(hub, tenant):
    """Of a new customer: the operator makes the tenant, its administrator comes in and makes the key."""
    login, password = f"jo@{tenant}.example", "a long enough password"
    token = hub.ask("tenants", "add", tenant, "--admin", login)["token"]
    made(hub.core_asked("POST", "/setup", {"token": token, "login": login, "password": password}))
    body = {"description": "all of it", "grants": [{"domains": ["*"], "scopes": ["full-admin"]}]}
    session = hub.core_signed_in(login, password)
    return made(hub.core_asked("POST", "/api-keys", body, session=session))["key"]


def with_domain(hub, name, key=TOKEN):
    """A domain whose every message is held."""
    limits = {"tag_threshold": 0.1, "quarantine_threshold": 0.2, "reject_threshold": 999}
    made(hub.core_asked("POST", "/domains", {"name": name, "policy": limits}, key=key))


def made(said):
    assert said[0] < 300, said
    return said[1]["data"]


def held(hub, n, rcpt, key, marker=""):
    data = made(hub.core_asked("POST", "/messages", message(n, rcpt, marker), key=key))
    assert data["recipients"][0]["fate"] == "quarantined", data
    return data["recipients"][0]["quarantine_id"]


def files_with(folder, text):
    needle = text.encode()
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and (needle in path.read_bytes() or text in path.name)
    )


def audit_holds(folder, data):
    done = mxhub("audit", "verify", "--data", str(data / "core"), cwd=folder)
    return done.returncode == 0, done.stdout + done.stderr


class Load:
    """Messages that keep coming; knows which were taken."""

    def __init__(self, hub):
        self.hub, self.taken, self._stop = hub, [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        n = 1000
        while not self._stop.is_set():
            n += 1
            self.taken.append(held(self.hub, n, "grace@acme.example", TOKEN))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_a_back_up_under_load_holds_the_core_and_is_restored_whole(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        with_domain(hub, "acme.example")
        before = [held(hub, n, "grace@acme.example", TOKEN) for n in range(10)]
        with Load(hub) as load:
            until(lambda: len(load.taken) > 5)
            said = hub.ask("backup", str(folder / "all.tar"))
        assert said["left_out"] == ["mxhub.yaml: it holds a secret in plain text"]
        restored = folder / "restored"
        done = mxhub("restore", str(folder / "all.tar"), "--data", str(restored), cwd=folder)
        assert done.returncode == 0, done.stderr
    assert audit_holds(folder, restored) == (True, "the audit log holds\n")
    (folder / "mxhub.yaml").write_text(CONFIG.replace("data: .mxhub", f"data: {restored}"))
    again = HubProcess(folder, config=None, name="again")
    again.data = restored
    with again:
        for item in before:
            _, raw = again.core_asked("GET", f"/quarantine/{item}", key=TOKEN)
            assert raw["data"]["id"] == item
        items = list((restored / "core" / "quarantine").rglob("*.eml"))
        assert len(items) >= len(before)
        assert held(again, 1, "grace@acme.example", TOKEN)
    assert audit_holds(folder, restored)[0]


def test_what_happens_in_the_core_is_an_event_of_the_hub(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        with_domain(hub, "acme.example")
        item = held(hub, 1, "grace@acme.example", TOKEN)
        events = until(lambda: hub.lines("events", "--code", "quarantine.added"), 60)

        assert [event["metadata"]["tenant_uid"] for event in events] == ["default"]
        assert item in json.dumps(events)


def test_nothing_of_an_erased_customer_is_left_of_the_core_either(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        assert hub.core
        leaver, stayer = key_of(hub, "leaver"), key_of(hub, "stayer")
        with_domain(hub, "leaver.example", leaver)
        with_domain(hub, "stayer.example", stayer)
        for n in range(5):
            held(hub, n, "grace@leaver.example", leaver, MARKER)
            kept = held(hub, n + 100, "grace@stayer.example", stayer)
        until(lambda: {row["tenant"] for row in hub.ask("tenants")} >= {"leaver", "stayer"}, 60)
        until(lambda: hub.lines("events", "--tenant", "leaver", "--code", "quarantine.added"), 60)
        assert files_with(hub.data, MARKER)

        told = hub.ask("tenants", "erase", "leaver", "--yes", "--asked-by", "ann", "--timeout", "120")

        assert told["state"] == "done"
        assert told["places"]["core:domains"] == 1
        assert told["places"]["core:quarantine files"] == 5
        until(lambda: not files_with(hub.data, MARKER), 60)
        assert hub.core_asked("GET", "/domains", key=leaver)[0] == 401
        assert hub.core_asked("GET", f"/quarantine/{kept}", key=stayer)[0] == 200
        assert hub.ask("tenants", "erasures", "--verify")[0]["verified"] is True
    assert audit_holds(folder, folder / ".mxhub") == (True, "the audit log holds\n")
    with HubProcess(folder, config=CONFIG) as hub:
        assert files_with(hub.data, MARKER) == []
        assert hub.core_asked("GET", "/domains", key=stayer)[0] == 200
