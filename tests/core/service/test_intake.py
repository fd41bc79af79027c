from collections import Counter

import pytest

from core.detectors.event import shown
from core.engine.verdict import Thresholds
from core.service import intake
from core.store import domains, quarantine, standings
from tests.factories.core import NOW_MS, chain_at, emitted, envelope, raw_mail, recorded

SPAM = raw_mail("guaranteed income at https://deal.top/\r\n", Subject="READ THIS NOW!!!")


@pytest.fixture
async def tx(tx):
    await domains.add(tx, "acme.example", backends=[], thresholds=Thresholds(), now_ms=NOW_MS)
    await domains.add(
        tx, "strict.example", backends=[], thresholds=Thresholds(tag=0.5, quarantine=1.0), now_ms=NOW_MS
    )
    return tx


async def accept(tx, raw, sent, now_ms):
    return await intake.accept(tx, raw, sent, chain_at(now_ms), now_ms)


async def test_an_ordinary_message_is_counted_and_not_held(tx):
    verdict = await accept(tx, raw_mail(), envelope(), NOW_MS)

    assert verdict.action == "deliver"
    assert await domains.verdicts(tx) == {"deliver": 1}
    assert (await quarantine.count(tx), await emitted(tx)) == (0, [])


async def test_a_bad_message_is_held_with_its_bytes_and_announced(tx):
    verdict = await accept(tx, SPAM, envelope(), NOW_MS)
    (event,) = await emitted(tx)
    item = event.data
    found = await quarantine.find(tx, item["node_id"], item["queue_id"])

    assert verdict.action == "quarantine"
    assert found is not None
    assert await quarantine.body(tx, found) == SPAM
    assert (event.name, item["subject"], item["score"]) == (
        "quarantine.added",
        "READ THIS NOW!!!",
        verdict.score,
    )
    assert item["symbols"] == list(verdict.symbols)
    assert item["message_id"] == "<1@partner.example>"
    assert item["arrived_at"] == "2026-05-01T07:22:13Z"
    assert {**found.as_dict(), "actor": shown(intake.FILTER)} == item


async def test_a_domain_may_be_stricter(tx):
    mild = raw_mail(Reply_To="x@freemail.example.net")
    lax = await accept(tx, mild, envelope(), NOW_MS)
    strict = await accept(tx, mild, envelope(rcpt_to=("a@strict.example",)), NOW_MS)

    assert (lax.action, strict.action) == ("deliver", "quarantine")
    assert lax.score == strict.score


async def test_mail_for_nobody_here_is_not_relayed(tx):
    with pytest.raises(intake.UnknownRecipient, match=r"elsewhere\.example"):
        await accept(tx, raw_mail(), envelope(rcpt_to=("a@elsewhere.example",)), NOW_MS)


async def test_a_threshold_is_reported_once_when_it_is_crossed(tx):
    for number in range(20):
        await accept(tx, SPAM, envelope(), NOW_MS + number)
    names = Counter(event.name for event in await emitted(tx))
    (crossing,) = (event for event in await emitted(tx) if event.name == "reputation.threshold_crossed")

    assert names["reputation.threshold_crossed"] == 1
    assert (crossing.data["ip"], crossing.data["direction"]) == ("192.0.2.9", "listed")
    assert await standings.listed(tx) == ["192.0.2.9"]


async def test_a_bad_reputation_counts_against_the_next_message(tx):
    before = await accept(tx, raw_mail(), envelope(), NOW_MS)
    for number in range(20):
        await accept(tx, SPAM, envelope(), NOW_MS + number)
    after = await accept(tx, raw_mail(), envelope(), NOW_MS + 99)

    assert "RBL_HIT" not in before.symbols
    assert "RBL_HIT" in after.symbols


async def test_good_mail_takes_an_address_off_the_list(tx):
    for number in range(20):
        await accept(tx, SPAM, envelope(), NOW_MS + number)
    for number in range(30):
        good = raw_mail(List_Id="<a>", List_Unsubscribe="<u>")
        await accept(tx, good, envelope(), NOW_MS + 100 + number)
    directions = [
        event.data["direction"] for event in await emitted(tx) if event.name == "reputation.threshold_crossed"
    ]

    assert directions == ["listed", "unlisted"]
    assert await recorded(tx) == [
        "reputation.listed",
        "reputation.unlisted",
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"\xff" * 2000, b"Subject: =?utf-7?q?+2AA-?=\r\nFrom: \xed\xa0\x80\r\n\r\n"]
)
async def test_hostile_bytes_get_a_verdict(tx, raw):
    verdict = await accept(tx, raw, envelope(rdns="", rcpt_to=("a@strict.example",)), NOW_MS)

    assert verdict.action == "quarantine"
    assert await quarantine.count(tx) == 1
