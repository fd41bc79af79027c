"""A domain that is tied to a key leaves by no way that another key made."""

from itertools import product

import orjson
import pytest
from aiohttp import web
from sqlalchemy import update

from core.app.tokens import Tokens
from core.reports.dmarc import parse
from core.reports.dmarc_store import file_report
from core.service import feed, notifications, provisioning, webhooks
from core.service.by import By
from core.service.webhook_deliveries import deliveries, resend
from core.store.clock import wall_clock
from core.store.sight import Sight, place_of
from core.store.tables import domains, outbox_events
from core.store.tables import webhooks as table
from hub.access.audit import Actor
from hub.access.principal import Grant, Principal
from hub.model.event import Header
from hub.pipeline.match import Matcher
from hub.web.errors import Conflict, NotFound
from tests.factories.core_api import OPERATOR_BY
from tests.factories.loopback import listening
from tests.factories.outward import LOOPBACK, add, happen, hook, running, until
from tests.factories.reports import record_xml, report_xml

MAKER = Actor(type="local", id="local", name="local")
FULL = (Grant.of(["full-admin"]),)
PERSON = By(
    principal=Principal(
        kind="session", id="u", name="ann", tenant="default", grants=(Grant.of(["read-only"]),)
    )
)
SIGHTS = [
    Sight(key_id=key, all_ties=ties, domains=names)
    for key, ties, names in product(
        ("", "a", "b"), (False, True), (None, (), ("x.example",), ("x.example", "y"))
    )
]
PLACES = [(domain, key) for domain in ("", "x.example", "y") for key in ("", "a", "b")]


async def key_of(core, grants=FULL):
    key, _ = await core.access.keyring.make(MAKER, tenant="default", grants=grants)
    return By(principal=key.principal())


async def add_domain(core, name="acme.example"):
    async with core.database.begin() as tx:
        await provisioning.provision(core, tx, OPERATOR_BY, [provisioning.NewDomain(name=name)])


async def tie(core, to, name="acme.example"):
    async with core.database.begin() as tx:
        key = None if to is None else to.principal.key_id
        await tx.execute(update(domains).where(domains.c.name == name).values(api_key_id=key))


async def told(core, by):
    async with core.database.read() as tx:
        read = await feed.read(core, tx, by, limit=1000)
        listed = await feed.listed(core, tx, by, feed.Filter(), limit=1000)
    assert {one.id for one in read.events} == {one.id for one in listed.items}
    return {one.id for one in read.events}


@pytest.fixture
async def keys(core):
    core.clock.now_ms = wall_clock()  # receivers refuse what was signed long ago
    await add_domain(core)
    return await key_of(core), await key_of(core)


# -- the feed ------------------------------------------------------------------------------------------------
async def test_an_event_is_its_holders_after_the_tie_is_gone(core, keys):
    own, other = keys
    await tie(core, own)
    (event,) = await happen(core)
    await tie(core, None)
    (free,) = await happen(core)

    assert {event, free} <= await told(core, own)
    assert {event, free} <= await told(core, OPERATOR_BY)
    assert {event, free} & await told(core, other) == {free}
    assert {event, free} & await told(core, PERSON) == {free}


async def test_events_from_before_a_tie_go_with_the_domain(core, keys):
    own, other = keys
    (event,) = await happen(core)
    await tie(core, own)

    assert event in await told(core, own)
    assert event not in await told(core, other)


async def test_the_removal_of_a_tied_domain_is_told_to_its_key_alone(core, keys):
    own, other = keys
    await tie(core, own)
    async with core.database.begin() as tx:
        await provisioning.deprovision(core, tx, own, ["acme.example"])
    async with core.database.read() as tx:
        rows = (
            await tx.execute(outbox_events.select().where(outbox_events.c.name == "domain.deleted"))
        ).all()

    assert [row.held_by for row in rows] == [own.principal.key_id]
    assert rows[0].id in await told(core, own)
    assert rows[0].id not in await told(core, other)


async def test_the_hubs_own_token_reads_every_event_of_its_tenant(core, keys):
    await tie(core, keys[0])
    (event,) = await happen(core)
    tokens = Tokens()
    hub = By(principal=tokens.holder(tokens.of("default")))

    assert event in await told(core, hub)
    assert await told(core, hub) == await told(core, OPERATOR_BY)


async def test_what_is_said_of_a_name_below_a_tied_domain_is_its_keys_too(core, keys):
    own, other = keys
    await tie(core, own)
    report = parse(report_xml(record_xml(), domain="below.acme.example"))
    async with core.database.begin() as tx:
        await file_report(tx, report, now_ms=core.clock(), chain=core.chain)
        rows = (
            await tx.execute(outbox_events.select().where(outbox_events.c.name == "report.received"))
        ).all()

    assert [row.held_by for row in rows] == [own.principal.key_id]
    assert rows[0].data["domain"] == "below.acme.example"
    assert rows[0].id in await told(core, own)
    assert rows[0].id not in await told(core, other)


