import pytest
from sqlalchemy import select

from core.store.tables import audit_entries, webhooks
from tests.factories.outward import happen

URL = "https://siem.example/in/token-in-the-path"
OWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"


async def make(api, **more):
    said = await api.call("POST", "/webhooks", {"url": URL, **more})
    assert said.status == 201, said.raw
    return said.data


async def test_the_secret_is_shown_once_and_kept_sealed(service_api):
    made = await make(service_api)
    shown = await service_api.call("GET", f"/webhooks/{made['id']}")
    async with service_api.core.database.read() as tx:
        row = (await tx.execute(select(webhooks))).one()
        entries = repr((await tx.execute(select(audit_entries))).all())

    assert made["secret"].startswith("whsec_")
    assert "secret" not in shown.data
    assert made["secret"] not in row.secret
    assert "token-in-the-path" not in entries
    assert made["secret"] not in entries


async def test_a_secret_whose_answer_was_lost_is_told_again_under_the_idempotency_key(service_api):
    path = f"/webhooks/{(await make(service_api))['id']}/rotate-secret"
    first, again = [
        await service_api.call("POST", path, {}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    other = await service_api.call("POST", path, {}, headers={"Idempotency-Key": "twice"})

    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")
    assert other.data["secret"] != first.data["secret"]


async def test_one_is_changed_listed_and_deleted(service_api):
    made = await make(service_api, events=["domain.created"], description="SIEM")
    changed = await service_api.call("PATCH", f"/webhooks/{made['id']}", {"enabled": False})
    listed = await service_api.call("GET", "/webhooks")
    deleted = await service_api.call("DELETE", f"/webhooks/{made['id']}")
    gone = await service_api.call("GET", f"/webhooks/{made['id']}")

    assert (changed.data["enabled"], changed.data["events"]) == (False, ["domain.created"])
    assert [one["id"] for one in listed.data] == [made["id"]]
    assert (deleted.status, gone.status) == (200, 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://siem.example/"}, "url"),
        ({"url": "https://127.0.0.1/in"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "http://2130706433/"}, "url"),
        ({"url": "https://xn--/in"}, "url"),
        ({"url": "https://xn--a/in"}, "url"),
        ({"url": "https://siem.example/in\r\nX-More: 1"}, "url"),
        ({"url": "https://siem.example/\0"}, "url"),
        ({"url": "https://siem .example/"}, "url"),
        ({"url": URL, "events": ["no.such"]}, "events"),
        ({"url": URL, "secret": "short"}, "secret"),
        ({"url": URL, "form": "other"}, "form"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(service_api, body, field):
    said = await service_api.call("POST", "/webhooks", body)

    assert (said.status, said.error["code"]) == (400, "VALIDATION_ERROR")
    assert said.error["details"][0]["field"] == field


async def test_a_secret_of_ones_own_is_taken(service_api):
    made = await make(service_api, secret=OWN)
    rotated = await service_api.call("POST", f"/webhooks/{made['id']}/rotate-secret", {"overlap_hours": 1})

    assert made["secret"] == OWN
    assert rotated.data["secret"] != OWN
    assert rotated.data["old_secret_valid_until"] is not None


async def test_events_to_choose_from_are_listed(service_api):
    said = await service_api.call("GET", "/webhooks/events")

    assert {"quarantine.added", "webhook.test"} <= {one["name"] for one in said.data}


async def test_a_test_that_reaches_nobody_says_why(service_api):
    made = await make(service_api, url="https://nowhere.invalid/in")
    said = await service_api.call("POST", f"/webhooks/{made['id']}/test")
    log = await service_api.call("GET", f"/webhooks/{made['id']}/deliveries")

    assert (said.status, said.data["delivered"], said.data["event"]) == (200, False, "webhook.test")
    assert said.data["error"]
    assert [(one["event_id"], one["state"]) for one in log.data] == [(said.data["event_id"], "failed")]


async def test_the_feed_never_ends_and_goes_on_where_it_stood(service_api):
    core = service_api.core
    before = await service_api.call("GET", "/outbox")
    first = await happen(core, 3)
    begun = await service_api.call("GET", f"/outbox?limit=2&cursor={before.pagination['next_cursor']}")
    more = await service_api.call("GET", f"/outbox?cursor={begun.pagination['next_cursor']}")
    idle = await service_api.call("GET", f"/outbox?cursor={more.pagination['next_cursor']}")
    second = await happen(core, 1)
    again = await service_api.call("GET", f"/outbox?cursor={idle.pagination['next_cursor']}")

    assert [one["id"] for one in begun.data + more.data] == first
    assert (begun.pagination["has_more"], more.pagination["has_more"]) == (True, False)
    assert idle.data == []
    assert [one["id"] for one in again.data] == second


async def test_events_are_listed_newest_first_and_narrowed(service_api):
    await happen(service_api.core, 2)
    (wanted,) = await happen(service_api.core, name="domain.deleted")
    everything = await service_api.call("GET", "/events?limit=2")
    some = await service_api.call("GET", "/events?event=domain.deleted&domain=acme.example")

    assert everything.data[0]["id"] == wanted
    assert everything.pagination["has_more"]
    assert [one["id"] for one in some.data] == [wanted]


async def test_a_key_of_one_domain_sees_its_events_alone(service_api):
    (event,) = await happen(service_api.core)
    inside = await service_api.key("events:read", domains=["acme.example"])
    outside = await service_api.key("events:read", domains=["other.example"])
    foreign = await service_api.key("events:read", tenant="other")
    seen = [await service_api.call("GET", "/outbox", key=key) for key in (inside, outside, foreign)]

    about = [[one["id"] for one in said.data if one["event"] == "domain.created"] for said in seen]
    assert about == [[event], [], []]
