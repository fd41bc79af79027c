"""Mailboxes over the API: at the service itself, and at a strict MXroute that may lose its answers."""

import pytest

from hub.sdk.testing import Reply
from tests.factories.hosting import add_domain, audit_entries, events, far, hosted

__all__ = ["far", "hosted"]

ALL = "/domains/example.com/email-accounts"
PASSWORD = "Abcd123!"
NEW = {
    "username": "Alex",
    "password": PASSWORD,
    "quota": 512,
    "limit": 100,
    "recovery_email": "a@else.example",
}


async def make(api, **changes):
    said = await api.call("POST", ALL, NEW | changes)
    assert said.status == 201, said.body
    return said.data


async def test_a_mailbox_is_made_shown_and_listed(hosted):
    made = await make(hosted)

    assert made == {
        "username": "alex",
        "email": "alex@example.com",
        "domain": "example.com",
        "quota": 512,
        "limit": 100,
        "usage": None,
        "sent": None,
        "suspended": False,
        "recovery_email": "a@else.example",
    }
    shown = (await hosted.call("GET", f"{ALL}/alex")).data
    listed = await hosted.call("GET", ALL)
    assert {**shown, "usage": None, "sent": None} == made
    assert (listed.data, listed.pagination["total"]) == ([shown], 1)


async def test_quota_and_limit_change_and_the_rest_stays(hosted):
    await make(hosted)
    said = await hosted.call("PATCH", f"{ALL}/alex", {"quota": 2048})

    assert (said.status, said.data["quota"], said.data["limit"]) == (200, 2048, 100)
    assert said.data["recovery_email"] == "a@else.example"


async def test_a_recovery_address_is_set_and_taken_away(hosted):
    await make(hosted)
    other = await hosted.call("PATCH", f"{ALL}/alex/recovery", {"recovery_email": "Other@Else.example"})
    none = await hosted.call("PATCH", f"{ALL}/alex/recovery", {"recovery_email": None})

    assert (other.data["recovery_email"], none.data["recovery_email"]) == ("other@else.example", None)


async def test_a_mailbox_cannot_recover_itself(hosted):
    await make(hosted)
    said = await hosted.call("PATCH", f"{ALL}/alex/recovery", {"recovery_email": "alex@example.com"})

    assert (said.status, said.error["details"][0]["field"]) == (400, "recovery_email")


async def test_a_removed_mailbox_is_gone(hosted):
    await make(hosted)
    said = await hosted.call("DELETE", f"{ALL}/alex")

    assert (said.status, (await hosted.call("GET", f"{ALL}/alex")).status) == (200, 404)


async def test_a_new_mailbox_does_not_inherit_the_recovery_address_of_an_earlier_one(hosted):
    await make(hosted)
    await hosted.call("DELETE", f"{ALL}/alex")
    made = await make(hosted, recovery_email=None)

    assert made["recovery_email"] is None
    assert (await hosted.call("GET", f"{ALL}/alex")).data["recovery_email"] is None


