import asyncio

from tests.factories.api import make_services
from tests.factories.events import make_entry


def uids(said):
    return [one["metadata"]["uid"] for one in said["data"]]


async def test_the_feed_gives_every_event_once_oldest_first(get):
    seen, after = [], "0"
    while True:
        _, said = await get("/api/v1/feed", after=after, limit=8)
        if not said["data"]:
            break
        seen += uids(said)
        after = said["meta"]["pagination"]["next_cursor"]

    assert seen == [make_entry(seq).uid.hex() for seq in range(1, 31)]
    assert said["meta"]["pagination"] == {"next_cursor": "30", "has_more": False, "limit": 8}


async def test_a_filter_that_finds_nothing_still_moves_the_cursor(get):
    _, said = await get("/api/v1/feed", source="nobody")

    assert said["data"] == []
    assert said["meta"]["pagination"]["next_cursor"] == "30"


async def test_tail_begins_near_the_end(get):
    _, said = await get("/api/v1/feed", tail=3)

    assert uids(said) == [make_entry(seq).uid.hex() for seq in (28, 29, 30)]


async def test_tail_and_after_exclude_each_other(get):
    status, said = await get("/api/v1/feed", tail=3, after=1)

    assert status == 400
    assert said["error"]["details"][0]["field"] == "tail"


async def test_a_reader_behind_retention_hears_of_the_gap(start):
    services = make_services()
    services.archive.oldest = 11
    client = await start(services)
    behind = await client.get("/api/v1/feed?after=3")
    said = await behind.json()
    again = await client.get("/api/v1/feed?after=10&limit=1")

    assert behind.status == 410
    assert said["error"]["code"] == "CURSOR_EXPIRED"
    assert said["error"]["details"] == [{"message": "gone by retention", "from_seq": 4, "to_seq": 10}]
    assert again.status == 200


async def test_a_waiting_reader_gets_what_comes(start):
    services = make_services()
    client = await start(services)
    asked = asyncio.create_task(client.get("/api/v1/feed?after=30&wait=5"))
    await asyncio.sleep(0.15)
    services.archive.stored.append(make_entry(31))
    said = await (await asked).json()

    assert uids(said) == [make_entry(31).uid.hex()]
