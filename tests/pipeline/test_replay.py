"""Replay and backfill: a row of its own, in record order, once each, whatever is killed in between."""

import orjson
import pytest

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.pipeline import replay as module
from hub.pipeline.replay import Replays, base_of
from hub.store.base import Fate
from tests.factories.stages import NOW_MS, entry, event, record

LATER = NOW_MS + 60_000
RELEASED = Query(code=("quarantine.released",))


def code(n):
    return "quarantine.released" if n % 3 == 0 else "quarantine.added"


@pytest.fixture
def archive(tmp_path):
    archive = SqliteArchive(tmp_path / "archive")
    yield archive
    archive.close()


@pytest.fixture
async def replays(log, state, archive):
    """Over 1,200 archived events, a third of them released; the connector `all` has a queue."""
    await log.publish(orjson.dumps({"all": [{}]}).decode(), ["all"], now_ms=NOW_MS)
    await add(log, archive, 1, 1200)
    return Replays(log, archive, state, now_ms=lambda: LATER)


async def add(log, archive, first, last):
    await record(log, *(event(n, code(n)) for n in range(first, last + 1)))
    archive.append(0, [entry(n, code(n)) for n in range(first, last + 1)])


async def queue(log, row):
    return list((await log.peek(row, 5000, now_ms=NOW_MS)).refs)


async def run(replays, job):
    """Every slice, as jobs would."""
    for _ in range(50):
        if not await replays.advance(job.id):
            return
    raise AssertionError("it does not end")


async def book(log, name):
    return next(one for one in await log.books() if one.connector == name)


def test_a_row_names_its_connector():
    assert (base_of("search@ab12"), base_of("search")) == ("search", "search")


async def test_what_the_query_finds_goes_to_a_row_of_its_own_in_record_order(log, replays):
    job = await replays.start("all", RELEASED)
    await run(replays, job)

    assert job.matched == 400
    assert await queue(log, job.row) == list(range(3, 1201, 3))
    assert await queue(log, "all") == []


async def test_its_books_balance_and_those_of_the_connector_are_untouched(log, replays):
    before = await book(log, "all")
    job = await replays.start("all", RELEASED)
    await run(replays, job)

    row = await book(log, job.row)
    assert (row.recorded, row.filtered, row.pending, row.balanced) == (400, 0, 400, True)
    assert await book(log, "all") == before


async def test_a_dry_run_counts_and_leaves_nothing(log, replays):
    job = await replays.start("all", RELEASED, dry_run=True)

    assert (job.matched, job.state) == (400, "dry-run")
    assert await replays.list() == []
    assert [one.connector for one in await log.books()] == ["all"]


async def test_a_connector_without_a_queue_is_refused(replays):
    with pytest.raises(LookupError, match="'nobody'"):
        await replays.start("nobody", RELEASED)


async def test_what_is_recorded_after_it_was_made_is_not_part_of_it(log, archive, replays):
    job = await replays.start("all", RELEASED)
    await add(log, archive, 1201, 1300)
    await run(replays, job)

    assert (await queue(log, job.row))[-1] == 1200


async def test_it_waits_for_the_archive_that_is_behind(log, archive, replays):
    await record(log, *(event(n, code(n)) for n in range(1201, 1207)))
    job = await replays.start("all", RELEASED)

    behind = await replays.advance(job.id)
    archive.append(0, [entry(n, code(n)) for n in range(1201, 1207)])
    await run(replays, job)

    assert behind is True
    assert (await queue(log, job.row))[-2:] == [1203, 1206]


@pytest.mark.parametrize("killed_after", [0, 1, 2])
async def test_a_killed_job_goes_on_after_its_last_reference_without_a_second_copy(
    log, state, archive, replays, monkeypatch, killed_after
):
    class Killed(BaseException):
        pass

    monkeypatch.setattr(module, "_PUSH", 100)
    job = await replays.start("all", RELEASED)
    push, pushed = log.push, []

    async def dying(row, refs, **more):
        if len(pushed) == killed_after:
            raise Killed
        pushed.append(list(refs))
        await push(row, refs, **more)

    monkeypatch.setattr(log, "push", dying)
    with pytest.raises(Killed):
        await replays.advance(job.id)
    monkeypatch.setattr(log, "push", push)

    await run(Replays(log, archive, state, now_ms=lambda: LATER), job)

    assert await queue(log, job.row) == list(range(3, 1201, 3))


async def test_a_job_tells_how_far_it_is_and_is_done_when_its_row_owes_nothing(log, replays):
    job = await replays.start("all", RELEASED)
    running = (await replays.get(job.id)).state
    await run(replays, job)
    sending = await replays.get(job.id)
    refs = await queue(log, job.row)
    fates = [Fate("delivered")] * 399 + [Fate("parked", "no")]
    await log.settle(job.row, refs, fates, ["0" * 32] * 400, now_ms=NOW_MS)

    done = await replays.get(job.id)

    assert running == "running"
    assert (sending.state, sending.pushed, sending.delivered) == ("sending", 400, 0)
    assert (done.state, done.delivered, done.parked) == ("done", 399, 1)
    assert await replays.running() == []


