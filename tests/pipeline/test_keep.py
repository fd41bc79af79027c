"""The archive's writer lets the log forget, whoever was faster."""

from hub.archive.sqlite import SqliteArchive
from hub.model.event import Event
from hub.pipeline.keep import Keeper
from hub.pipeline.payloads import Payloads
from tests.factories.events import NOW_MS, make_entry


def events(count):
    return [Event(entry.uid, entry.header, entry.body) for entry in map(make_entry, range(1, count + 1))]


async def test_the_log_forgets_what_the_router_reads_after_the_archive_did(log, tmp_path):
    """Otherwise a full log that the router catches up with stays full: nothing new comes to archive."""

    async def open_writer():
        return SqliteArchive(tmp_path / "archive")

    keeper = Keeper(log, Payloads(log, None), open_writer, stalled=lambda _: None)
    try:
        await log.record(events(10), now_ms=NOW_MS)
        archived = await keeper.turn()
        before = (await log.head()).trim
        await log.route(0, 10, (await log.head()).gen, {})
        again = await keeper.turn()

        assert (archived, before) == (10, 0)
        assert (again, (await log.head()).trim) == (0, 10)
    finally:
        keeper.close()
