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

    async def dying(row, refs, *, now_ms):
        if len(pushed) == killed_after:
            raise Killed
        pushed.append(list(refs))
        await push(row, refs, now_ms=now_ms)

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
