"""A held message is let go, once, whatever the server behind the filter does."""

import asyncio
from email import message_from_bytes

import pytest

from core.seam.recovery import Recovery
from core.seam.release import MOST_ATTEMPTS, release
from core.service import quarantine as service
from core.store import quarantine
from core.store.tables import quarantine_items
from hub.web.errors import Conflict, NotFound, ServiceUnavailable, UpstreamFailed
from tests.factories.core import NOW_MS, held
from tests.factories.core_api import OPERATOR_BY
from tests.factories.seam import SPAM, counted, events, files_of, hand_in


@pytest.fixture
async def item_id(service_api):
    to = ["grace@acme.example", "ada@acme.example"]
    said = await hand_in(service_api, SPAM, rcpt_to=to)
    return said.data["recipients"][0]["quarantine_id"]


async def item(core, item_id):
    async with core.database.read() as tx:
        return await quarantine.get(tx, item_id)


async def test_a_released_message_goes_to_its_recipients_as_it_came(core, smtp, item_id):
    done = await release(core, OPERATOR_BY, item_id)

    assert (done.item.state, done.again, done.detail) == ("released", False, "250 2.0.0 queued as 4711")
    (arrived,) = smtp.delivered
    assert (arrived.sender, set(arrived.recipients)) == (
        "Jonas@partner.example",
        {"grace@acme.example", "ada@acme.example"},
    )
    assert arrived.message.endswith(SPAM)
    assert message_from_bytes(arrived.message)["X-Hub-Released-By"].startswith("user:local ")
    assert files_of(core) == []
    assert [name for name, _ in await events(core)][-1] == "quarantine.released"


async def test_a_second_release_sends_nothing(core, smtp, item_id):
    await release(core, OPERATOR_BY, item_id)
    done = await release(core, OPERATOR_BY, item_id)

    assert (done.again, len(smtp.delivered)) == (True, 1)


async def test_an_item_is_found_by_the_place_where_it_lies(core, smtp, item_id):
    lying = await item(core, item_id)
    done = await release(core, OPERATOR_BY, (lying.node_id, lying.queue_id))

    assert done.item.id == item_id


async def test_several_at_once_make_one_delivery(core, smtp, item_id):
    ends = await asyncio.gather(
        *(release(core, OPERATOR_BY, item_id) for _ in range(5)), return_exceptions=True
    )

    assert len(smtp.delivered) == 1
    assert {type(one) for one in ends if isinstance(one, Exception)} <= {Conflict}


@pytest.mark.parametrize("first", ["release", "discard"])
async def test_a_release_and_a_discard_at_once_end_in_one_of_them(core, smtp, item_id, first):
    acts = [service.release(core, OPERATOR_BY, item_id), service.discard(core, OPERATOR_BY, item_id)]
    ends = await asyncio.gather(*(acts if first == "release" else reversed(acts)), return_exceptions=True)

    lying = await item(core, item_id)
    assert (lying.state, len(smtp.delivered)) in {("released", 1), ("discarded", 0)}
    assert [type(one) for one in ends if isinstance(one, Exception)] in ([Conflict], [NotFound])
    assert files_of(core) == []


async def test_a_server_that_refuses_for_good_leaves_it_held_with_the_words(core, smtp, item_id):
    smtp.data = "554 5.7.1 virus"
    with pytest.raises(UpstreamFailed, match="virus"):
        await release(core, OPERATOR_BY, item_id)

    lying = await item(core, item_id)
    assert (lying.state, lying.state_detail) == ("release_failed", "554 5.7.1 virus")
    assert len(files_of(core)) == 1


async def test_a_failed_release_may_be_repeated_and_sends_only_what_is_left(core, smtp, item_id):
    smtp.rcpt["ada@acme.example"] = "550 5.1.1 not yet"
    with pytest.raises(UpstreamFailed):
        await release(core, OPERATOR_BY, item_id)
    smtp.rcpt.clear()
    done = await release(core, OPERATOR_BY, item_id)

    assert done.item.state == "released"
    assert [one.recipients for one in smtp.delivered] == [("grace@acme.example",), ("ada@acme.example",)]


async def test_a_server_that_is_busy_fails_the_release_for_now(core, smtp, item_id):
    smtp.mail = "421 4.3.2 busy"
    with pytest.raises(ServiceUnavailable) as caught:
        await release(core, OPERATOR_BY, item_id)

    assert caught.value.headers["Retry-After"] == "60"
    assert (await item(core, item_id)).state == "release_failed"


async def test_one_that_may_have_arrived_is_gone_on_with_until_that_is_certain(core, smtp, item_id):
    smtp.drop = True
    with pytest.raises(ServiceUnavailable, match="may have taken"):
        await release(core, OPERATOR_BY, item_id)
    assert (await item(core, item_id)).state == "releasing"
    with pytest.raises(Conflict):
        await release(core, OPERATOR_BY, item_id)

    smtp.drop = False
    core.clock.advance(600)
    await Recovery(core).once()

    assert (await item(core, item_id)).state == "released"
    assert len(smtp.delivered) == 2
    assert await counted(core, "possible_duplicates") >= 1


async def test_doubt_does_not_last_for_ever(core, smtp, item_id):
    smtp.drop = True
    with pytest.raises(ServiceUnavailable):
        await release(core, OPERATOR_BY, item_id)
    async with core.database.begin() as tx:
        await tx.execute(quarantine_items.update().values(attempts=MOST_ATTEMPTS, due_ms=0))
    await Recovery(core).once()

    assert (await item(core, item_id)).state == "release_failed"


@pytest.mark.parametrize("state", ["discarded", "expired"])
async def test_what_has_ended_is_not_there(core, item_id, state):
    async with core.database.begin() as tx:
        await quarantine.step(tx, await quarantine.get(tx, item_id), state, NOW_MS)

    with pytest.raises(NotFound):
        await release(core, OPERATOR_BY, item_id)


async def test_a_message_whose_bytes_lie_in_the_database_is_released_as_well(core, smtp):
    made = held(7)
    async with core.database.begin() as tx:
        await quarantine.add(tx, made, b"Subject: made\r\n\r\nx\r\n")
    done = await release(core, OPERATOR_BY, made.id)

    assert done.item.state == "released"
    assert smtp.delivered[0].message.endswith(b"Subject: made\r\n\r\nx\r\n")


async def test_a_file_that_was_altered_is_not_sent(core, smtp, item_id):
    (name,) = files_of(core)
    (core.data / name).write_bytes(b"Subject: other\r\n\r\n")

    with pytest.raises(ServiceUnavailable, match="not what was stored"):
        await release(core, OPERATOR_BY, item_id)
    assert smtp.delivered == []


async def test_a_release_over_the_api_is_the_same_one(service_api, smtp, item_id):
    said = await service_api.call("POST", f"/quarantine/{item_id}/release")

    assert said.status == 200
    assert len(smtp.delivered) == 1
