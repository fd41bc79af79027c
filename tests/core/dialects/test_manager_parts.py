"""MXroute Manager's dialect: spam lists, the log, the password reset."""

from contextlib import AsyncExitStack
from functools import partial

import pytest

from core.api.app import create_app as create_core
from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.manager import MXROUTE_MANAGER
from hub.sdk.testing import Reply
from tests.factories.core_api import serve
from tests.factories.core_people import Browser, person, signed_in
from tests.factories.hosting import add_domain, audit_entries, events, far
from tests.factories.manager import token

__all__ = ["far"]

SPAM = "/api/domains/example.com/spam"


@pytest.fixture
async def manager(core):
    """The dialect over the service itself as mail host; its full-admin key is an administrator's token."""
    await add_domain(core)
    async with serve(core, create_app(core, MXROUTE_MANAGER)) as api:
        yield api


@pytest.fixture
async def manager_far(far):
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(serve(far.core, create_app(far.core, MXROUTE_MANAGER)))


@pytest.mark.parametrize("where", ["blacklist", "whitelist"])
async def test_an_entry_is_added_once_in_any_case_listed_and_removed(manager, where):
    path = f"{SPAM}/{where}"
    added = await manager.call("POST", path, {"entry": "karen@hr.example.com"})
    again = await manager.call("POST", path, {"entry": "Karen@hr.example.com"})
    listed = await manager.call("GET", path)
    gone = await manager.call("DELETE", f"{path}/karen%40hr.example.com")
    twice = await manager.call("DELETE", f"{path}/karen%40hr.example.com")

    assert [each.status for each in (added, again, gone, twice)] == [201, 409, 200, 404]
    assert listed.data == ["karen@hr.example.com"]
    assert (await manager.call("GET", path)).data == []
    told = [each["name"] for each in await events(manager.core) if each["name"].startswith("rule.")]
    assert told == ["rule.added", "rule.removed"]


async def test_a_local_part_alone_is_everybody_of_that_name(manager):
    said = await manager.call("POST", f"{SPAM}/blacklist", {"entry": "karen"})
    assert (said.status, said.data) == (201, {"entry": "karen@*"})


async def test_an_entry_that_is_none_is_400(manager):
    said = await manager.call("POST", f"{SPAM}/blacklist", {"entry": "a b"})
    assert (said.status, said.body["success"]) == (400, False)


async def test_lists_lie_at_a_host_elsewhere_and_a_lost_answer_counts_once_it_stands(manager_far, far):
    far.played.lost = Reply(status=500)
    said = await manager_far.call("POST", f"{SPAM}/blacklist", {"entry": "karen@hr.example.com"})

    assert (said.status, far.played.lists["blacklist"]) == (201, ["karen@hr.example.com"])
    (entry,) = await audit_entries(far.core, "spam.blacklist_add")
    assert entry["result"] == "success"


async def test_the_high_score_is_read_and_set(manager_far, far):
    before = await manager_far.call("GET", f"{SPAM}/settings")
    after = await manager_far.call("PATCH", f"{SPAM}/settings", {"high_score": 10})

    assert (before.data, after.data, far.played.high_score) == ({"high_score": 15}, {"high_score": 10}, 10)


async def test_the_log_shows_a_day_newest_first_and_which_days_there_are(manager):
    await manager.call("POST", f"{SPAM}/blacklist", {"entry": "one@else.example"})
    manager.core.clock.advance(86_400)
    for name in ("two", "three"):
        await manager.call("POST", f"{SPAM}/blacklist", {"entry": f"{name}@else.example"})
    said = (await manager.call("GET", "/api/admin/logs")).data
    first = said["available_dates"][-1]
    earlier = (await manager.call("GET", f"/api/admin/logs?date={first}&limit=1")).data

    assert [each["details"]["after"]["item"] for each in said["entries"]] == [
        "three@else.example",
        "two@else.example",
    ]
    assert said["available_dates"] == [said["current_date"], first]
    assert set(said["entries"][0]) == {"timestamp", "user", "action", "target", "details"}
    assert said["entries"][0]["timestamp"].endswith("+00:00")
    assert (earlier["current_date"], len(earlier["entries"])) == (first, 1)


async def test_the_log_is_for_administrators(manager):
    key = await token(manager.core, "plain", ["domain-admin"])
    assert (await manager.call("GET", "/api/admin/logs", key=key)).status == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "date=today"])
