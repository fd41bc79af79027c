"""Notifications by Apprise over real HTTP: who is told, guarded, without redirects."""

import orjson
import pytest
from aiohttp import web

from core.audit.entry import Actor, Change, Resource
from core.notify.send import Note, check, send_now, shown
from core.service.by import Deed, record
from hub.sdk.http import Guard
from tests.factories.core_api import OPERATOR_BY
from tests.factories.loopback import listening
from tests.factories.outward import LOOPBACK, running, until

NOTE = Note("title", "body")


class Service:
    """A JSON receiver as Apprise's `json://` knows it."""

    def __init__(self):
        self.got, self.paths, self.answers = [], [], []

    async def handle(self, request):
        self.paths.append(request.path)
        self.got.append(orjson.loads(await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})


@pytest.fixture
async def service():
    made = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with listening(app) as url:
        made.url = f"json{url.removeprefix('http')}/s3cret-path"
        yield made


async def send(core, url, allow=LOOPBACK):
    return await core.workers.run(send_now, url, NOTE, Guard(allow), 10.0)


async def test_a_message_is_sent(core, service):
    result = await send(core, service.url)

    assert result.error == ""
    assert (result.sent, result.status) == (True, 200)
    assert service.got[0]["title"] == "title"


async def test_a_redirect_is_not_followed_whatever_the_url_says(core, service):
    service.answers = [302]
    result = await send(core, service.url + "?redirect=yes")

    assert (result.sent, result.status) == (False, 302)
    assert service.paths == ["/s3cret-path"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "2130706433", "0x7f.1"]
)
async def test_an_address_that_is_not_public_is_never_connected_to(core, service, host):
    result = await send(core, service.url.replace("127.0.0.1", host), allow=())

    assert not result.sent
    assert service.got == []
    assert "s3cret-path" not in result.error


@pytest.mark.parametrize(
    "url",
    [
        "mailto://a:b@smtp.example",
        "file:///etc/passwd",
        "json://",
        "",
        "\0",
        "syslog://",
        "http://x",
        "json://%",
    ],
)
def test_only_services_that_are_reached_by_http_are_taken(url):
    with pytest.raises(ValueError, match=r"must be|is no"):
        check(url)


def test_what_is_shown_of_a_url_is_no_secret():
    assert shown("json://user:pass@siem.example/token?x=1") == "json://siem.example/..."
    assert shown("tgram://123456789:abcdefg_hijklmnop/1") == "tgram://..."


async def put(api, service, **more):
    target = {"name": "on call", "url": service.url, **more}
    return await api.call("PUT", "/notifications", {"targets": [target]})


async def do(core, action):
    async with core.database.begin() as tx:
        thing = Resource(type="mailbox", id="grace@acme.example", domain="acme.example")
        await record(core, tx, OPERATOR_BY, Deed(action=action, resource=thing, reason="because"))


async def test_people_are_told_of_the_actions_that_they_chose(core, service_api, service):
    await put(service_api, service, actions=["mailbox.create", "domain.*"])
    async with running(core):
        for action in ("mailbox.create", "mailbox.update", "domain.verify"):
            await do(core, action)
        await until(lambda: len(service.got) == 2)

    assert [one["title"] for one in service.got] == ["[mxhub] mailbox.create", "[mxhub] domain.verify"]
    assert "because" in service.got[0]["message"]


async def test_the_destructive_preset_and_monitors(core, service_api, service):
    await put(service_api, service, actions=["destructive"], monitors=["dns"])
    async with running(core):
        for action in ("mailbox.create", "mailbox.delete", "dns.health_alert", "api_key.revoke"):
            await do(core, action)
        await until(lambda: len(service.got) == 3)

    assert {one["title"][8:] for one in service.got} == {
        "mailbox.delete",
        "dns.health_alert",
        "api_key.revoke",
    }


async def test_a_target_may_be_told_in_the_words_of_mxroute_manager(core, service_api, service):
    await put(service_api, service, form="mxroute-manager", actions=["domain.*"], monitors=["dns"])
    async with running(core):
        await do(core, "domain.created")
        await until(lambda: len(service.got) == 1)
        await alarm(core, "dns.health_alert", {"overall": "unhealthy"})
        await until(lambda: len(service.got) == 2)

    assert [(one["title"], one["message"].splitlines()) for one in service.got] == [
        (
            "[MXroute Manager] domain.create",
            ["local → grace@acme.example", "result=success, reason=because, request_id=req_test"],
        ),
        (
            "[MXroute Manager] dns.health_alert",
            ["system → acme.example", "details={'overall': 'unhealthy'}, result=success"],
        ),
    ]


async def alarm(core, action, details):
    """As a monitor tells."""
    who, thing = Actor(type="system", id="scheduler"), Resource(type="dns", id="acme.example")
    async with core.database.begin() as tx:
        change = Change(actor=who, action=action, resource=thing, details=details)
        await core.chain.append(tx, "default", change)
    core.outward.wake()


async def test_what_is_told_to_people_alone_is_in_no_feed(core, service_api, service):
    await put(service_api, service, actions=["mailbox.create"])
    await do(core, "mailbox.create")
    said = await service_api.call("GET", "/outbox")

    assert {one["event"] for one in said.data} == {"api_key.created"}


async def test_an_outage_delays_a_message_and_loses_none(core, service_api, service):
    service.answers = [503, 503, 500]
    await put(service_api, service, actions=["mailbox.create"])
    async with running(core):
        await do(core, "mailbox.create")
        await until(lambda: len(service.got) == 4)
        await until(lambda: is_well(service_api))

    assert len({one["message"] for one in service.got}) == 1


async def is_well(api):
    (target,) = (await api.call("GET", "/notifications")).data["targets"]
    return target["delivered"] == 1 and target["failing_since"] is None


async def test_urls_are_sealed_and_masked_and_kept_when_left_out(service_api, service):
    made = (await put(service_api, service, actions=["mailbox.create"])).data["targets"][0]
    again = await service_api.call("PUT", "/notifications", {"targets": [{"id": made["id"], "name": "new"}]})
    tried = await service_api.call("POST", "/notifications/test", {"target": made["id"]})
    odd = await put(service_api, service, form="carrier-pigeon")

    assert "s3cret-path" not in again.raw.decode()
    assert (again.data["targets"][0]["name"], again.data["targets"][0]["to"][:7]) == ("new", "json://")
    assert (again.data["targets"][0]["form"], odd.status) == ("mxhub", 400)
    assert tried.data[0]["sent"]
