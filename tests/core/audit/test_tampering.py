"""Whatever is changed behind the service's back is found, and where; what was not changed never is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from core.audit.anchors import Found
from core.audit.chain import SEALED
from core.audit.verify import check
from core.store.tables import audit_heads
from tests.factories.audit import ENTRY, chain, change, cut, edit, remove, swap, unguard, write

TENANTS = ("acme", "globex")
LENGTH = 12
CHAIN = chain()
NUMBERS = ("seq", "number", "at_ms")
JSON = ("details", "before", "after")
SEQS = st.integers(1, LENGTH)

SLOW = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def log(tx):
    """Two chains, and the triggers gone."""
    for tenant in TENANTS:
        await write(tx, CHAIN, tenant, LENGTH)
    await unguard(tx)
    return tx


def places(findings):
    return {(one.tenant, seq) for one in findings for seq in range(one.first, one.last + 1)}


async def after(tx, tamper, anchored=None):
    """What is found when this was done; then it is undone."""
    undo = await tx.begin_nested()
    await tamper(tx)
    found = await check(tx, CHAIN, anchored)
    await undo.rollback()
    return found


async def anchored(tx, *seqs):
    found = Found()
    for tenant in TENANTS:
        asked = select(ENTRY.seq, ENTRY.hash).where(ENTRY.tenant == tenant, ENTRY.seq.in_(seqs))
        found.anchors[tenant] = {row.seq: row.hash for row in await tx.execute(asked)}
    return found


async def test_an_untouched_log_holds(log):
    assert await check(log, CHAIN, await anchored(log, 3, LENGTH)) == []


@SLOW
@given(SEQS, st.sampled_from((*SEALED, "hash")), st.integers(1, 10**6))
async def test_any_edited_field_is_found_where_it_stands(log, seq, column, value):
    new = 1000 + value if column in NUMBERS else {"x": value} if column in JSON else f"x{value}"

    found = await after(log, lambda tx: edit(tx, "acme", seq, **{column: new}))

    if column in {"tenant", "seq"}:  # it is no longer where it was
        assert ("acme", seq) in places(found) or any(f"entry {seq} stands here" in one.what for one in found)
    else:
        assert places(found) == {("acme", seq)}
        assert [one.kind for one in found if one.kind != "head"] == ["edited"]


@SLOW
@given(SEQS, st.integers(0, 3))
async def test_any_removed_entry_is_found_where_it_stood(log, first, more):
    last = min(first + more, LENGTH)

    found = await after(log, lambda tx: remove(tx, "globex", first, last))

    assert [(one.kind, one.tenant, one.first, one.last) for one in found] == [
        ("removed", "globex", first, last)
    ]


@SLOW
@given(st.lists(SEQS, min_size=2, max_size=2, unique=True))
async def test_entries_in_another_order_are_found_with_the_place_they_had(log, two):
    one, other = sorted(two)

    found = await after(log, lambda tx: swap(tx, "acme", one, other))

    assert [(each.kind, each.first, each.what) for each in found if each.kind != "head"] == [
        ("reordered", one, f"entry {other} stands here"),
        ("reordered", other, f"entry {one} stands here"),
    ]


@SLOW
@given(st.integers(0, LENGTH - 1), SEQS)
async def test_an_end_cut_off_is_found_up_to_the_last_anchor(log, last, anchor):
    found = await after(log, lambda tx: cut(tx, "acme", last), await anchored(log, anchor))

    if anchor > last:
        assert [(one.kind, one.first, one.last) for one in found] == [("truncated", last + 1, anchor)]
    else:
        assert found == []  # nothing outside the database knows of what came after the last anchor


@SLOW
@given(st.integers(1, LENGTH - 1))
async def test_a_chain_written_anew_from_an_old_copy_is_found(log, last):
    async def rewrite(tx):
        await cut(tx, "acme", last)
        for number in range(LENGTH - last):
            await CHAIN.append(tx, "acme", change(number, action="domain.deleted"))

    found = await after(log, rewrite, await anchored(log, LENGTH))

    assert [(one.kind, one.first) for one in found] == [("forked", LENGTH)]


@SLOW
@given(st.integers(0, 2 * LENGTH).filter(lambda seq: seq != LENGTH))
async def test_a_head_that_was_changed_is_found(log, seq):
    async def change_head(tx):
        await tx.execute(update(audit_heads).where(audit_heads.c.tenant == "acme").values(seq=seq))

    found = await after(log, change_head)

    assert [one.kind for one in found] == (["head"] if seq < LENGTH else ["removed"])
    assert {one.tenant for one in found} == {"acme"}


async def test_a_chain_that_is_gone_as_a_whole_is_found(log):
    found = await after(log, lambda tx: cut(tx, "acme", 0), await anchored(log, LENGTH))

    assert [(one.kind, one.tenant, one.first, one.last) for one in found] == [
        ("truncated", "acme", 1, LENGTH)
    ]


async def test_entries_sealed_with_another_key_are_found(log):
    found = await check(log, chain(b"another key of at least 32 characters"), None)

    assert {one.kind for one in found} == {"edited"}
    assert places(found) == {(tenant, seq) for tenant in TENANTS for seq in range(1, LENGTH + 1)}