async def test_what_is_no_day_or_number_is_400(manager, query):
    assert (await manager.call("GET", f"/api/admin/logs?{query}")).status == 400


async def test_a_password_reset_is_answered_alike_for_everybody(manager):
    path = "/api/public/password-reset"
    status = await manager.call("GET", f"{path}/status", key="")
    said = await manager.call("POST", f"{path}/request", {"email": "nobody@example.com"}, key="")
    wrong = await manager.call("POST", f"{path}/confirm", {"token": "x", "password": "Abcd123!"}, key="")

    assert (status.data, said.status, wrong.status) == ({"enabled": False}, 200, 400)


# -- administrators --
async def session_of(manager, login, *, csrf=True):
    """Who signed in at the service has a session at the manager too."""
    async with serve(manager.core, create_core(manager.core)) as api:
        cookie = (await signed_in(api, login)).cookie
    return partial(Browser(manager, cookie).call, csrf=csrf)


async def test_no_token_lists_makes_or_revokes_tokens(manager):
    path = "/api/admin/api-tokens"
    asked = [
        ("GET", path, None),
        ("POST", path, {"label": "more", "is_admin": True}),
        ("DELETE", f"{path}/key_1", None),
    ]
    before = len(await manager.core.access.keyring.every("default"))

    assert [(await manager.call(*one)).status for one in asked] == [403, 403, 403]
    assert len(await manager.core.access.keyring.every("default")) == before


async def test_an_administrator_in_a_session_makes_lists_and_revokes_tokens(manager):
    await person(manager, "root@example.com", admin=True)
    browser = await session_of(manager, "root@example.com")
    grants = [{"domain": "example.com", "permissions": ["emails"]}]
    made = await browser("POST", "/api/admin/api-tokens", {"label": "ci", "grants": grants})
    ours = [one for one in (await browser("GET", "/api/admin/api-tokens")).data if one["label"] == "ci"]
    works = await manager.call("GET", "/api/domains", key=made.data["token"])
    await browser("DELETE", f"/api/admin/api-tokens/{made.data['id']}")

    assert (made.status, made.data["token"][:4], works.data) == (201, "mxm_", ["example.com"])
    assert [(one["prefix"], one["grants"], "token" in one) for one in ours] == [
        (made.data["token"][:12], grants, False)
    ]
    assert (await manager.call("GET", "/api/domains", key=made.data["token"])).status == 401


async def test_a_session_needs_its_csrf_token_for_writes(manager):
    await person(manager, "root@example.com", admin=True)
    browser = await session_of(manager, "root@example.com", csrf=False)

    assert (await browser("GET", "/api/me")).data["is_admin"] is True
    assert (await browser("POST", "/api/admin/api-tokens", {"label": "ci"})).status == 403


async def test_a_delegation_holds_for_its_domain_and_ends(manager):
    await person(manager, "jo@example.com")
    path, grants = "/api/admin/delegations", [{"domain": "example.com", "permissions": ["emails", "dns"]}]
    given = await manager.call("POST", path, {"username": "jo@example.com", "grants": grants})
    listed = await manager.call("GET", path)
    browser = await session_of(manager, "jo@example.com")
    may = await browser("GET", "/api/domains/example.com/email-accounts")
    ended = await manager.call("DELETE", f"{path}/jo@example.com")
    may_not = await browser("GET", "/api/domains/example.com/email-accounts")

    assert (given.data, listed.data) == (
        {"username": "jo@example.com", "grants": grants},
        [{"username": "jo@example.com", "grants": grants}],
    )
    assert (may.status, ended.status, may_not.status) == (200, 200, 403)


@pytest.mark.parametrize(
    "grant", [{"domain": "x", "permissions": ["all"]}, {"domain": "a b", "permissions": ["dns"]}]
)
async def test_a_delegation_of_what_there_is_not_is_400(manager, grant):
    await person(manager, "jo@example.com")
    body = {"username": "jo@example.com", "grants": [grant]}
    assert (await manager.call("POST", "/api/admin/delegations", body)).status == 400


async def test_settings_are_shown_and_changed(manager):
    before = (await manager.call("GET", "/api/admin/settings")).data
    after = (await manager.call("PATCH", "/api/admin/settings", {"login_link_minutes": 5})).data
    wrong = await manager.call("PATCH", "/api/admin/settings", {"colour": "red"})

    assert (before["dmarc_record"], before["public_url_scheme"]) == ("v=DMARC1; p=none", "https")
    assert (after["login_link_minutes"], wrong.status) == (5, 400)
