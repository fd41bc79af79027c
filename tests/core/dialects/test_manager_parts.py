"""MXroute Manager's dialect: spam lists, tables of mailboxes, client settings, the password reset."""

from dataclasses import replace

import pytest

from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from core.service.mailbox_csv import COLUMNS
from core.store import domains

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESET = "/api/public/password-reset"


def below(manager, path):
    return f"/api/domains/{manager.domain}/{path}"


@pytest.mark.parametrize("which", ["blacklist", "whitelist"])
async def test_an_entry_is_added_once_in_any_case_listed_and_removed(manager, which):
    path = below(manager, f"spam/{which}")
    added = await manager.call("POST", path, {"entry": "karen@hr.example.com"})
    again = await manager.call("POST", path, {"entry": "Karen@hr.example.com"})
    listed = await manager.call("GET", path)
    gone = await manager.call("DELETE", f"{path}/karen%40hr.example.com")
    twice = await manager.call("DELETE", f"{path}/karen%40hr.example.com")

    assert [each.status for each in (added, again, gone, twice)] == [201, 409, 200, 404]
    assert listed.data == ["karen@hr.example.com"]
    assert (await manager.call("GET", path)).data == []
    told = [each["action"] for each in await manager.entries() if each["action"].startswith("spam.")]
    assert told == [f"spam.{which}_add", f"spam.{which}_remove"]


async def test_a_local_part_alone_is_everybody_of_that_name(manager):
    said = await manager.call("POST", below(manager, "spam/blacklist"), {"entry": "karen"})

    assert (said.status, said.data) == (201, {"entry": "karen@*"})


@pytest.mark.parametrize("entry", ["a b", "", "@", "x" * 400, "a\x00b", "a\r\nb"])
async def test_an_entry_that_is_none_is_400(manager, entry):
    said = await manager.call("POST", below(manager, "spam/blacklist"), {"entry": entry})

    assert (said.status, said.body["success"]) == (400, False)


async def test_the_table_to_fill_in_has_the_columns_of_an_import(manager):
    said = await manager.call("GET", "/api/email-accounts/import/template")

    assert said.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert said.headers["Content-Disposition"] == 'attachment; filename="mailboxes.csv"'
    assert said.raw == b"username,password,quota,limit,recovery_email,domain\r\n"


async def test_what_is_exported_has_its_columns_and_no_passwords(manager):
    new = {"username": "alex", "password": "Abcd123!", "quota": 512, "limit": 90}
    await manager.call("POST", below(manager, "email-accounts"), new)
    said = await manager.call("GET", below(manager, "email-accounts.csv"))

    assert said.raw.decode().splitlines() == [",".join(COLUMNS), f"alex,,512,90,,{manager.domain}"]


@pytest.mark.parametrize("figure", ["1" + "0" * 30, "-1"])
async def test_a_line_that_no_file_has_is_the_senders_fault(manager, figure):
    row = b'{"username":"alice","password":"Abcd123!","line":' + figure.encode() + b"}"
    said = await manager.call("POST", "/api/email-accounts/import/preview", data=b'{"rows":[' + row + b"]}")

    assert (said.status, said.error["message"].partition(":")[0]) == (400, "rows.0.line")


async def test_a_refusal_names_its_field_once(manager):
    path = f"/api/domains/{manager.domain}"
    entry = await manager.call("POST", f"{path}/spam/blacklist", {"entry": "two words"})
    score = await manager.call("PATCH", f"{path}/spam/settings", {"high_score": 99})

    assert entry.error["message"] == "entry: 'two words' is no address, domain or pattern with *"
    assert score.error["message"] == "high_score: 1 to 50"


async def test_checking_a_table_takes_the_permission_that_making_mailboxes_takes(manager):
    table = {"default_domain": manager.domain, "rows": [{"username": "alice", "password": "Abcd123!"}]}
    path = "/api/email-accounts/import/preview"
    may = await manager.call("POST", path, table, key=await manager.key("emails"))
    may_not = await manager.call("POST", path, table, key=await manager.key("dns"))

    assert (may.status, may.data["summary"]["valid"], may_not.status) == (200, 1, 403)
    assert "Abcd123!" not in may.raw.decode()


