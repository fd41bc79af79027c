"""A tenant's settings by the API."""

import pytest

from core.store import settings
from tests.factories.core_records import entries

DEFAULTS = {
    "login_link_minutes": 15,
    "login_session_minutes": 480,
    "password_reset": True,
    "password_reset_minutes": 60,
    "mailbox_quota_percent": 90,
    "mailbox_send_percent": 90,
}


async def test_what_was_never_set_has_its_default(service_api):
    assert (await service_api.call("GET", "/settings")).data == DEFAULTS


async def test_what_is_given_is_set_and_null_sets_it_back(service_api):
    changed = await service_api.call("PATCH", "/settings", {"login_link_minutes": 5, "password_reset": False})
    back = await service_api.call("PATCH", "/settings", {"login_link_minutes": None})

    assert changed.data == {**DEFAULTS, "login_link_minutes": 5, "password_reset": False}
    assert back.data == {**DEFAULTS, "password_reset": False}
    told = (await entries(service_api.core, "settings.changed"))[0]
    assert told["before"] == {"login_link_minutes": 15, "password_reset": True}
    assert told["after"] == {"login_link_minutes": 5, "password_reset": False}


async def test_what_changes_nothing_is_not_told(service_api):
    assert (await service_api.call("PATCH", "/settings", {"login_link_minutes": 15})).status == 200
    assert await entries(service_api.core, "settings.changed") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"login_link_minutes": 0}, "login_link_minutes"),
        ({"login_session_minutes": 721}, "login_session_minutes"),
        ({"password_reset": "perhaps"}, "password_reset"),
        ({"mailbox_quota_percent": 49}, "mailbox_quota_percent"),
        ({"mailbox_send_percent": 100}, "mailbox_send_percent"),
        ({"nope": 1}, "nope"),
    ],
)
async def test_what_is_no_setting_or_out_of_range_is_named(service_api, body, field):
    said = await service_api.call("PATCH", "/settings", body)

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_each_tenant_has_its_own(service_api):
    theirs = await service_api.key("full-admin", tenant="other")
    await service_api.call("PATCH", "/settings", {"login_link_minutes": 5})

    assert (await service_api.call("GET", "/settings", key=theirs)).data == DEFAULTS


async def test_a_value_that_is_no_longer_allowed_counts_as_not_set(service_api):
    async with service_api.core.database.begin() as tx:
        await settings.put(tx, "default", "login_link_minutes", 99_999, 0)

    assert (await service_api.call("GET", "/settings")).data == DEFAULTS