async def test_a_cancelled_job_ends_what_waits_as_dropped_by_an_operator(log, replays):
    job = await replays.start("all", RELEASED)
    await run(replays, job)

    cancelled = await replays.cancel(job.id)

    row = await book(log, job.row)
    assert cancelled.state == "cancelled"
    assert (row.dropped_by, row.pending, row.balanced) == ({"operator": 400}, 0, True)
    assert await replays.advance(job.id) is False


async def test_a_job_that_nobody_knows_is_none(replays):
    assert await replays.get("nothing") is None
    assert await replays.cancel("nothing") is None
    assert await replays.advance("nothing") is False


async def test_a_slow_destination_is_not_flooded(log, replays, monkeypatch):
    monkeypatch.setattr(module, "_PUSH", 50)
    monkeypatch.setattr(module, "_HIGH_WATER", 100)
    job = await replays.start("all", RELEASED)

    assert await replays.advance(job.id) is True
    assert len(await queue(log, job.row)) == 150


async def test_a_backfill_sends_what_the_rules_match_and_only_once(log, replays):
    rules = [{"code": ["quarantine.released"]}]
    for _ in range(2):
        await replays.backfill("all", 0, rules)
    (job,) = await replays.list()
    await run(replays, job)

    assert await queue(log, job.row) == list(range(3, 1201, 3))


async def test_jobs_are_listed_oldest_first(log, state, archive, replays):
    first = await replays.start("all", RELEASED)
    second = await Replays(log, archive, state, now_ms=lambda: LATER + 1).start("all", Query())

    assert [job.id for job in await replays.list()] == [first.id, second.id]


async def finished(log, replays):
    """A job that delivered everything."""
    job = await replays.start("all", RELEASED)
    await run(replays, job)
    refs = await queue(log, job.row)
    await log.settle(job.row, refs, [Fate("delivered")] * 400, ["0" * 32] * 400, now_ms=NOW_MS)
    return job


async def rows(log):
    return {row.name for row in await log.rows(now_ms=NOW_MS)}


async def test_a_job_that_is_over_leaves_its_row_after_a_while_and_stays_as_history(
    log, state, archive, replays
):
    job = await finished(log, replays)
    await replays.tidy()
    soon = await rows(log)
    later = Replays(log, archive, state, now_ms=lambda: LATER + module.GRACE_MS)
    await later.tidy()

    assert job.row in soon
    assert job.row not in await rows(log)
    kept = await later.get(job.id)
    assert (kept.state, kept.delivered, kept.pushed) == ("done", 400, 400)


async def test_a_job_with_parked_events_keeps_its_row(log, state, archive, replays):
    job = await replays.start("all", RELEASED)
    await run(replays, job)
    refs = await queue(log, job.row)
    fates = [Fate("parked", "no"), *[Fate("delivered")] * 399]
    await log.settle(job.row, refs, fates, ["0" * 32] * 400, now_ms=NOW_MS)
    for at in (0, 2 * module.GRACE_MS):
        await Replays(log, archive, state, now_ms=lambda at=at: LATER + at).tidy()

    assert job.row in await rows(log)


async def test_history_is_short_and_ends_after_a_month(log, state, archive, replays, monkeypatch):
    monkeypatch.setattr(module, "HISTORY", 2)
    jobs = [await finished(log, replays) for _ in range(3)]
    for at in (0, module.GRACE_MS, module.GRACE_MS + 1):
        await Replays(log, archive, state, now_ms=lambda at=at: LATER + at).tidy()
    short = await replays.list()
    await Replays(log, archive, state, now_ms=lambda: LATER + module.HISTORY_MS + 1).tidy()

    assert len(jobs) == 3
    assert len(short) == 2
    assert await replays.list() == []


async def test_a_backfill_is_remembered_as_long_as_its_connector_is(log, state, archive, replays):
    await replays.backfill("all", 0, [{}])
    (job,) = await replays.list()
    await run(replays, job)
    for _ in range(2):
        refs = await queue(log, job.row)
        await log.settle(
            job.row, refs, [Fate("delivered")] * len(refs), ["0" * 32] * len(refs), now_ms=NOW_MS
        )
    for at in (0, module.GRACE_MS, 2 * module.HISTORY_MS):
        await Replays(log, archive, state, now_ms=lambda at=at: LATER + at).tidy()
    await replays.backfill("all", 0, [{}])
    remembered = await replays.list()
    await replays.forgotten("all")
    await replays.backfill("all", 0, [{}])
    anew = await replays.list()

    assert [one.state for one in remembered] == ["done"]
    assert job.row not in [one.row for one in remembered if not one.finished_ms]
    assert [one.state for one in anew] == ["running"]


