"""The hub's source against the core's own API, over real HTTP."""

import orjson
import pytest

from core.api.app import create_app
from core.service.event_names import EVENT_NAMES
from core.store import feed
from hub.pipeline.normalise import normalise
from hub.registry import Registry
from hub.sdk.source import Answer, PollFailed
from hub.sources.core.outbox import fetch
from tests.factories.core_api import serve
from tests.factories.outward import happen

SPEC = Registry(third_parties=lambda _: ()).source("core")


@pytest.fixture
async def api(core):
    async with serve(core, create_app(core)) as api:
        yield api


def caller(api):
    async def call(method, path, *, params):
        async with api.client.request(
            method, path, params=params, headers={"Authorization": f"Bearer {api.admin}"}
        ) as answer:
            return Answer(status=answer.status, headers={}, body=await answer.read())

    return call


async def walk(api, cursor):
    items, more = [], True
    while more:
        page = await fetch(caller(api), cursor, 0)
        items += page.items
        cursor, more = page.cursor, page.more
    return items, cursor


def test_every_event_of_the_core_has_a_mapper():
    assert set(SPEC.mappers) == set(EVENT_NAMES)


@pytest.mark.parametrize(
    ("data", "domain"), [({}, "below.acme.example"), ({"home": "Acme.example"}, "acme.example")]
)
def test_what_is_of_a_name_below_a_domain_is_filed_under_the_domain(data, domain):
    payload = {
        "id": "evt_1",
        "timestamp": "2026-05-01T07:42:13.000Z",
        "data": {"domain": "below.acme.example", **data},
    }

    assert SPEC.mappers["report.received"](payload).domain == domain


@pytest.mark.slow
async def test_the_outbox_is_read_on_without_a_repeat(api):
    _, cursor = await walk(api, None)
    first = await happen(api.core, 700)
    some, cursor = await walk(api, cursor)
    second = await happen(api.core, 2)
    more, _ = await walk(api, cursor)

    assert [item.payload["id"] for item in some] == first
    assert [item.payload["id"] for item in more] == second


async def test_webhook_and_outbox_bring_one_event(api):
    from core.outward.letter import body_of

    _, cursor = await walk(api, None)
    await happen(api.core)
    ((polled,), _) = await walk(api, cursor)
    async with api.core.database.read() as tx:
        last = (await feed.having(tx, [await feed.top(tx)])).popitem()[1]
    (pushed,) = SPEC.split(body_of(last))
    made = [
        normalise(SPEC, tenant="acme", source="core", item=item, received_ms=1_770_000_000_000)
        for item in (polled, pushed)
    ]

    assert made[0].event.uid == made[1].event.uid
    assert orjson.loads(made[0].event.body)["metadata"]["event_code"] == "domain.created"


async def test_a_cursor_that_is_not_known_any_more_is_a_gap_and_a_new_beginning(api):
    page = await fetch(caller(api), "not-a-cursor", 0)
    again = await fetch(caller(api), page.cursor, 0)

    assert (page.cursor, page.more) == ("", True)
    assert "may be missing" in page.gap
    assert again.gap is None


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"data":[]}', b'{"data":[],"meta":{"pagination":{"next_cursor":1}}}']
)
async def test_an_answer_that_is_none_moves_no_cursor(body):
    async def call(*_, **__):
        return Answer(status=200, headers={}, body=body)

    with pytest.raises(PollFailed):
        await fetch(call, "c", 0)
