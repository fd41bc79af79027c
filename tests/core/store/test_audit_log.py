import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.store import audit, estate
from tests.factories.core import NOW_MS

ADMIN = audit.Actor(type="user", name="admin")


async def write(
    tx, at_ms=NOW_MS, node="node-1", action="auth.login", resource="user/admin", actor=ADMIN, domain=""
):
    return await audit.append(
        tx, node, at_ms, audit.Note(actor=actor, action=action, resource=resource, domain=domain)
    )


async def without_triggers(tx):
    if tx.dialect.name == "postgresql":
        await tx.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
    else:
        await tx.execute(text("DROP TRIGGER audit_entries_change"))


async def ids(tx, after=None, limit=100, **filters):
    return [entry.id for entry in await audit.page(tx, audit.Query(**filters), after, limit)]


async def test_entries_are_numbered_per_node(tx):
    assert [await write(tx), await write(tx), await write(tx, node="node-9")] == [
        "node-1:1",
        "node-1:2",
        "node-9:1",
    ]


async def test_entries_can_be_neither_changed_nor_deleted(tx):
    await write(tx)

    for statement in ("UPDATE audit_entries SET result = 'failure'", "DELETE FROM audit_entries"):
        with pytest.raises(IntegrityError, match="append-only"):
            async with tx.begin_nested():
                await tx.execute(text(statement))


async def test_an_entry_altered_behind_the_back_is_flagged(tx):
    await write(tx)
    await write(tx)
    await without_triggers(tx)
    await tx.execute(text("UPDATE audit_entries SET actor = 'nobody' WHERE number = 1"))

    assert [entry.sealed for entry in await audit.page(tx, audit.Query(), None, 10)] == [False, True]


async def test_a_node_that_is_away_shows_its_entries_when_it_is_back(tx):
    await estate.beat(tx, "node-2", "10.0.0.2", NOW_MS)
    await write(tx, NOW_MS + 1)
    await write(tx, NOW_MS, node="node-2")

    assert await ids(tx) == ["node-1:1"]
    await estate.set_present(tx, "node-2", present=True)
    assert await ids(tx) == ["node-2:1", "node-1:1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"actor": "m.keller"}, ["node-1:2"]),
        ({"resource": "user"}, ["node-1:1", "node-1:2"]),
        ({"resource": "quarantine/node-1"}, ["node-1:3"]),
        ({"resource": "quarantine/node-1/4F2A"}, ["node-1:3"]),
        ({"resource": "quarantine/node"}, []),
        ({"domain": "acme.example"}, ["node-1:3"]),
        ({"from_ms": NOW_MS + 1, "to_ms": NOW_MS + 1}, ["node-1:2"]),
    ],
)
async def test_filters_narrow(tx, filters, expected):
    await write(tx)
    await write(tx, NOW_MS + 1, actor=audit.Actor(type="user", name="m.keller"))
    await write(tx, NOW_MS + 2, resource="quarantine/node-1/4F2A", domain="acme.example")

    assert await ids(tx, **filters) == expected


async def test_retention_removes_the_old_and_keeps_the_numbering(tx):
    for offset in range(3):
        await write(tx, NOW_MS + offset)

    assert await audit.prune(tx, "node-1", NOW_MS + 8, NOW_MS + 5) == 2
    assert await write(tx, NOW_MS + 9) == "node-1:5"
    assert await ids(tx) == ["node-1:3", "node-1:4", "node-1:5"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["node-1", "node-2"])), max_size=20),
    st.integers(1, 7),
)
async def test_pages_hold_every_entry_once_in_order(tx, rows, limit):
    undo = await tx.begin_nested()
    await estate.beat(tx, "node-2", "", NOW_MS)
    await estate.set_present(tx, "node-2", present=True)
    written = {await write(tx, NOW_MS + offset, node=node) for offset, node in rows}
    seen, after = [], None
    while page := await audit.page(tx, audit.Query(), after, limit):
        seen += page
        after = page[-1].position
    await undo.rollback()

    keys = [(entry.position.at_ms, entry.position.node_id, entry.position.number) for entry in seen]
    assert keys == sorted(keys)
    assert {entry.id for entry in seen} == written
    assert len(seen) == len(written)
