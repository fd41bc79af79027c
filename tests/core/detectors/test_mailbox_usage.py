"""Mailboxes near their limits: told when they come near and when they are well again, once each."""

import pytest

from core.detectors import mailbox_usage, states
from core.detectors.mailbox_usage import Seen
from core.store import domain_removal
from core.upstream.provider import Mailbox
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.reports import add_domain


def box(used_mb=0.0, sent_today=0, *, username="grace", quota_mb=1000, send_limit=1000):
    return Mailbox(
        username=username, quota_mb=quota_mb, send_limit=send_limit, used_mb=used_mb, sent_today=sent_today
    )


@pytest.fixture
async def look(tx):
    await add_domain(tx)

    async def look(*boxes, domain="acme.example", tenant="default", **limits):
        seen = [Seen(tenant=tenant, domain=domain, mailboxes=boxes, **limits)]
        events = await mailbox_usage.detect(tx, NOW_MS, chain=chain(), seen=seen)
        return [(event.name, event.data["address"], event.data["percent"]) for event in events]

    return look


async def test_storage_is_told_when_it_runs_out_and_when_there_is_room_again(look):
    assert await look(box(899)) == []
    assert await look(box(900)) == [("mailbox.quota_alert", "grace@acme.example", 90.0)]
    assert await look(box(990)) == []
    assert await look(box(849)) == [("mailbox.quota_recovered", "grace@acme.example", 84.9)]
    assert await look(box(849)) == []


async def test_the_messages_of_a_day_are_told_of_by_themselves(look):
    assert await look(box(0, 950)) == [("mailbox.send_limit_alert", "grace@acme.example", 95.0)]
    assert await look(box(950, 0)) == [
        ("mailbox.quota_alert", "grace@acme.example", 95.0),
        ("mailbox.send_limit_recovered", "grace@acme.example", 0.0),
    ]


async def test_a_mailbox_on_the_edge_does_not_flap(look):
    told = [event for used in (900, 899, 901, 850, 950, 899) for event in await look(box(used))]

    assert [name for name, *_ in told] == ["mailbox.quota_alert"]


async def test_each_tenant_sets_from_when_on_it_is_told(look):
    assert await look(box(700), quota_percent=70) == [("mailbox.quota_alert", "grace@acme.example", 70.0)]
    assert await look(box(700), quota_percent=80) == [("mailbox.quota_recovered", "grace@acme.example", 70.0)]


async def test_what_the_host_does_not_count_says_nothing(look):
    await look(box(950))

    assert await look(box(None, None)) == []
    assert await look(box(950)) == []


async def test_without_a_limit_nothing_runs_out(look):
    assert await look(box(5000, 5000, quota_mb=0, send_limit=0)) == []
    await look(box(950))
    assert await look(box(950, quota_mb=0)) == [("mailbox.quota_recovered", "grace@acme.example", 0.0)]


async def test_a_mailbox_that_is_gone_takes_its_alarm_along(look, tx):
    await look(box(950))

    assert await look(box(1, username="other")) == []
    assert await states.every(tx, "mailbox_usage") == {}
    assert await look(box(950)) == [("mailbox.quota_alert", "grace@acme.example", 95.0)]


async def test_a_domain_that_is_gone_takes_its_alarms_along(look, tx):
    await look(box(950))
    await domain_removal.remove(tx, "default", ["acme.example"])

    assert await look(box(0)) == []
    assert await states.every(tx, "mailbox_usage") == {}


async def test_domains_that_were_not_seen_keep_their_alarms(look, tx):
    await look(box(950))
    await add_domain(tx, "other.example")
    await look(box(1), domain="other.example")

    assert list(await states.every(tx, "mailbox_usage")) == [("default", "quota/grace@acme.example")]


async def test_what_was_seen_for_a_former_owner_is_nobodys(look, tx):
    assert await look(box(950), tenant="another") == []


async def test_figures_beyond_all_measure_are_told_as_numbers(look):
    assert await look(box(1e308, quota_mb=1)) == [("mailbox.quota_alert", "grace@acme.example", 1e6)]
