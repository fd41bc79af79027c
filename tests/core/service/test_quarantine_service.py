"""What callers do to held mail: each deed once, on record, told; nothing of others is seen."""

import pytest

from core.seam import files
from core.service import quarantine, quarantine_batch
from core.store import estate
from core.store import quarantine as stored
from core.store.tables import domains
from hub.web.errors import Conflict, Forbidden, NotFound, ServiceUnavailable, ValidationFailed
from tests.factories.core import NOW_MS, held, raw_mail
from tests.factories.judged import by, entries, hold, put_domains, told

ALL = by()


@pytest.fixture
async def core(core):
    await put_domains(core, "acme.example", "nordwind.example")
    await put_domains(core, "globex.example", tenant="globex")
    return core


async def states(core):
    async with core.database.read() as tx:
        found = await quarantine.listing(core, tx, ALL, quarantine.Filter(state="any"))
    return {one.id: one.state for one in found.items}


async def numbers(core, caller=ALL, **narrow):
    async with core.database.read() as tx:
        found = await quarantine.listing(core, tx, caller, quarantine.Filter(**narrow))
    return [int(one.queue_id, 16) for one in found.items]


async def test_a_discarded_message_is_gone_told_and_on_record(core):
    item = await hold(core)

    gone = await quarantine.discard(core, ALL, item.id)
    (entry,), (event,) = await entries(core), await told(core)

    assert (gone.state, await states(core)) == ("discarded", {item.id: "discarded"})
    assert (entry.action, entry.resource.id, entry.request_id) == (
        "quarantine.discard",
        f"node-1/{item.queue_id}",
        "req_1",
    )
    assert (entry.before, entry.after) == ({"state": "held"}, {"state": "discarded"})
    assert entry.details["subject"] == item.subject
    assert (event.name, event.data["id"], event.data["actor"]["name"]) == (
        "quarantine.discarded",
        item.id,
        "siem",
    )
    with pytest.raises(NotFound, match="bytes are gone"):
        await quarantine.raw(core, ALL, item.id)


async def test_discarding_twice_is_told_once(core):
    item = await hold(core)

    first, second = [await quarantine.discard(core, ALL, item.id) for _ in range(2)]

    assert (first.state, second.state) == ("discarded", "discarded")
    assert (len(await entries(core)), len(await told(core))) == (1, 1)


async def test_the_file_of_a_discarded_message_is_removed(core):
    item = held(1, file=files.file_name(core, "qua_x"))
    await files.store(core, "quarantine", item.file, raw_mail())
    async with core.database.begin() as tx:
        await stored.add(tx, item)
    assert (await quarantine.raw(core, ALL, item.id))[1] == raw_mail()

    await quarantine.discard(core, ALL, item.id)

    assert not files.folder(core, "quarantine").has(item.file)


async def test_what_has_ended_otherwise_cannot_be_discarded(core):
    for number, state in enumerate(("released", "expired", "releasing")):
        item = await hold(core, number, state=state)
        with pytest.raises(Conflict) as caught:
            await quarantine.discard(core, ALL, item.id)
        assert caught.value.details[0]["state"] == state
    assert await told(core) == []


async def test_what_is_no_longer_there_teaches_nothing(core):
    for number, state in enumerate(("released", "expired", "releasing", "discarded")):
        item = await hold(core, number, state=state)
        with pytest.raises(Conflict):
            await quarantine.retrain(core, ALL, item.id, "spam")
    assert await told(core) == []


async def test_a_label_is_told_once_and_turned_when_somebody_changes_their_mind(core):
    item = await hold(core)

    await quarantine.report_spam(core, ALL, item.id)
    again = await quarantine.report_spam(core, ALL, item.id)
    turned = await quarantine.retrain(core, ALL, item.id, "ham")

    assert (again.label, turned.label, turned.state) == ("spam", "ham", "held")
    assert [event.name for event in await told(core)] == ["quarantine.reported_spam", "quarantine.retrained"]
    assert [(one.action, one.before, one.after) for one in await entries(core)] == [
        ("quarantine.report_spam", {"label": None}, {"label": "spam"}),
        ("quarantine.train_ham", {"label": "spam"}, {"label": "ham"}),
    ]


async def test_a_message_whose_release_failed_can_be_discarded(core):
    item = await hold(core, state="release_failed", state_detail="550 no such user")

    assert (await quarantine.discard(core, ALL, item.id)).state == "discarded"


async def test_a_message_on_a_node_that_is_away_can_only_be_listed(core):
    async with core.database.begin() as tx:
        await estate.beat(tx, "node-2", "", NOW_MS)
    item = await hold(core, node_id="node-2")

    for deed in (quarantine.discard, quarantine.raw, quarantine.report_spam, quarantine.release):
        with pytest.raises(ServiceUnavailable, match="node-2 is temporarily unreachable") as caught:
            await deed(core, ALL, item.id)
        assert caught.value.headers["Retry-After"] == "10"
    assert await numbers(core) == [1]


