"""Forwarders, catch-all and client settings over the API."""

import pytest

from core.dns.answers import Answer
from hub.sdk.testing import Reply
from tests.factories.hosting import audit_entries, events, far, hosted
from tests.factories.mxroute import SERVER

__all__ = ["far", "hosted"]

ALL = "/domains/example.com/forwarders"
CATCH_ALL = "/domains/example.com/catch-all"
NEW = {"alias": "Sales", "destinations": ["a@else.example", "b@else.example"]}


async def test_a_forwarder_is_made_listed_and_removed(hosted):
    made = await hosted.call("POST", ALL, NEW)
    listed = await hosted.call("GET", ALL)
    gone = await hosted.call("DELETE", f"{ALL}/sales")

    shown = {"alias": "sales", "email": "sales@example.com", "destinations": NEW["destinations"]}
    assert (made.status, made.data, listed.data, gone.status) == (201, shown, [shown], 200)
    assert (await hosted.call("GET", ALL)).data == []
    assert [each["name"] for each in await events(hosted.core) if "forwarder" in each["name"]] == [
        "forwarder.created",
        "forwarder.deleted",
    ]
    (entry,) = await audit_entries(hosted.core, "forwarder.delete")
    assert entry["before"] == {"destinations": NEW["destinations"]}


async def test_an_alias_forwards_once(hosted):
    await hosted.call("POST", ALL, NEW)
    assert (await hosted.call("POST", ALL, NEW)).status == 409


async def test_a_forwarder_that_is_not_there_cannot_be_removed(hosted):
    assert (await hosted.call("DELETE", f"{ALL}/nobody")).status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"destinations": []}, "destinations"),
        ({"destinations": ["nobody"]}, "destinations"),
        ({"destinations": [":fail:", "a@else.example"]}, "destinations"),
        ({"alias": "a b"}, "alias"),
    ],
)
async def test_a_forwarder_that_leads_nowhere_is_refused(hosted, changes, field):
    said = await hosted.call("POST", ALL, NEW | changes)
    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_a_lost_answer_counts_once_the_forwarder_is_there(far):
    far.played.lost = Reply(hang_up=True)
    said = await far.api.call("POST", ALL, NEW)

    assert (said.status, len(await events(far.core, "forwarder.created"))) == (201, 1)


async def test_the_catch_all_is_set_and_told_once(hosted):
    before = await hosted.call("GET", CATCH_ALL)
    wanted = {"type": "address", "address": "all@else.example"}
    changed = await hosted.call("PATCH", CATCH_ALL, wanted)
    again = await hosted.call("PATCH", CATCH_ALL, wanted)

    assert before.data == {"type": "fail", "address": None}
    assert (changed.data, again.data, (await hosted.call("GET", CATCH_ALL)).data) == (wanted, wanted, wanted)
    (entry,) = await audit_entries(hosted.core, "catchall.update")
    assert (entry["before"], entry["after"]["address"]) == (
        {"kind": "fail", "address": ""},
        "all@else.example",
    )


@pytest.mark.parametrize("wanted", [{"type": "address"}, {"type": "fail", "address": "a@else.example"}])
async def test_the_address_belongs_to_its_kind(hosted, wanted):
    said = await hosted.call("PATCH", CATCH_ALL, wanted)
    assert (said.status, said.error["details"][0]["field"]) == (400, "address")


# -- mail programs --
async def settings(api, query=""):
    return await api.call("GET", f"/domains/example.com/mail-client-settings{query}")


async def test_mail_programs_use_the_domains_own_name_where_it_leads_to_the_server(far):
    for label in ("mail", "webmail"):
        answer = Answer(state="found", values=(SERVER,))
        far.core.resolver.known[f"{label}.example.com", "CNAME"] = answer
    await far.api.call(
        "POST", "/domains/example.com/email-accounts", {"username": "alex", "password": "Abcd123!"}
    )
    said = await settings(far.api, "?username=alex")

    host = "mail.example.com"
    assert said.data == {
        "domain": "example.com",
        "mail_host": host,
        "username": "alex@example.com",
        "imap": {"host": host, "port": 993, "encryption": "ssl"},
        "smtp_ssl": {"host": host, "port": 465, "encryption": "ssl"},
        "smtp_starttls": {"host": host, "port": 587, "encryption": "starttls"},
        "webmail": {"url": "https://webmail.example.com", "status": "pass"},
    }


async def test_without_the_records_mail_programs_use_the_server_itself(far):
    said = await settings(far.api)

    assert (said.data["mail_host"], said.data["username"]) == (SERVER, None)
    assert said.data["webmail"] == {"url": None, "status": "skipped"}


async def test_settings_of_a_mailbox_that_is_not_there_are_not_found(hosted):
    assert (await settings(hosted, "?username=nobody")).status == 404
