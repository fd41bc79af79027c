"""A domain that is tied to a key, in hub and core as one product: nothing is lost, nobody else is told."""

import base64
import json

import pytest

from tests.factories.process import HubProcess, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey"), pytest.mark.timeout(240)]

TOKEN = "the-token-of-this-test"
CONFIG = f"""
data: .mxhub
admin_token: {TOKEN}
core: {{listen: "127.0.0.1:0"}}
"""
LIMITS = {"tag_threshold": 0.1, "quarantine_threshold": 0.2, "reject_threshold": 0.3}
SPAM = """From: "PayPal Security" <pay@secure.top>
To: {rcpt}
Subject: {rcpt}: you have won the lottery!!! Casino bonus, miracle pills
Message-ID: <1@secure.top>

Click http://203.0.113.9/login to claim 1,000,000 USD. Buy cheap pills without prescription.
"""
ROUTES = (
    "/events?limit=1000",
    "/feed?limit=1000",
    "/export",
    "/export?format=csv",
    "/events/facets?field=domain",
)


def made(said):
    assert said[0] < 300, said
    return said[1]["data"]


def key(hub):
    """Of the operator's tenant: at the hub it is shown all tenants' events, but for what is tied."""
    grants = [{"domains": ["*"], "scopes": ["full-admin"]}]
    return made(hub.core_asked("POST", "/api-keys", {"grants": grants}, key=TOKEN))["key"]


def mail(hub, rcpt, key):
    """Nobody takes it: a domain that holds mail is not removed."""
    raw = SPAM.format(rcpt=rcpt).replace("\n", "\r\n").encode()
    envelope = {"mail_from": "pay@secure.top", "rcpt_to": [rcpt], "client_ip": "203.0.113.7"}
    body = {"message": base64.b64encode(raw).decode(), "envelope": envelope}
    data = made(hub.core_asked("POST", "/messages", body, key=key))
    assert data["recipients"][0]["fate"] == "rejected", data


def told(hub, key):
    """Ids of all events in the core's outbox."""
    return {one["id"] for one in made(hub.core_asked("GET", "/outbox?limit=1000", key=key))}


def seen(hub, key):
    """Ids of the core's events in the hub's feed."""
    _, body = hub.get("/api/v1/feed?limit=1000", Authorization=f"Bearer {key}")
    return {one["metadata"].get("original_event_uid") for one in json.loads(body)["data"]}


def test_the_hub_gets_every_event_and_shows_those_of_a_tied_domain_to_its_key_alone(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        assert hub.core
        own, other = key(hub), key(hub)
        for name, who in (("hidden.example", own), ("open.example", other)):
            made(hub.core_asked("POST", "/domains", {"name": name, "policy": LIMITS}, key=who))
        made(hub.core_asked("PUT", "/domains/hidden.example/api-key", {}, key=own))
        mail(hub, "grace@hidden.example", own)
        mail(hub, "grace@open.example", other)
        until(lambda: told(hub, TOKEN) <= seen(hub, TOKEN), 60)
        check(hub, own, other)
        made(hub.core_asked("DELETE", "/domains/hidden.example", key=own))
        until(lambda: told(hub, TOKEN) <= seen(hub, TOKEN), 60)

        check(hub, own, other)


def check(hub, own, other):
    everything, shown = told(hub, TOKEN), told(hub, other)
    assert shown < everything
    assert everything <= seen(hub, own)
    assert seen(hub, other) & everything == shown
    for path in ROUTES:
        assert b"hidden.example" in said(hub, path, own), path
        assert b"open.example" in said(hub, path, other), path
        assert b"hidden.example" not in said(hub, path, other), path


def said(hub, path, key):
    status, body = hub.get(f"/api/v1{path}", Authorization=f"Bearer {key}")
    assert status == 200, body
    return body
