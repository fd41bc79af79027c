import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from core.audit.access import AccessAudit
from core.audit.chain import WrongKey
from core.audit.retention import erase, prune
from core.audit.verify import check, verify
from core.store.database import Database
from core.store.tables import audit_entries, audit_heads
from core.store.tenancy import OPERATOR
from hub.access import audit as access
from tests.factories.audit import ENTRY, chain, change, write
from tests.factories.core import NOW_MS

CHAIN = chain()


async def stored(tx, tenant):
    rows = await tx.execute(select(audit_entries).where(ENTRY.tenant == tenant).order_by(ENTRY.seq))
    return [CHAIN.entry(row) for row in rows.mappings()]


async def test_an_entry_reads_back_as_it_was_written(tx):
    written = await CHAIN.append(
        tx, "acme", change(reason="asked by phone", details={"via": ["api", 1, None]})
    )

    assert await stored(tx, "acme") == [written]
    assert written.as_dict()["resource"] == {"type": "domain", "id": "dom_1", "domain": "acme.example"}
    assert written.as_dict()["changes"] == {"before": {"tag_threshold": 5.0}, "after": {"tag_threshold": 7.5}}
    assert written.sealed


async def test_each_entry_names_the_hash_of_the_one_before_it(tx):
    await write(tx, CHAIN, "acme", 3)
    await write(tx, CHAIN, "globex", 1)

    first, second, third = await stored(tx, "acme")
    assert [one.seq for one in (first, second, third)] == [1, 2, 3]
    assert [first.prev_hash, second.prev_hash, third.prev_hash] == ["", first.hash, second.hash]
    assert [(one.seq, one.prev_hash) for one in await stored(tx, "globex")] == [(1, "")]


async def append_and_fail(database):
    async with database.begin() as tx:
        await CHAIN.append(tx, "acme", change(2))
        await tx.execute(text("INSERT INTO meta (key) VALUES ('no value')"))


async def test_an_undone_change_leaves_no_entry_and_no_gap(database):
    async with database.begin() as tx:
        await CHAIN.append(tx, "acme", change(1))
    with pytest.raises(IntegrityError):
        await append_and_fail(database)
    async with database.begin() as tx:
        await CHAIN.append(tx, "acme", change(3))

    async with database.read() as tx:
        assert [(one.seq, one.resource.id) for one in await stored(tx, "acme")] == [
            (1, "dom_1"),
            (2, "dom_3"),
        ]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["acme", "globex"]), st.booleans()), min_size=1, max_size=4),
        min_size=2,
        max_size=6,
    )
)
async def test_writers_at_the_same_time_never_fork_a_chain(core_url, plans):
    """Each writer is a process of its own: a connection and a node; some of its transactions are undone."""
    undone = 0

    async def write_all(database, number, plan):
        nonlocal undone
        writer = chain(node_id=f"node-{number}")
        for tenant, fails in plan:
            try:
                async with database.begin() as tx:
                    for one in (tenant, "both"):
                        await writer.append(tx, one, change(number))
                        await asyncio.sleep(0)
                    if fails:
                        await tx.execute(text("INSERT INTO meta (key) VALUES ('no value')"))
            except IntegrityError:
                undone += 1

    async with Database(core_url) as one, Database(core_url) as other:
        before = await total(one)
        await asyncio.gather(
            *(write_all((one, other)[number % 2], number, plan) for number, plan in enumerate(plans))
        )
        assert await total(one) == before + 2 * (sum(map(len, plans)) - undone)
        assert await verify(one, CHAIN, None) == []


async def total(database):
    async with database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(audit_entries))).scalar_one()


async def test_entries_can_be_neither_changed_nor_deleted_nor_replaced(tx):
    await write(tx, CHAIN, "acme", 2)
    statements = ["UPDATE audit_entries SET result = 'failure'", "DELETE FROM audit_entries"]
    if tx.dialect.name == "postgresql":
        statements.append("TRUNCATE audit_entries")
    else:
        statements.append("INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE seq = 1")

    for statement in statements:
        with pytest.raises(IntegrityError, match="append-only"):
            async with tx.begin_nested():
                await tx.execute(text(statement))
    assert [one.seq for one in await stored(tx, "acme")] == [1, 2]