async def test_a_renamed_connector_takes_its_jobs_along(log, state, archive, replays):
    await replays.backfill("all", 0, [{}])
    job = await replays.start("all", RELEASED)
    await log.rename("all", "siem")
    crashed = await replays.get(job.id)
    await replays.renamed()
    await run(replays, job)
    await replays.backfill("siem", 0, [{}])

    assert crashed.row == f"siem@{job.id}"
    assert await queue(log, f"siem@{job.id}") == list(range(3, 1201, 3))
    assert {one.connector for one in await replays.list()} == {"siem"}
    assert len(await replays.list()) == 2
    assert job.row not in await rows(log)


async def test_a_rename_between_a_jobs_looks_makes_no_row_that_nobody_serves(log, replays, monkeypatch):
    monkeypatch.setattr(module, "_PUSH", 100)
    job = await replays.start("all", RELEASED)
    push, pushed = log.push, []

    async def renamed_before_the_second(row, refs, **more):
        pushed.append(row)
        if len(pushed) == 2:
            await log.rename("all", "siem")
        await push(row, refs, **more)

    monkeypatch.setattr(log, "push", renamed_before_the_second)
    await run(replays, job)

    assert await rows(log) == {"siem", f"siem@{job.id}"}
    assert await queue(log, f"siem@{job.id}") == list(range(3, 1201, 3))
    assert (await replays.get(job.id)).state == "sending"


async def test_a_job_whose_connector_is_forgotten_between_its_looks_is_over(log, replays, monkeypatch):
    job = await replays.start("all", RELEASED)
    push = log.push

    async def forgotten_before(row, refs, **more):
        await log.forget("all")
        await push(row, refs, **more)

    monkeypatch.setattr(log, "push", forgotten_before)

    assert await replays.advance(job.id) is False
    assert (await rows(log), (await replays.get(job.id)).state) == (set(), "cancelled")


async def test_a_rename_that_is_written_down_late_undoes_nothing_that_happened_meanwhile(
    log, state, archive, replays, monkeypatch
):
    job = await replays.start("all", RELEASED)
    await run(replays, job)
    await log.rename("all", "siem")
    found = replays.list

    async def cancelled_meanwhile():
        jobs = await found()
        await Replays(log, archive, state, now_ms=lambda: LATER).cancel(job.id)
        return jobs

    monkeypatch.setattr(replays, "list", cancelled_meanwhile)
    await replays.renamed()

    after = await replays.get(job.id)
    assert (after.state, after.connector) == ("cancelled", "siem")
    assert (await book(log, f"siem@{job.id}")).dropped_by == {"operator": 400}


async def test_a_cancel_during_a_rename_empties_the_row_under_its_new_name(log, replays, monkeypatch):
    job = await replays.start("all", RELEASED)
    await run(replays, job)
    expire, asked = log.expire, []

    async def renamed_before(row, upto, reason):
        asked.append(row)
        if len(asked) == 1:
            await log.rename("all", "siem")
        return await expire(row, upto, reason)

    monkeypatch.setattr(log, "expire", renamed_before)
    await replays.cancel(job.id)

    assert (await book(log, f"siem@{job.id}")).dropped_by == {"operator": 400}


async def backfilled(log, state, archive):
    """A backfill that is over and has no row any more."""
    at = LATER
    made = Replays(log, archive, state, now_ms=lambda: at)
    await made.backfill("all", 0, [{}])
    (job,) = await made.list()
    await run(made, job)
    while refs := await queue(log, job.row):
        n = len(refs)
        await log.settle(job.row, refs, [Fate("delivered")] * n, ["0" * 32] * n, now_ms=NOW_MS)
    for at in (LATER, LATER + module.GRACE_MS):  # noqa: B007 - the clock above
        await made.tidy()
    return made


@pytest.mark.parametrize("names", [("siem",), ("siem", "lake"), ("siem", "lake", "siem")])
async def test_killed_after_the_rows_were_renamed_the_past_is_not_sent_again(
    log, state, archive, replays, names
):
    made = await backfilled(log, state, archive)
    last = "all"
    for name in names:
        await log.rename(last, name)  # and killed before the jobs were told
        last = name
    await made.backfill(last, 0, [{}])
    (remembered,) = await made.list()
    await made.renamed()
    await log.add("all", now_ms=NOW_MS)
    await made.backfill("all", 0, [{}])

    assert (remembered.connector, remembered.row in await rows(log)) == (last, False)
    assert sorted(one.connector for one in await made.list()) == sorted(["all", last])


async def test_another_connector_of_a_renamed_ones_old_name_gets_a_backfill_of_its_own(log, replays):
    await replays.backfill("all", 0, [{}])
    await log.rename("all", "siem")
    await replays.renamed()
    await log.add("all", now_ms=NOW_MS)
    await replays.backfill("all", 0, [{}])

    assert sorted(one.connector for one in await replays.list()) == ["all", "siem"]
    assert len({one.id for one in await replays.list()}) == 2


async def test_nothing_is_pushed_while_an_erasure_runs(log, state, replays):
    job = await replays.start("all", RELEASED)
    await state.put("erase/acme", "{}")

    held = await replays.advance(job.id)
    before = await queue(log, job.row)
    await state.delete("erase/acme")
    await run(replays, job)

    assert (held, before) == (True, [])
    assert len(await queue(log, job.row)) == 400
