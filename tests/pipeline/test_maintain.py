"""Retention that waits for what is owed, or ends it visibly; warnings before it hurts."""

import orjson
import pytest

from hub.archive.sqlite import SqliteArchive
from hub.pipeline.keep import Keeper
from hub.pipeline.maintain import Retention, alarms_of, owed_from
from hub.pipeline.payloads import Payloads
from hub.store.base import Fate
from tests.factories.stages import NOW_MS, event, record

DAY_MS = 86_400_000


@pytest.fixture
async def kept(log, tmp_path):
    """1,000 delivered events in archive files of 200; `all` owes nothing, `slow` has its whole queue."""
    archive = SqliteArchive(tmp_path / "archive", roll_events=200)

    async def opened():
        return archive

    table = orjson.dumps({"all": [{}], "slow": [{}]}).decode()
    await log.publish(table, ["all", "slow"], now_ms=NOW_MS)
    keeper = Keeper(log, Payloads(log, None), opened, stalled=lambda why: None)
    for begin in range(1, 1001, 200):
        await record(log, *(event(n) for n in range(begin, begin + 200)))
        await keeper.turn()
    gen = (await log.table())[0]
    for begin in range(0, 1000, 500):
        refs = list(range(begin + 1, begin + 501))
        await log.route(begin, begin + 500, gen, {"all": refs, "slow": refs})
        await log.settle("all", refs, [Fate("delivered")] * 500, ["0" * 32] * 500, now_ms=NOW_MS)
    await keeper.turn()
    yield keeper, archive
    keeper.close()


def retention(log, keeper, **limits):
    later = NOW_MS + 30 * DAY_MS
    return Retention(log, keeper, **({"keep_ms": None, "max_bytes": None} | limits), now_ms=lambda: later)


async def book(log, name):
    return next(one for one in await log.books() if one.connector == name)


async def test_owed_is_the_oldest_of_queue_retries_and_parked(log, kept):
    assert await owed_from(log, NOW_MS) == 1
    await log.settle("slow", [1, 2], [Fate("delivered")] * 2, ["0" * 32] * 2, now_ms=NOW_MS)
    assert await owed_from(log, NOW_MS) == 3
    await log.settle("slow", [3], [Fate("parked", "no")], ["0" * 32], now_ms=NOW_MS)
    assert await owed_from(log, NOW_MS) == 3
    await log.drop("slow", [3], "operator")
    await log.settle(
        "slow", [4, 5], [Fate("retry", "x", 10), Fate("delivered")], ["0" * 32] * 2, now_ms=NOW_MS
    )
    assert await owed_from(log, NOW_MS) == 4


async def test_with_nothing_owed_it_is_the_first_event_to_come(log):
    await log.publish("{}", [], now_ms=NOW_MS)

    assert await owed_from(log, NOW_MS) == 1


async def test_age_waits_for_what_is_owed(log, kept):
    keeper, archive = kept

    dropped, ended = await retention(log, keeper, keep_ms=DAY_MS).run()

    assert (dropped, ended) == (0, {})
    assert archive.oldest_seq(0) == 1


async def test_age_drops_whole_files_once_nobody_needs_them(log, kept):
    keeper, archive = kept
    await log.expire("slow", 500, "operator")

    dropped, ended = await retention(log, keeper, keep_ms=DAY_MS).run()

    assert (dropped, ended) == (400, {})
    assert archive.oldest_seq(0) == 401
    assert (await book(log, "slow")).pending == 500


async def test_size_does_not_wait_and_ends_owed_references_as_expired(log, kept):
    keeper, archive = kept

    dropped, ended = await retention(log, keeper, max_bytes=1).run()

    slow = await book(log, "slow")
    gone = archive.oldest_seq(0) - 1
    assert dropped == gone == 800
    assert ended == {"slow": gone}
    assert slow.dropped_by == {"expired": gone}
    assert slow.balanced


async def test_references_to_what_went_before_end_although_nothing_goes_now(log, kept):
    """Killed between dropping a file and ending its references, or pushed by a replay since."""
    keeper, archive = kept
    archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=1, owed_from={})

    dropped, ended = await retention(log, keeper).run()

    assert (dropped, ended) == (0, {"slow": archive.oldest_seq(0) - 1})
    assert (await book(log, "slow")).balanced


async def test_what_size_would_end_is_told_before_and_until_it_is_resolved(log, kept):
    keeper, archive = kept
    used = sum(path.stat().st_size for path in archive.path.glob("events-*.db*"))
    near = retention(log, keeper, max_bytes=int(used * 1.1))

    (alarm,) = await near.near_owed()
    roomy = await retention(log, keeper, max_bytes=used * 10).near_owed()
    await log.expire("slow", 1000, "operator")

    assert (alarm.code, alarm.subject) == ("hub.retention_near_owed", "slow")
    assert "from 1 on" in alarm.message
    assert roomy == await near.near_owed() == []


@pytest.mark.slow
async def test_without_a_size_limit_nothing_owed_is_in_danger(log, kept):
    keeper, _ = kept

    assert await retention(log, keeper, keep_ms=DAY_MS).near_owed() == []


async def alarms(log, **over):
    limits = {"max_entries": 2000, "max_bytes": 10**9, "lookback_ms": 0, "disk_low": None} | over
    return [(one.code, one.message) for one in await alarms_of(log, **limits)]


async def test_a_healthy_log_raises_no_alarm(log):
    await record(log, event(1))

    assert await alarms(log) == []


async def test_a_log_that_fills_is_told_at_four_fifths(log):
    await record(log, *(event(n) for n in range(1, 81)))

    (alarm,) = await alarms(log, max_entries=100)

    assert alarm[0] == "hub.log_filling"
    assert "80%" in alarm[1]
    assert await alarms(log, max_entries=101) == []


async def test_a_disk_below_its_reserve_is_told_in_its_words(log):
    assert await alarms(log, disk_low="12 MB are free") == [("hub.disk_low", "12 MB are free")]


async def test_a_dedupe_window_shorter_than_a_look_back_is_told(log):
    await record(log, event(1))
    window = (await log.head()).dedupe_window_ms

    assert await alarms(log, lookback_ms=window) == []
    assert [code for code, _ in await alarms(log, lookback_ms=window + 1)] == ["hub.dedupe_window_short"]
