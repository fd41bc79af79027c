"""MXroute Manager's notifications: one choice of actions for all targets, told in its own words."""

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

from core.detectors import mailbox_usage
from core.detectors.mailbox_usage import Seen
from core.outward.manager_names import CATALOGUE, DESTRUCTIVE, ours, theirs
from core.upstream.provider import Mailbox
from tests.factories.loopback import listening
from tests.factories.outward import running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/admin/notifications"


class Receiver:
    """A JSON receiver as Apprise's `json://` knows it."""

    def __init__(self):
        self.got, self.status = [], 200

    async def handle(self, request):
        self.got.append(orjson.loads(await request.read()))
        return web.Response(status=self.status)


@pytest_asyncio.fixture(loop_scope="module")
async def receiver():
    made, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with listening(app) as url:
        made.url = f"json{url.removeprefix('http')}/s3cret-path"
        yield made


def chosen(receiver, *actions, **more):
    return {
        "enabled": True,
        "targets": [{"label": "siem", "url": receiver.url}],
        "actions": list(actions),
        **more,
    }


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_what_is_set_is_shown_with_masked_addresses(manager, receiver, method):
    await manager.call(method, PATH, chosen(receiver, "mailbox.create", "settings.update"))
    said = await manager.call("GET", PATH)
    (target,) = said.data["targets"]

    assert (target["label"], target["service"], target["url"]) == ("siem", "json", "json://127.0.0.1/***")
    assert (said.data["enabled"], said.data["configured"]) == (True, True)
    assert said.data["actions"] == ["mailbox.create", "settings.update"]
    assert "s3cret" not in said.raw.decode()


async def test_people_are_told_of_chosen_actions_in_the_managers_words(manager, receiver):
    await manager.call("PUT", PATH, chosen(receiver, "domain.create", "settings.update"))
    async with running(manager.core):
        await manager.add("unheard")
        await manager.call("POST", "/api/domains", {"domain": f"new.{manager.domain}"})
        await manager.call("PATCH", "/api/admin/settings", {"login_link_minutes": 5})
        await until(lambda: len(receiver.got) == 3)
    notifications, domain, settings = receiver.got

    assert [one["title"] for one in receiver.got] == [
        "[MXroute Manager] settings.update",
        "[MXroute Manager] domain.create",
        "[MXroute Manager] settings.update",
    ]
    assert [one["message"].splitlines()[0] for one in (notifications, settings)] == [
        "token:script → notifications",
        "token:script → settings",
    ]
    assert domain["message"].startswith(f"token:script → new.{manager.domain}\nresult=success")
    assert {name: domain[name] for name in ("version", "attachments", "type")} == {
        "version": "1.0",
        "attachments": [],
        "type": "info",
    }


async def test_a_masked_or_missing_address_keeps_the_targets_own(manager, receiver):
    first = (await manager.call("PUT", PATH, chosen(receiver, "mailbox.*"))).data["targets"][0]
    for kept in ({"label": "siem", "url": first["url"]}, {"id": first["id"], "label": "new name"}):
        said = await manager.call("PUT", PATH, {"targets": [kept], "actions": ["mailbox.*"]})
        assert said.data["targets"][0]["id"] == first["id"]
    tried = await manager.call("POST", f"{PATH}/test")

    assert said.data["targets"][0]["label"] == "new name"
    assert (tried.status, tried.body["message"]) == (200, "Test notification sent.")
    assert receiver.got[-1]["title"] == "[MXroute Manager] notification.test"


async def test_a_target_that_refuses_makes_the_test_a_failure(manager, receiver):
    await manager.call("PUT", PATH, chosen(receiver, "mailbox.*"))
    receiver.status = 500
    said = await manager.call("POST", f"{PATH}/test")

    assert (said.status, said.body["success"]) == (502, False)
    assert "siem: 500" in said.error["message"]
    assert "s3cret" not in said.raw.decode()


async def test_without_a_target_there_is_nothing_to_test(manager):
    assert (await manager.call("POST", f"{PATH}/test")).status == 400


async def test_the_monitor_of_dns_is_turned_on_by_itself(manager, receiver):
    body = chosen(receiver, dns_monitor={"enabled": True})
    on = (await manager.call("PUT", PATH, body)).data
    kept = (await manager.call("PUT", PATH, {"actions": ["mailbox.create"]})).data
    off = (await manager.call("PUT", PATH, {"dns_monitor": {"enabled": False}})).data

    assert [each["dns_monitor"]["enabled"] for each in (on, kept, off)] == [True, True, False]
    assert [each["actions"] for each in (on, kept, off)] == [[], ["mailbox.create"], ["mailbox.create"]]


