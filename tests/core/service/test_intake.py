from collections import Counter

import pytest

from core.engine.verdict import Thresholds
from core.service import intake
from core.store import audit, domains, outbox, quarantine, standings
from tests.factories.core import NOW_MS, envelope, open_store, raw_mail

SPAM = raw_mail("guaranteed income at https://deal.top/\r\n", Subject="READ THIS NOW!!!")


@pytest.fixture
def db(tmp_path):
    db = open_store(tmp_path)
    outbox.configure(db, "a", url="http://127.0.0.1/", secret="s")
    domains.add(db, "acme.example", backends=[], thresholds=Thresholds(), now_ms=NOW_MS)
    domains.add(
        db, "strict.example", backends=[], thresholds=Thresholds(tag=0.5, quarantine=1.0), now_ms=NOW_MS
    )
    yield db
    db.close()


def events(db):
    return [delivery.event for delivery in outbox.waiting(db, "a", 100)]


def test_an_ordinary_message_is_counted_and_not_held(db):
    verdict = intake.accept(db, raw_mail(), envelope(), "node-1", NOW_MS)

    assert verdict.action == "deliver"
    assert domains.verdicts(db) == {"deliver": 1}
    assert (quarantine.count(db), events(db)) == (0, [])


def test_a_bad_message_is_held_with_its_bytes_and_announced(db):
    verdict = intake.accept(db, SPAM, envelope(), "node-1", NOW_MS)
    (event,) = events(db)
    item = event.data
    found = quarantine.find(db, item["node_id"], item["queue_id"])

    assert verdict.action == "quarantine"
    assert found is not None
    assert found[1] == SPAM
    assert (event.name, item["subject"], item["score"]) == (
        "quarantine.added",
        "READ THIS NOW!!!",
        verdict.score,
    )
    assert item["symbols"] == list(verdict.symbols)
    assert item["message_id"] == "<1@partner.example>"
    assert item["arrived_at"] == "2026-05-01T07:22:13Z"
    assert {**found[0].as_dict(), "actor": intake.FILTER.as_dict()} == item


def test_a_domain_may_be_stricter(db):
    mild = raw_mail(Reply_To="x@freemail.example.net")
    lax = intake.accept(db, mild, envelope(), "node-1", NOW_MS)
    strict = intake.accept(db, mild, envelope(rcpt_to=("a@strict.example",)), "node-1", NOW_MS)

    assert (lax.action, strict.action) == ("deliver", "quarantine")
    assert lax.score == strict.score


def test_mail_for_nobody_here_is_not_relayed(db):
    with pytest.raises(intake.UnknownRecipient, match=r"elsewhere\.example"):
        intake.accept(db, raw_mail(), envelope(rcpt_to=("a@elsewhere.example",)), "node-1", NOW_MS)


def test_a_threshold_is_reported_once_when_it_is_crossed(db):
    for number in range(20):
        intake.accept(db, SPAM, envelope(), "node-1", NOW_MS + number)
    names = Counter(event.name for event in events(db))
    (crossing,) = (event for event in events(db) if event.name == "reputation.threshold_crossed")

    assert names["reputation.threshold_crossed"] == 1
    assert (crossing.data["ip"], crossing.data["direction"]) == ("192.0.2.9", "listed")
    assert standings.listed(db) == ["192.0.2.9"]


def test_a_bad_reputation_counts_against_the_next_message(db):
    before = intake.accept(db, raw_mail(), envelope(), "node-1", NOW_MS)
    for number in range(20):
        intake.accept(db, SPAM, envelope(), "node-1", NOW_MS + number)
    after = intake.accept(db, raw_mail(), envelope(), "node-1", NOW_MS + 99)

    assert "RBL_HIT" not in before.symbols
    assert "RBL_HIT" in after.symbols


def test_good_mail_takes_an_address_off_the_list(db):
    for number in range(20):
        intake.accept(db, SPAM, envelope(), "node-1", NOW_MS + number)
    for number in range(30):
        good = raw_mail(List_Id="<a>", List_Unsubscribe="<u>")
        intake.accept(db, good, envelope(), "node-1", NOW_MS + 100 + number)
    directions = [
        event.data["direction"] for event in events(db) if event.name == "reputation.threshold_crossed"
    ]

    assert directions == ["listed", "unlisted"]
    assert [entry.action for entry in audit.page(db, audit.Query(), None, 10)] == [
        "reputation.listed",
        "reputation.unlisted",
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"\xff" * 2000, b"Subject: =?utf-7?q?+2AA-?=\r\nFrom: \xed\xa0\x80\r\n\r\n"]
)
def test_hostile_bytes_get_a_verdict(db, raw):
    verdict = intake.accept(db, raw, envelope(rdns="", rcpt_to=("a@strict.example",)), "node-1", NOW_MS)

    assert verdict.action == "quarantine"
    assert quarantine.count(db) == 1