async def test_a_forwarder_a_catch_all_and_a_pointer_come_and_go(manager):
    forwarders, pointers = below(manager, "forwarders"), below(manager, "pointers")
    made = await manager.call("POST", forwarders, {"alias": "info", "destinations": ["jo@else.example"]})
    listed = await manager.call("GET", forwarders)
    gone = await manager.call("DELETE", f"{forwarders}/info")
    caught = await manager.call("PATCH", below(manager, "catch-all"), {"type": "blackhole"})
    pointed = await manager.call("POST", pointers, {"pointer": f"p.{manager.domain}"})
    unpointed = await manager.call("DELETE", f"{pointers}/p.{manager.domain}")

    assert [each.status for each in (made, gone, caught, pointed, unpointed)] == [201, 200, 200, 201, 200]
    assert listed.data == [
        {"alias": "info", "email": f"info@{manager.domain}", "destinations": ["jo@else.example"]}
    ]
    assert caught.data == {"type": "blackhole", "address": None}
    assert (await manager.call("GET", forwarders)).data == []


async def test_a_policy_of_the_domain_gives_way_to_the_one_for_all_when_it_is_cleared(manager):
    path, strict = below(manager, "dmarc-policy"), "v=DMARC1; p=reject; sp=reject; aspf=r;"
    default = (await manager.call("GET", path)).data["default"]
    own = (await manager.call("PATCH", path, {"dmarc_record": strict})).data
    cleared = (await manager.call("PATCH", path, {"dmarc_record": None})).data

    assert (own["custom"], own["effective"]) == (True, own["custom_value"])
    assert "p=reject" in own["effective"]
    assert (cleared["custom"], cleared["effective"], cleared["custom_value"]) == (False, default, None)


async def test_a_portal_is_opened_and_closed_and_asks_for_dns(manager):
    path = below(manager, "reset-portal")
    key = await manager.key("dns", domains=(manager.domain,))
    opened = await manager.call("POST", path, {}, key=key)
    again = await manager.call("PATCH", path, {"enabled": True}, key=key)
    closed = await manager.call("DELETE", path, key=key)
    plain = await manager.call("POST", path, {}, key=await manager.key("emails"))

    assert [each.data["enabled"] for each in (opened, again, closed)] == [True, True, False]
    assert plain.status == 403
    logged = (await manager.call("GET", "/api/admin/logs")).data["entries"]
    assert [each["action"] for each in logged if each["action"].startswith("reset_portal")] == [
        "reset_portal.teardown",
        "reset_portal.deploy",
    ]


async def test_a_password_reset_is_answered_alike_for_everybody(manager):
    asked = [
        await manager.call("POST", f"{RESET}/request", {"email": email}, key="")
        for email in ("nobody@nowhere.example", f"alex@{manager.domain}")
    ]
    wrong = await manager.call("POST", f"{RESET}/confirm", {"token": "x", "password": "Abcd123!"}, key="")

    assert (await manager.call("GET", f"{RESET}/status", key="")).data == {"enabled": False}
    assert [each.status for each in asked] == [200, 200]
    assert asked[0].body == asked[1].body
    assert wrong.status == 400


@pytest.mark.parametrize("email", ["", "x", "a@b@c", "\x00@x.example", "x" * 400])
async def test_a_reset_for_no_address_is_400(manager, email):
    assert (await manager.call("POST", f"{RESET}/request", {"email": email}, key="")).status == 400


async def test_no_route_that_changes_something_is_open_but_those_for_visitors():
    open_ones = {route.path for route in MXROUTE_MANAGER.routes if route.scope is None}

    assert open_ones == {
        *("/health", "/login", "/login/second-factor", "/login/redirect", "/oidc/callback"),
        *(f"{RESET}/{name}" for name in ("status", "request", "confirm")),
    }


async def test_a_domain_that_is_tied_to_another_key_is_not_there(manager):
    other = await manager.key("full-admin", label="other")
    (owner,) = [
        one for one in await manager.core.access.keyring.every(manager.tenant) if one.description == "other"
    ]
    async with manager.core.database.begin() as tx:
        found = await domains.find(tx, manager.tenant, manager.domain)
        await domains.change(tx, replace(found, api_key_id=owner.id))
    asked = ["", "/stats", "/email-accounts", "/spam/blacklist", "/dns/health", "/reset-portal"]
    hidden = {(await manager.call("GET", f"/api/domains/{manager.domain}{path}")).status for path in asked}

    assert hidden == {404}
    assert (await manager.call("GET", "/api/domains")).data == []
    assert manager.domain not in (await manager.call("GET", "/api/fleet/overview")).raw.decode()
    assert (await manager.call("GET", "/api/domains", key=other)).data == [manager.domain]
