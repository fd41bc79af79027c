import pytest

from core.reports.overview import overview
from core.reports.period import parse_period
from core.reports.quota import quota
from core.reports.stats import FOLD_AFTER_MS, count, fold, stats
from core.reports.within import named
from core.store import quarantine
from core.store.clock import DAY_MS, HOUR_MS
from core.store.tables import mailboxes, misclassifications, verdicts
from hub.sql.ids import new_id
from tests.factories.core import NOW_MS, held
from tests.factories.reports import add_domain

HOUR0 = NOW_MS - NOW_MS % HOUR_MS
FROM, TO = NOW_MS - 2 * DAY_MS, NOW_MS + HOUR_MS


async def seen(tx, verdict, now_ms=NOW_MS, domain="acme.example", tenant="default", messages=1):
    await count(tx, tenant=tenant, domain=domain, verdict=verdict, now_ms=now_ms, messages=messages)


async def judged(tx, sender, recipient, verdict="clean", domain="acme.example", tenant="default"):
    row = {"sender": sender, "recipient": recipient, "verdict": verdict, "domain": domain, "tenant": tenant}
    rest = {"message": "m", "at_ms": NOW_MS, "score": 0.0, "symbols": [], "fate": "relayed", "size_bytes": 1}
    await tx.execute(verdicts.insert().values(id=new_id("ver"), mailing_list=False, **row, **rest))


async def test_verdicts_are_counted_by_hour_and_by_day(tx):
    for verdict, now_ms in [("clean", NOW_MS), ("clean", NOW_MS), ("tag", NOW_MS - HOUR_MS)]:
        await seen(tx, verdict, now_ms)
    await seen(tx, "quarantine", NOW_MS - DAY_MS)
    hours = await stats(tx, "default", FROM, TO, interval="hour")
    days = await stats(tx, "default", FROM, TO, interval="day")

    assert [(at - HOUR0, each.scanned) for at, each in hours.points] == [(-DAY_MS, 1), (-HOUR_MS, 1), (0, 2)]
    assert [each.scanned for _, each in days.points] == [1, 3]
    assert hours.total == days.total
    assert hours.total.as_dict() == {
        "scanned": 4,
        "clean": 2,
        "tagged": 1,
        "quarantined": 1,
        "rejected": 0,
        "quarantine_rate": 25.0,
        "possible_duplicates": 0,
    }


async def test_a_tenant_and_a_domain_see_their_own_counts_only(tx):
    await seen(tx, "clean")
    await seen(tx, "clean", domain="nordwind.example", messages=4)
    await seen(tx, "clean", tenant="other", messages=100)

    assert (await stats(tx, "default", FROM, TO)).total.scanned == 5
    assert (await stats(tx, "default", FROM, TO, within=named("acme.example"))).total.scanned == 1
    assert (await stats(tx, "default", FROM, TO, within=named())).total.scanned == 0


async def test_a_verdict_undone_is_not_counted(database):
    async def fails():
        async with database.begin() as tx:
            await seen(tx, "clean")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with database.read() as tx:
        assert (await stats(tx, "default", FROM, TO)).total.scanned == 0


async def test_folded_hours_keep_their_days_sum(tx):
    later = NOW_MS + FOLD_AFTER_MS + 2 * DAY_MS
    for hour in range(6):
        await seen(tx, "clean", NOW_MS + hour * HOUR_MS, messages=hour + 1)
    await seen(tx, "clean", later)
    before = await stats(tx, "default", FROM, later + 1, interval="day")

    assert await fold(tx, later) == 6
    assert await fold(tx, later) == 0
    assert await stats(tx, "default", FROM, later + 1, interval="day") == before


async def test_too_many_intervals_are_refused(tx):
    with pytest.raises(ValueError, match="2,000 intervals"):
        await stats(tx, "default", 0, NOW_MS, interval="hour")


async def test_an_overview_names_volumes_tops_and_outcomes(tx):
    await seen(tx, "clean", messages=3)
    for sender in ("a@x.example", "a@x.example", "=cmd()@evil.example"):
        await judged(tx, sender, "grace@acme.example", "quarantine" if sender[0] == "=" else "clean")
    await judged(tx, "b@x.example", "g@other.example", tenant="other")
    await quarantine.add(tx, held(), b"x")
    await quarantine.step(tx, await quarantine.find(tx, "node-1", held().queue_id), "released", NOW_MS)
    await tx.execute(
        misclassifications.insert().values(
            id="mis_1",
            tenant="default",
            domain="acme.example",
            type="false_positive",
            envelope={},
            at_ms=NOW_MS,
        )
    )
    found = await overview(tx, "default", parse_period("today", NOW_MS), domain="acme.example")
    body = found.as_dict()

    assert body["volumes"]["scanned"] == 3
    assert body["top_senders"][0] == {"name": "a@x.example", "messages": 2}
    assert body["top_recipients"] == [{"name": "grace@acme.example", "messages": 3}]
    assert body["top_blocked_senders"] == [{"name": "=cmd()@evil.example", "messages": 1}]
    assert (body["quarantine"]["released"], body["quarantine"]["held"]) == (1, 0)
    assert body["misclassifications"] == {"false_positive": 1, "false_negative": 0}
    lines = found.as_csv().splitlines()
    assert lines[0] == "section,name,messages,clean,tagged,quarantined,rejected"
    assert "total,acme.example,3,3,0,0,0" in lines
    assert "blocked sender,'=cmd()@evil.example,1,,,," in lines


async def test_quota_counts_domains_mailboxes_and_quarantine(tx):
    await add_domain(tx)
    await add_domain(tx, "nordwind.example")
    await add_domain(tx, "other.example", tenant="other")
    box = {"tenant": "default", "domain": "acme.example", "created_ms": 1, "updated_ms": 1, "send_limit": 1}
    for user, used in (("a", 10), ("b", None)):
        row = {**box, "id": new_id("mbx"), "username": user, "quota_mb": 100, "used_mb": used}
        await tx.execute(mailboxes.insert().values(suspended=False, **row))
    await quarantine.add(tx, held(), b"x")
    found = (await quota(tx, "default")).as_dict()

    assert found["domains"] == {"used": 2, "limit": None}
    assert found["quarantine"] == {"messages": 1, "bytes": 512}
    assert found["mailboxes"] == {"count": 2, "quota_mb": 200, "used_mb": 10}
    assert [each["mailboxes"] for each in found["by_domain"]] == [2, 0]
    assert (await quota(tx, "default", within=named("nordwind.example"))).domain_count == 1