async def test_others_see_and_do_nothing(core):
    item = await hold(core)
    strangers = (
        by(tenant="globex"),
        by("quarantine-only", domains=["nordwind.example"]),
    )
    for stranger in strangers:
        for deed in (quarantine.discard, quarantine.raw, quarantine.report_spam, quarantine.release):
            with pytest.raises(NotFound):
                await deed(core, stranger, item.id)
        assert await numbers(core, stranger) == []
    assert await states(core) == {item.id: "held"}


async def test_a_domain_of_another_key_is_hidden(core):
    item = await hold(core)
    async with core.database.begin() as tx:
        await tx.execute(domains.update().where(domains.c.name == "acme.example").values(api_key_id="key_2"))

    with pytest.raises(NotFound):
        await quarantine.discard(core, ALL, item.id)
    assert await numbers(core) == []


async def test_a_domain_of_no_grant_cannot_be_asked_for(core):
    with pytest.raises(Forbidden, match="quarantine:read"):
        await numbers(core, by("quarantine-only", domains=["acme.example"]), domain="nordwind.example")


async def test_reading_is_not_acting(core):
    item = await hold(core)

    with pytest.raises(NotFound):
        await quarantine.discard(core, by("quarantine:read"), item.id)


LISTINGS = [
    ({}, [3, 2, 1]),
    ({"state": "any"}, [4, 3, 2, 1]),
    ({"state": "held"}, [3, 1]),
    ({"state": "release_failed"}, [2]),
    ({"state": "discarded"}, [4]),
    ({"domain": "nordwind.example"}, [2]),
    ({"sender": "a@deal.top"}, [1]),
    ({"sender": "deal.top"}, [1]),
    ({"recipient": "Adam@acme.example"}, [3]),
    ({"recipient": "nobody@acme.example"}, []),
    ({"since_ms": NOW_MS + 2000, "until_ms": NOW_MS + 2000}, [2]),
    ({"min_score": 12.0, "max_score": 19.0}, [2]),
    ({"reason": "phishing"}, [2]),
]


async def test_a_listing_is_narrowed(core):
    await hold(core, 1, score=8.5, sender="a@deal.top")
    second = {"domain": "nordwind.example", "reason": "phishing", "state": "release_failed"}
    await hold(core, 2, score=12.0, sender="b@c.d", **second)
    both = ("grace@acme.example", "adam@acme.example")
    await hold(core, 3, score=20.0, sender="b@xdeal.top", recipients=both)
    await hold(core, 4, state="discarded", sender="b@c.d")

    found = [await numbers(core, **narrow) for narrow, _ in LISTINGS]

    assert found == [expected for _, expected in LISTINGS]


async def test_a_message_is_found_by_its_place_while_it_lies_there(core):
    item = await hold(core)
    async with core.database.read() as tx:
        found = await quarantine.placed(tx, ALL, "node-1", item.queue_id)
    await quarantine.discard(core, ALL, item.id)

    assert found.id == item.id
    async with core.database.read() as tx:
        with pytest.raises(NotFound, match=f"node-1/{item.queue_id}"):
            await quarantine.placed(tx, ALL, "node-1", item.queue_id)


# -- many at a time ------------------------------------------------------------------------------------------
async def batch(core, action, ids, caller=ALL, **more):
    return await quarantine_batch.do(core, caller, quarantine_batch.Wanted(action=action, ids=ids, **more))


async def test_many_are_discarded_each_with_a_result_of_its_own(core):
    there = [await hold(core, number) for number in range(1, 121)]
    ended = await hold(core, 200, state="released")
    ids = [*(one.id for one in there), ended.id, "qua_none", there[0].id]

    results = await batch(core, "discard", ids)

    assert [one.id for one in results] == ids
    assert [one.item.state for one in results[:120]] == ["discarded"] * 120
    assert [type(one.error) for one in results[120:]] == [Conflict, NotFound, type(None)]
    assert len(await told(core)) == 120


async def test_many_are_retrained(core):
    items = [await hold(core, number) for number in (1, 2)]

    results = await batch(core, "retrain", [*(one.id for one in items), "qua_none"], klass="ham")

    assert [one.item and one.item.label for one in results] == ["ham", "ham", None]
    assert [event.name for event in await told(core)] == ["quarantine.retrained"] * 2


async def test_a_batch_without_a_class_or_of_too_many_is_refused(core):
    with pytest.raises(ValidationFailed, match="class"):
        await batch(core, "retrain", ["qua_x"])
    with pytest.raises(ValidationFailed, match="at most 1000"):
        await batch(core, "discard", [f"qua_{n}" for n in range(1001)])