async def test_the_monitor_of_mailbox_usage_is_turned_on_by_itself_and_has_its_limits(manager, receiver):
    before = (await manager.call("GET", PATH)).data["quota_monitor"]
    body = chosen(receiver, quota_monitor={"enabled": True, "interval_hours": 12, "quota_percent": 80})
    on = (await manager.call("PUT", PATH, body)).data
    kept = (await manager.call("PUT", PATH, {"quota_monitor": {"send_percent": 70}})).data
    off = await manager.call("PUT", PATH, {"actions": ["*"], "quota_monitor": {"enabled": False}})

    assert before == {"enabled": False, "quota_percent": 90, "send_percent": 90}
    assert on["quota_monitor"] == {"enabled": True, "quota_percent": 80, "send_percent": 90}
    assert kept["quota_monitor"] == {"enabled": True, "quota_percent": 80, "send_percent": 70}
    assert off.status == 400
    assert (on["configured"], on["actions"], on["dns_monitor"]) == (True, [], {"enabled": False})


async def test_a_mailbox_that_runs_full_is_told_in_the_managers_words(manager, receiver):
    await manager.call("PUT", PATH, chosen(receiver, quota_monitor={"enabled": True}))
    box = Mailbox(username="grace", quota_mb=1000, send_limit=9600, used_mb=950.0, sent_today=0)
    seen = [Seen(tenant=manager.tenant, domain=manager.domain, mailboxes=(box,))]
    core = manager.core
    async with running(core):
        async with core.database.begin() as tx:
            await mailbox_usage.detect(tx, core.clock(), chain=core.chain, seen=seen)
        core.outward.wake()
        await until(lambda: len(receiver.got) == 1)
    logged = (await manager.call("GET", "/api/admin/logs")).data["entries"][0]

    assert receiver.got[0]["title"] == "[MXroute Manager] mailbox.quota_alert"
    assert receiver.got[0]["message"].startswith(f"system → grace@{manager.domain}\ndetails=")
    assert (logged["action"], logged["user"], logged["target"]) == (
        "mailbox.quota_alert",
        "system",
        f"grace@{manager.domain}",
    )


async def test_monitors_that_the_manager_does_not_know_stay_a_targets_own(manager, receiver):
    await manager.call("PUT", PATH, chosen(receiver, "mailbox.*"))
    await manager.call("PUT", PATH, {"dns_monitor": {"enabled": True}})
    told = [each["after"] for each in await manager.entries("notifications.update")]

    assert [each[0]["monitors"] for each in told] == [[], ["dns"]]
    assert {each[0]["form"] for each in told} == {"mxroute-manager"}
    assert "s3cret" not in str(told)


async def test_turned_off_it_may_be_empty(manager):
    said = await manager.call("PUT", PATH, {"enabled": False, "targets": [], "actions": []})

    assert (said.status, said.data["targets"], said.data["configured"]) == (200, [], False)


@pytest.mark.parametrize(
    "change",
    [
        {"targets": []},
        {"actions": []},
        {"actions": ["Mailbox!"]},
        {"actions": ["x" * 200]},
        {"targets": [{"label": "siem", "url": "file:///etc/passwd"}]},
        {"targets": [{"label": "siem", "url": "json://%"}]},
        {"targets": [{"label": "new"}]},
        {"targets": [{"label": "one\nroot -> all", "url": "json://x.example"}]},
        {"targets": [{"id": "ntf_1", "label": "siem", "url": "json://x.example"}]},
        {"targets": [{"label": "x"}] * 60},
        {"quota_monitor": {"enabled": True, "quota_percent": 40}},
        {"quota_monitor": {"enabled": True, "send_percent": 100}},
    ],
)
async def test_what_cannot_be_is_400_and_changes_nothing(manager, receiver, change):
    said = await manager.call("PUT", PATH, {**chosen(receiver, "mailbox.create"), **change})

    assert (said.status, said.body["success"]) == (400, False)
    assert (await manager.call("GET", PATH)).data["targets"] == []


async def test_it_is_for_administrators(manager):
    key = await manager.key("domain-admin")
    asked = [
        ("GET", PATH),
        ("PUT", PATH),
        ("POST", PATH),
        ("POST", f"{PATH}/test"),
        ("GET", f"{PATH}/actions"),
    ]

    assert {(await manager.call(*one, key=key)).status for one in asked} == {403}


async def test_what_people_can_be_told_of_is_listed_by_group(manager):
    said = (await manager.call("GET", f"{PATH}/actions")).data
    names = {one["id"] for group in said["groups"] for one in group["actions"]}

    assert {group["group"] for group in said["groups"]} == set(CATALOGUE)
    assert {"dns.health_alert", "mailbox.create", "settings.update", "dns.scan"} <= names
    assert set(said["destructive_action_ids"]) == set(DESTRUCTIVE) <= names


@pytest.mark.parametrize("name", sorted({name for names in CATALOGUE.values() for name in names}))
async def test_every_action_of_the_list_stands_for_one_that_is_logged_so(name):
    assert all(
        theirs(action) == name or theirs(action) in ("mailbox.update", "domain.update")
        for action in ours(name)
    )
