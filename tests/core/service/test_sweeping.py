"""What has ended is deleted."""

from sqlalchemy import func, select

from core.service import sweeping
from core.store import login_links, password_resets, tables
from core.store.clock import DAY_MS
from core.store.password_resets import Place
from hub.access.sessions import begin
from hub.access.tables import sessions

TABLES = (tables.login_links, tables.password_resets, sessions)


async def left(core):
    async with core.database.read() as tx:
        return [(await tx.execute(select(func.count()).select_from(table))).scalar_one() for table in TABLES]


async def test_what_ended_a_day_ago_goes_and_what_lives_stays(core):
    now_ms = core.clock()
    place = Place(tenant="default", domain_id="dom_x", domain="a.example")
    async with core.database.begin() as tx:
        for number, until_ms in enumerate((now_ms - DAY_MS - 1, now_ms + 1)):
            times = {"now_ms": now_ms, "expires_ms": until_ms}
            await login_links.add(tx, "default", "key_x", ["a.example"], **times)
            await password_resets.add(tx, place, f"u{number}@a.example", ip="", **times)
            await begin(tx, tenant="default", now_ms=now_ms, lasts_ms=until_ms - now_ms, account_id="acc_x")

    assert await left(core) == [2, 2, 2]
    assert await sweeping.once(core) == 3
    assert await left(core) == [1, 1, 1]