# -- webhooks ------------------------------------------------------------------------------------------------
async def test_webhooks_get_of_a_tied_domain_what_their_makers_may_see(core, keys):
    own, other = keys
    await tie(core, own)
    async with hook() as mine, hook() as theirs, hook() as all_of_it:
        for receiver, by in ((mine, own), (theirs, other), (all_of_it, OPERATOR_BY)):
            receiver.secrets = [(await add(core, receiver.url, by=by)).secret]
        async with running(core):
            (event,) = await happen(core)
            await tie(core, None)
            (free,) = await happen(core)
            await until(lambda: free in theirs.ids)
            await until(lambda: {event, free} <= set(mine.ids) & set(all_of_it.ids))

    assert event not in theirs.ids


async def test_the_webhook_of_who_reads_events_of_some_domains_gets_those_only(core, keys):
    del keys
    grants = (Grant.of(["webhooks:write"]), Grant.of(["events:read"], ["mine.example"]))
    await add_domain(core, "mine.example")
    async with hook() as receiver:
        made = await add(core, receiver.url, by=await key_of(core, grants))
        receiver.secrets = [made.secret]
        async with running(core):
            (event,) = await happen(core)
            async with core.database.begin() as tx:
                await provisioning.deprovision(core, tx, OPERATOR_BY, ["mine.example"])
            await until(lambda: "domain.deleted" in receiver.names)

    assert event not in receiver.ids
    assert [one["data"]["domain"] for one in receiver.taken] == ["mine.example"]


async def test_what_another_key_sends_elsewhere_is_only_what_both_see(core, keys):
    own, other = keys
    await tie(core, own)
    async with hook() as receiver:
        made = await add(core, "http://127.0.0.1:9/hook", by=own)
        receiver.secrets = [made.secret]
        async with core.database.begin() as tx:
            moved = webhooks.Changes(url=receiver.url)
            await webhooks.change(core, tx, other, made.webhook.id, moved)
        async with running(core):
            (event,) = await happen(core)
            await tie(core, None)
            (free,) = await happen(core)
            await until(lambda: free in receiver.ids)

    assert event not in receiver.ids


async def test_another_keys_deliveries_are_neither_listed_nor_sent_again(core, keys):
    own, other = keys
    await tie(core, own)
    async with hook() as receiver:
        made = await add(core, receiver.url, by=own)
        receiver.secrets = [made.secret]
        async with running(core):
            (event,) = await happen(core)
            await until(lambda: listed(core, own, made))
        (mine,) = await listed(core, own, made)

        with pytest.raises(NotFound):
            await resend(core, other, made.webhook.id, mine.id)
        again = await resend(core, own, made.webhook.id, mine.id)

    assert mine.event == event
    assert again.delivered
    assert await listed(core, other, made) == []


async def listed(core, by, made):
    async with core.database.read() as tx:
        return list((await deliveries(core, tx, by, made.webhook.id)).items)


async def test_an_event_is_not_sent_again_to_a_webhook_that_it_is_no_more_for(core, keys):
    own, _ = keys
    await tie(core, own)
    async with hook() as receiver:
        made = await add(core, receiver.url, by=own)
        receiver.secrets = [made.secret]
        async with running(core):
            await happen(core)
            await until(lambda: listed(core, own, made))
        (delivery,) = await listed(core, own, made)
        async with core.database.begin() as tx:
            await tx.execute(update(table).values(key_id=""))

        with pytest.raises(Conflict):
            await resend(core, own, made.webhook.id, delivery.id)
    assert len(receiver.ids) == 1


# -- notification targets ------------------------------------------------------------------------------------
class Told:
    def __init__(self):
        self.texts = []

    async def handle(self, request):
        self.texts.append(orjson.dumps(orjson.loads(await request.read())).decode())
        return web.Response()


async def test_people_are_told_of_a_tied_domain_by_its_keys_target_alone(core, keys):
    own, other = keys
    await tie(core, own)
    receivers = {"own": Told(), "other": Told()}
    app = web.Application()
    for name, receiver in receivers.items():
        app.router.add_post(f"/{name}", receiver.handle)
    async with listening(app) as url:
        to = f"json{url.removeprefix('http')}"
        async with core.database.begin() as tx:
            (mine,) = await notifications.put(core, tx, own, [target(f"{to}/own")])
            kept = notifications.Wanted(id=mine.id, actions=("domain.*",))
            await notifications.put(core, tx, other, [kept, target(f"{to}/other")])
        async with running(core, allow_networks=LOOPBACK):
            await happen(core)
            await tie(core, None)
            await happen(core)
            await until(lambda: len(receivers["own"].texts) == 2 and len(receivers["other"].texts) == 1)

    assert {name: len(receiver.texts) for name, receiver in receivers.items()} == {"own": 2, "other": 1}


def target(url):
    return notifications.Wanted(url=url, actions=("domain.*",))


# -- what is kept with them ----------------------------------------------------------------------------------
@pytest.mark.parametrize("sight", SIGHTS)
def test_routes_say_the_same_as_the_sight(sight):
    places = sight.places()
    matcher = Matcher({"it": [{} if places is None else {"domain": list(places)}]})
    for domain, key in PLACES:
        header = Header("t", "s", 0, "c", 1, place_of(domain, key), 0, 0)

        assert bool(matcher.match(header)) == sight.sees(domain, key), (domain, key)


@pytest.mark.parametrize("one", SIGHTS)
def test_within_sees_what_both_see(one):
    for other, (domain, key) in product(SIGHTS, PLACES):
        both = one.sees(domain, key) and other.sees(domain, key)

        assert one.within(other).sees(domain, key) == both, (other, domain, key)