async def test_a_taken_name_is_a_conflict(hosted):
    await make(hosted)
    said = await hosted.call("POST", ALL, NEW)

    assert (said.status, said.error["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "no body"}, "username"),
        ({"username": ".."}, "username"),
        ({"password": "weak"}, "password"),
        ({"limit": 9601}, "limit"),
        ({"quota": -1}, "quota"),
        ({"recovery_email": "nobody"}, "recovery_email"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_does_not_hold_is_named_and_nothing_is_made(hosted, changes, field):
    said = await hosted.call("POST", ALL, NEW | changes)

    assert (said.status, said.error["details"][0]["field"]) == (400, field)
    assert (await hosted.call("GET", ALL)).data == []
    assert await audit_entries(hosted.core, "mailbox.create") == []


async def test_every_change_is_on_record_and_told_without_the_password(hosted):
    await make(hosted)
    await hosted.call("PATCH", f"{ALL}/alex", {"password": "Secret99x", "limit": 200})
    await hosted.call("DELETE", f"{ALL}/alex")

    entries = [each for each in await audit_entries(hosted.core) if each["action"].startswith("mailbox.")]
    assert [each["action"] for each in entries] == ["mailbox.create", "mailbox.update", "mailbox.delete"]
    assert (entries[1]["before"], entries[1]["after"]) == ({"send_limit": 100}, {"send_limit": 200})
    assert entries[1]["details"] == {"changed": ["send_limit", "password"]}
    told = await events(hosted.core)
    names = [each["name"] for each in told if each["name"].startswith("mailbox.")]
    assert names == ["mailbox.created", "mailbox.updated", "mailbox.deleted"]
    assert PASSWORD not in str((entries, told))
    assert "Secret99x" not in str((entries, told))


async def test_nothing_to_change_is_refused(hosted):
    await make(hosted)
    assert (await hosted.call("PATCH", f"{ALL}/alex", {})).status == 400


async def test_a_domain_of_another_tenant_does_not_exist(hosted):
    await add_domain(hosted.core, "foreign.example", "other")
    said = await hosted.call("GET", "/domains/foreign.example/email-accounts")

    assert (said.status, said.error["code"]) == (404, "NOT_FOUND")


async def test_a_key_for_one_domain_reaches_no_other(hosted):
    await add_domain(hosted.core, "second.example")
    key = await hosted.key("emails", domains=["second.example"])

    assert (await hosted.call("GET", ALL, key=key)).status == 403


async def test_pages_of_mailboxes(hosted):
    for name in ("ada", "bob", "cay"):
        await make(hosted, username=name)
    said = await hosted.call("GET", f"{ALL}?limit=2&page=2")

    assert [each["username"] for each in said.data] == ["cay"]
    assert (said.pagination["total"], said.pagination["has_more"]) == (3, False)


# -- a host elsewhere --
async def test_a_lost_answer_is_looked_up_and_counts_once_it_is_in_effect(far):
    far.played.lost = Reply(status=500, body=b"oops")
    said = await far.api.call("POST", ALL, NEW)

    assert said.status == 201
    assert list(far.played.domains["example.com"].accounts) == ["alex"]
    (entry,) = await audit_entries(far.core, "mailbox.create")
    assert entry["result"] == "success"


async def test_a_lost_answer_to_a_password_is_told_as_unknown_and_put_on_record(far):
    await make(far.api)
    far.played.lost = Reply(hang_up=True)
    said = await far.api.call("PATCH", f"{ALL}/alex", {"password": "Secret99x"})

    assert (said.status, said.error["code"]) == (502, "UPSTREAM_ERROR")
    (entry,) = await audit_entries(far.core, "mailbox.update")
    assert (entry["result"], "may have happened" in entry["reason"]) == ("failure", True)
    assert await events(far.core, "mailbox.updated") == []


async def test_a_removal_whose_answer_is_lost_is_a_removal(far):
    await make(far.api)
    far.played.lost = Reply(status=503)

    assert (await far.api.call("DELETE", f"{ALL}/alex")).status == 200
    assert len(await events(far.core, "mailbox.deleted")) == 1


async def test_a_dead_host_is_a_bad_gateway_and_its_limit_a_wait(far):
    far.played.always = Reply(status=500)
    dead = await far.api.call("GET", ALL)
    far.played.always = Reply(status=429, headers={"Retry-After": "7"}, json={"success": False})
    slow = await far.api.call("GET", ALL)

    assert (dead.status, slow.status, slow.headers["Retry-After"]) == (502, 429, "7")


async def test_a_host_that_says_the_password_back_is_not_quoted(far):
    error = {
        "code": "VALIDATION_ERROR",
        "message": f"password {PASSWORD} was used before",
        "field": "password",
    }
    await far.api.call("GET", ALL)
    real, far.played.lost = far.played.lost, Reply(status=400, json={"success": False, "error": error})
    said = await far.api.call("POST", ALL, NEW)
    far.played.lost = real

    assert (said.status, PASSWORD in said.raw.decode()) == (400, False)
    assert "***" in said.error["message"]


async def test_a_domain_that_the_host_does_not_know_is_not_found(far):
    await add_domain(far.core, "second.example")
    assert (await far.api.call("GET", "/domains/second.example/email-accounts")).status == 404
