"""A tenant is erased: rows of every table, files, limits; others keep theirs, the audit log still holds."""

import pytest
from sqlalchemy import func, select

from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchors
from core.audit.entry import Resource
from core.audit.verify import verify
from core.service.by import By, Deed, record
from core.service.erasing import CHILDREN, FILES, KEPT, NOBODYS, erase, owned
from core.store.tables import audit_entries, meta, quarantine_bodies, quarantine_items
from core.store.tables import metadata as own
from hub.access.plans import Limits
from hub.access.principal import Grant, Principal
from hub.access.tables import metadata as access
from hub.access.tables import recovery_codes
from tests.factories.core_api import KEY, Api
from tests.factories.owner import Owner

TABLES = [*access.sorted_tables, *own.sorted_tables]


def test_every_table_is_erased_or_says_why_not():
    erased = {*owned(), *CHILDREN, *KEPT}

    assert {table.name for table in TABLES} == {table.name for table in {*erased, *NOBODYS}}
    assert not {table.name for table in erased} & {table.name for table in NOBODYS}
    assert all("tenant" not in table.c for table in NOBODYS), "a table with a tenant is a tenant's"


def test_every_table_that_names_files_says_where_they_lie():
    named = {table.name for table in TABLES if "file" in table.c}

    assert {table.name for table in FILES} == named - {"misclassifications"}


async def filled(core, tenant, tag):
    """One row in every table, one file, a sealed entry, a counted request."""
    owner = Owner(Api(core, None), tenant, tag)
    for table in owned():
        given = {"file": f"node-1/aa/{tag}-{table.name}.eml"} if table in FILES else {}
        row = await owner.row(table, **given)
        if table in FILES:
            path = core.data / FILES[table] / row["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"mail of {tag}")
        if table is quarantine_items:
            await owner.row(quarantine_bodies, item=row["id"])
        if table.name == "access_accounts":
            await owner.row(recovery_codes, account_id=row["id"])
    who = Principal(kind="key", id=tag, name=tag, tenant=tenant, grants=(Grant.of(["full-admin"]),))
    deed = Deed(action="domain.created", resource=Resource(type="domain", id=tag), after={"name": tag})
    async with core.database.begin() as tx:
        await record(core, tx, By(principal=who), deed)
    await core.access.limiter.spend(tag, Limits(per_minute=100), tenant=tenant)


async def counted(core, tenant):
    found = {}
    async with core.database.read() as tx:
        for table in [*owned(), audit_entries]:
            own = select(func.count()).select_from(table).where(table.c.tenant == tenant)
            found[table.name] = (await tx.execute(own)).scalar_one()
        for table in CHILDREN:
            found[table.name] = (await tx.execute(select(func.count()).select_from(table))).scalar_one()
    return found


def files_with(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.fixture
async def two(core):
    await filled(core, "leaver", "zqleaver")
    await filled(core, "stayer", "zqstayer")
    return core


async def test_every_row_and_file_goes_and_nobody_elses(two):
    before = await counted(two, "stayer")
    places = await erase(two, "leaver")
    left, after = await counted(two, "leaver"), await counted(two, "stayer")

    assert {name: n for name, n in left.items() if n and name not in {one.name for one in CHILDREN}} == {}
    assert {name: before[name] - after[name] for name in before if before[name] != after[name]} == {
        one.name: 1 for one in CHILDREN
    }
    assert places["core:domains"] == 1
    assert places["core:audit"] == 1
    assert places["core:quarantine files"] == 1
    assert files_with(two.data, "zqleaver") == []
    assert len(files_with(two.data, "zqstayer")) >= 2


async def test_nothing_of_it_stays_on_disk(two, tmp_path):
    if two.database.path is None:
        pytest.skip("PostgreSQL's own files are its own matter")
    assert files_with(tmp_path, "zqleaver")
    await erase(two, "leaver")

    assert files_with(tmp_path, "zqleaver") == []


async def test_the_audit_log_holds_and_tells_of_it(two):
    anchors = Anchors(two.data / "anchors", KEY)
    await Anchoring(two.database, two.chain, anchors).once()
    await erase(two, "leaver")
    async with two.database.read() as tx:
        told = select(audit_entries.c.action, audit_entries.c.resource).where(
            audit_entries.c.tenant == "default"
        )
        entries = (await tx.execute(told)).all()

    assert await verify(two.database, two.chain, anchors) == []
    assert ("audit.erased", "audit/leaver") in [tuple(entry) for entry in entries]


async def test_counts_of_its_limits_go(two, buckets):
    await erase(two, "leaver")
    names = [name async for name in buckets.scan_iter(match="mxhub:{limit:*")]

    assert [b"stayer" in name for name in names] == [True]


async def test_asked_again_it_does_nothing(two):
    await erase(two, "leaver")

    assert await erase(two, "leaver") == {}


async def test_what_a_kill_left_is_done_when_it_is_asked_for_again(two, monkeypatch):
    async def killed():
        raise OSError("the disk is gone")

    compact = two.database.compact
    monkeypatch.setattr(two.database, "compact", killed)
    with pytest.raises(OSError, match="gone"):
        await erase(two, "leaver")
    monkeypatch.setattr(two.database, "compact", compact)
    await erase(two, "leaver")
    async with two.database.read() as tx:
        marks = (await tx.execute(select(meta.c.key).where(meta.c.key.like("erasing:%")))).all()

    assert marks == []


async def test_whoever_runs_the_service_keeps_keys_people_and_the_audit_log(core):
    await filled(core, "default", "zqowner")
    await erase(core, "default")
    left = {name for name, n in (await counted(core, "default")).items() if n}

    assert left == {
        "access_tenants",
        "access_keys",
        "access_accounts",
        "access_sessions",
        "access_delegations",
        "access_recovery_codes",
        "settings",
        "audit_entries",
    }