async def test_a_database_of_another_key_is_refused(tx):
    await CHAIN.confirm(tx)
    await CHAIN.confirm(tx)

    with pytest.raises(WrongKey, match="MXHUB_AUDIT_KEY"):
        await chain(b"another key of at least 32 characters").confirm(tx)


async def test_retention_removes_a_beginning_and_the_rest_still_holds(tx):
    for day in range(4):
        await write(tx, chain(now_ms=NOW_MS + day), "acme", 3)

    assert await prune(tx, chain(now_ms=NOW_MS + 9), NOW_MS + 2) == 6
    assert [one.seq for one in await stored(tx, "acme")] == [*range(7, 13), 13]
    assert (await stored(tx, "acme"))[-1].action == "audit.pruned"
    assert await check(tx, CHAIN, None) == []
    with pytest.raises(IntegrityError, match="append-only"):  # the triggers stand again
        async with tx.begin_nested():
            await tx.execute(text("DELETE FROM audit_entries"))


async def test_retention_keeps_the_newest_entry_of_a_chain_and_rests_then(tx):
    await write(tx, CHAIN, "acme", 3)
    writer = chain(now_ms=NOW_MS + 1)

    assert await prune(tx, writer, NOW_MS + 1) == 2
    assert await prune(tx, writer, NOW_MS + 1) == 1
    assert await prune(tx, writer, NOW_MS + 1) == 0
    assert await check(tx, CHAIN, None) == []


async def test_an_erased_tenant_is_gone_and_the_operators_chain_says_so(tx):
    await write(tx, CHAIN, "acme", 3)
    await write(tx, CHAIN, "globex", 2)

    assert await erase(tx, CHAIN, "acme") == 3
    assert await stored(tx, "acme") == []
    told = (await stored(tx, OPERATOR))[-1]
    assert (told.action, told.resource.id, told.details["through"]) == ("audit.erased", "acme", 3)
    assert await check(tx, CHAIN, None) == []


async def test_a_tenant_that_comes_back_goes_on_where_it_was_erased(tx):
    await write(tx, CHAIN, "acme", 3)
    await erase(tx, CHAIN, "acme")
    await write(tx, CHAIN, "acme", 2)

    assert [one.seq for one in await stored(tx, "acme")] == [4, 5]
    assert await check(tx, CHAIN, None) == []


async def test_an_erasure_is_told_again_before_retention_removes_what_told_it(tx):
    await write(tx, CHAIN, "acme", 3)
    await erase(tx, CHAIN, "acme")
    await write(tx, CHAIN, OPERATOR, 1)

    await prune(tx, chain(now_ms=NOW_MS + 5), NOW_MS + 1)

    assert (await stored(tx, OPERATOR))[0].seq > 1
    assert await check(tx, CHAIN, None) == []


async def test_entries_removed_without_being_told_are_found_though_the_head_says_so(tx):
    await write(tx, CHAIN, "acme", 5)
    undo = await tx.begin_nested()
    known = {"pruned": 2, "pruned_hash": (await stored(tx, "acme"))[1].hash}
    await tx.execute(audit_heads.update().where(audit_heads.c.tenant == "acme").values(**known))
    await tx.execute(text("INSERT INTO meta VALUES ('audit_kept_since_ms', '9999999999999')"))
    await tx.execute(text("DELETE FROM audit_entries WHERE seq <= 2"))

    assert [(one.kind, one.first, one.last) for one in await check(tx, CHAIN, None)] == [("removed", 1, 2)]
    await undo.rollback()


async def test_the_operators_own_chain_is_never_erased(tx):
    with pytest.raises(ValueError, match="operator"):
        await erase(tx, CHAIN, OPERATOR)


async def test_keys_and_people_write_to_the_chain(tx):
    actor = access.Actor(
        type="key", id="key_1", name="deploy", key_prefix="mfk_live_abcdefghijk", ip="192.0.2.1"
    )
    written = access.Change(
        actor=actor, tenant="acme", action="api_key.created", resource="api_key/key_2", after={"name": "ci"}
    )

    await AccessAudit(CHAIN)(tx, written)

    (found,) = await stored(tx, "acme")
    assert (found.actor.type, found.actor.id, found.resource.type, found.resource.id) == (
        "api_key",
        "deploy",
        "api_key",
        "key_2",
    )
    assert (found.after, found.result) == ({"name": "ci"}, "success")
