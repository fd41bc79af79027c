"""MxGuard's webhooks: events pushed in a form of their own, signed."""

import time

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

from core.dialects.mxguard.webhooks import EVENT_NAMES
from core.outward.letter import Letter
from core.outward.mxguard_form import MXGUARD, body_of
from core.service.event_names import EVENTS
from hub.sdk.verify import Refusal, Verified, verify
from tests.factories.loopback import listening
from tests.factories.outward import running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/webhooks"


class Hook:
    """Keeps what comes."""

    def __init__(self):
        self.seen = []

    async def handle(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((headers, await request.read()))
        return web.Response(status=204)

    def proofs(self, secret, now_s=None):
        now_s = time.time() if now_s is None else now_s
        return [verify((MXGUARD,), (secret.encode(),), headers, body, now_s) for headers, body in self.seen]

    @property
    def told(self):
        return [orjson.loads(body) for _, body in self.seen]


@pytest_asyncio.fixture(loop_scope="module")
async def hook():
    made, app = Hook(), web.Application()
    app.router.add_post("/hook", made.handle)
    async with listening(app) as url:
        made.url = f"{url}/hook"
        yield made


async def test_events_are_pushed_and_signed_as_they_happen(shared_mxguard, place, hook):
    (item,) = await shared_mxguard.hold(place)
    made = await place.call("POST", PATH, {"url": hook.url})
    async with running(place.core):
        rule = {"action": "block", "pattern": "spam.example"}
        await place.call("POST", f"/api/v1/domains/{place.domain}/rules", rule)
        await place.call("POST", f"/api/v1/quarantine/{item}/report-spam")
        await place.call("POST", f"/api/v1/quarantine/{item}/release")
        await until(lambda: len(hook.seen) == 3)
    added, reported, released = hook.told

    assert made.status == 201
    assert all(isinstance(one, Verified) for one in hook.proofs(made.data["secret"]))
    assert all(isinstance(one, Refusal) for one in hook.proofs("another secret"))
    assert all(isinstance(one, Refusal) for one in hook.proofs(made.data["secret"], time.time() + 600))
    assert [set(one) for one in hook.told] == [{"id", "event", "timestamp", "data"}] * 3
    assert (added["event"], added["data"]["pattern"]) == ("rule.added", "spam.example")
    assert (reported["event"], released["event"]) == ("quarantine.reported_spam", "quarantine.released")
    assert (released["data"]["id"], released["data"]["from"], released["data"]["to"]) == (
        item,
        "offer@deal.top",
        f"grace@{place.domain}",
    )


async def test_only_chosen_events_come(place, hook):
    await place.call("POST", PATH, {"url": hook.url, "events": ["domain.deleted"]})
    async with running(place.core):
        third = f"third.{place.domain}"
        await place.call("POST", "/api/v1/domains", {"domain": third, "real_mx_host": "mx.example.net"})
        await place.call("DELETE", f"/api/v1/domains/{third}")
        await until(lambda: bool(hook.seen))

    assert [one["event"] for one in hook.told] == ["domain.deleted"]


async def test_domains_and_rules_are_told_of_as_the_api_shows_them(place, hook):
    names = ["domain.created", "rule.added"]
    await place.call("POST", PATH, {"url": hook.url, "events": names})
    async with running(place.core):
        path = f"/api/v1/domains/told.{place.domain}"
        wanted = {"domain": path.rpartition("/")[2], "real_mx_host": "mx.example.net"}
        made = (await place.call("POST", "/api/v1/domains", wanted)).data
        rule = (await place.call("POST", f"{path}/rules", {"action": "block", "pattern": "bad.example"})).data
        await until(lambda: len(hook.seen) == 2)
    told = {one["event"]: one["data"] for one in hook.told}

    assert {**told["domain.created"], "actor": None} == {**without(made, "created_at"), "actor": None}
    assert {**told["rule.added"], "actor": None} == {**without(rule, "created_at"), "actor": None}
    assert {one["actor"]["name"] for one in told.values()} == {"script"}


def without(shown, name):
    return {key: value for key, value in shown.items() if key != name}


async def test_while_a_secret_goes_out_of_use_both_sign(place, hook):
    made = (await place.call("POST", PATH, {"url": hook.url})).data
    other = (await place.call("POST", f"{PATH}/{made['id']}/rotate-secret", {"overlap_hours": 1})).data
    tried = await place.call("POST", f"{PATH}/{made['id']}/test")

    assert (tried.data["delivered"], hook.told[0]["event"]) == (True, "webhook.test")
    for secret in (made["secret"], other["secret"]):
        assert isinstance(hook.proofs(secret, place.core.clock() / 1000)[0], Verified)
    assert hook.seen[0][0]["x-mxguard-signature"].count("v1=") == 2


async def test_a_webhook_is_shown_without_its_secret_changed_and_removed(place, hook):
    made = (await place.call("POST", PATH, {"url": hook.url, "secret": "correct-horse-battery"})).data
    path = f"{PATH}/{made['id']}"
    changed = await place.call("PATCH", path, {"events": ["verdict.created"], "enabled": False})
    listed = await place.call("GET", PATH)
    gone = await place.call("DELETE", path)

    assert (made["form"], made["events"]) == ("mxguard", list(EVENT_NAMES))
    assert (changed.data["events"], changed.data["enabled"]) == (["verdict.created"], False)
    assert "correct-horse" not in listed.raw.decode() + changed.raw.decode() + str(await place.entries())
    assert (gone.status, (await place.call("GET", path)).status) == (200, 404)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://x.example"},
        {"url": "http://169.254.169.254/"},
        {"events": ["license.changed"]},
        {"events": []},
        {"secret": "short"},
        {"form": "standard"},
    ],
)
async def test_what_cannot_be_is_400_and_named(place, hook, change):
    said = await place.call("POST", PATH, {"url": hook.url, **change})

    assert (said.status, said.error["details"][0]["field"].partition(".")[0]) == (400, next(iter(change)))


async def test_the_events_are_those_of_its_lists(place):
    said = await place.call("GET", f"{PATH}/events")

    assert [one["name"] for one in said.data] == list(EVENT_NAMES)
    assert {name.partition(".")[0] for name in EVENT_NAMES} == {"verdict", "quarantine", "domain", "rule"}
    assert set(EVENT_NAMES) <= set(EVENTS)


async def test_a_verdict_has_the_members_and_the_scale_of_its_list():
    data = {
        "id": "ver_1",
        "domain": "acme.example",
        "sender": "a@b.example",
        "recipient": "u@acme.example",
        "subject": "Hi",
        "score": 99.0,
        "verdict": "reject",
        "fate": "rejected",
        "symbols": ["URIBL"],
        "size_bytes": 7,
        "client_ip": "192.0.2.1",
        "message_id": "<1@b.example>",
        "timestamp": "2026-05-01T07:42:13.000Z",
    }
    letter = Letter(
        id="evt_1", name="verdict.created", action="", at_ms=0, tenant="t", node_id="n", data=data, body=b""
    )

    assert orjson.loads(body_of(letter))["data"] == {
        "id": "ver_1",
        "timestamp": "2026-05-01T07:42:13.000Z",
        "domain": "acme.example",
        "from": "a@b.example",
        "to": "u@acme.example",
        "subject": "Hi",
        "score": 1.0,
        "verdict": "rejected",
        "reasons": ["URIBL"],
        "size": 7,
        "client_ip": "192.0.2.1",
        "message_id": "<1@b.example>",
    }
