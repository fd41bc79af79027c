"""Verdicts are read by place: whatever they are narrowed to, a deep page costs what the first one costs."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update

from core.paging.keyset import Place, statement
from core.service import verdicts, visible
from core.store import verdicts as stored
from core.store.tables import domains
from core.store.tables import verdicts as table
from hub.web.errors import Forbidden, NotFound
from tests.factories.core import NOW_MS
from tests.factories.judged import by, judged, put_domains, put_verdicts
from tests.factories.work import work_of

ROWS = 4000
DOMAINS = ("acme.example", "nordwind.example", "praxis.example", "other.example")
KINDS = ("clean", "tag", "quarantine", "reject")
WHERE = {
    "nothing": {},
    "domain": {"domain": "acme.example"},
    "verdict": {"verdict": "quarantine"},
    "sender": {"sender": "u3@s3.example"},
    "sender_domain": {"sender": "s3.example"},
    "recipient": {"recipient": "r1@acme.example"},
    "min_score": {"min_score": 5.0},
    "max_score": {"max_score": 5.0},
    "from": {"from_ms": NOW_MS + 1_000_000},
    "to": {"to_ms": NOW_MS + 3_900_000},
    "all": {
        "domain": "acme.example",
        "verdict": "clean",
        "min_score": 0.0,
        "from_ms": NOW_MS + 1000,
        "to_ms": NOW_MS + 3_999_000,
    },
}
CALLERS = {
    "everything": by("read-only"),
    "one domain": by("read-only", domains=["acme.example"]),
    "three domains": by("read-only", domains=DOMAINS[:3]),
}


def row(number):
    """Spread so that each filter keeps some of them everywhere."""
    sender = number // 4 % 5
    return judged(
        number,
        domain=DOMAINS[number // 20 % 4],
        verdict=KINDS[number % 4],
        score=float(number % 11),
        sender=f"u{sender}@s{sender}.example",
        sender_domain=f"s{sender}.example",
        recipient=f"r{number % 3}@{DOMAINS[number // 20 % 4]}",
    )


def asked(narrow, caller, place=None, limit=21):
    each = verdicts.branches(caller, stored.Filter(**narrow))
    query = stored.select_from("default", stored.Filter(**narrow), first=place is None, by_domain=bool(each))
    seen = visible.limit(query, caller, verdicts.READ, stored.DOMAIN)
    return statement(seen, stored.BY, order="newest", after=place, limit=limit, each=each)


@pytest.fixture
async def filled(core):
    await put_domains(core, *DOMAINS)
    async with core.database.begin() as tx:
        tied = update(domains).where(domains.c.name == "other.example").values(api_key_id="key_9")
        await tx.execute(tied)
    await put_verdicts(core.database, (row(number) for number in range(1, ROWS + 1)))
    if core.database.path is None:
        async with core.database.begin() as tx:
            await tx.execute(text("ANALYZE verdicts"))
    return core


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.slow
async def test_a_deep_page_costs_what_the_first_one_costs(filled, caller):
    who = CALLERS[caller]
    for name, narrow in WHERE.items():
        async with filled.database.read() as tx:
            found = (await tx.execute(asked(narrow, who, limit=ROWS))).mappings().all()
            assert len(found) > 60, name
            deep = found[-40]
            place = Place(deep["at_ms"], deep["id"])
            first, last = (
                await work_of(tx, asked(narrow, who)),
                await work_of(tx, asked(narrow, who, place)),
            )
        assert last <= 2 * first + 200, (name, first, last)


async def test_a_short_period_costs_what_lies_in_it(filled):
    async with filled.database.read() as tx:
        end = await work_of(tx, asked({"from_ms": NOW_MS + (ROWS - 3) * 1000}, CALLERS["everything"]))
        begin = await work_of(tx, asked({"to_ms": NOW_MS + 4000}, CALLERS["everything"]))
        page = await work_of(tx, asked({}, CALLERS["everything"]))

    assert max(end, begin) <= page + 10


async def test_few_domains_among_many_rows_of_others_are_found_without_reading_those(filled):
    await put_verdicts(
        filled.database, (judged(number, id=f"few_{number}", domain="tiny.example") for number in range(3))
    )
    who = by("read-only", domains=["tiny.example", "small.example"])
    async with filled.database.read() as tx:
        few = await work_of(tx, asked({}, who))
        page = await work_of(tx, asked({}, CALLERS["one domain"]))
        found = (await tx.execute(asked({}, who))).mappings().all()

    assert [one["id"] for one in found] == ["few_2", "few_1", "few_0"]
    assert few <= page + 20


@pytest.mark.slow
async def test_the_newest_come_first_narrowed_to_what_the_caller_may_see(filled):
    async with filled.database.read() as tx:
        everything = await verdicts.listing(filled, tx, CALLERS["everything"], verdicts.Filter(), limit=1000)
        own = await verdicts.listing(filled, tx, CALLERS["one domain"], verdicts.Filter(), limit=1000)
        foreign = await verdicts.listing(filled, tx, by(tenant="globex"), verdicts.Filter())

    assert {one.domain for one in everything.items} == set(DOMAINS[:3])  # the fourth is another key's
    assert {one.domain for one in own.items} == {"acme.example"}
    assert [one.at_ms for one in own.items] == sorted((one.at_ms for one in own.items), reverse=True)
    assert list(foreign.items) == []


async def test_one_is_found_by_whom_it_is_shown(filled):
    async with filled.database.read() as tx:
        assert (await verdicts.one(tx, CALLERS["one domain"], row(1)["id"])).id == row(1)["id"]
        for who in (by(tenant="globex"), by("read-only", domains=["praxis.example"])):
            with pytest.raises(NotFound):
                await verdicts.one(tx, who, row(1)["id"])
        with pytest.raises(Forbidden):
            await verdicts.listing(
                filled, tx, CALLERS["one domain"], verdicts.Filter(domain="praxis.example")
            )


TENANT = itertools.count()
CHANGE = st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from(KINDS))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS)), max_size=20),
    changes=st.lists(st.lists(CHANGE, max_size=3), max_size=10),
    verdict=st.sampled_from([None, *KINDS]),
    limit=st.integers(1, 4),
)
async def test_verdicts_that_come_and_go_neither_repeat_nor_hide_others(core, first, changes, verdict, limit):
    tenant, numbers = f"t{next(TENANT)}", itertools.count()
    who = by(tenant=tenant)

    async def add(at, kind):
        number = next(numbers)
        made = judged(number, id=f"{tenant}_{number:04}", tenant=tenant, at_ms=NOW_MS + at, verdict=kind)
        await put_verdicts(core.database, [made])
        return made["id"], kind

    alive = [await add(at, kind) for at, kind in first]
    throughout, ever, seen, cursor = set(alive), set(alive), [], None
    for step in itertools.count():
        async with core.database.read() as tx:
            narrow = verdicts.Filter(verdict=verdict)
            found = await verdicts.listing(core, tx, who, narrow, limit=limit, cursor=cursor)
        seen += [one.id for one in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break
        for insert, at, kind in changes[step] if step < len(changes) else ():
            if insert:
                alive.append(await add(at, kind))
                ever.add(alive[-1])
            elif alive:
                gone = alive.pop(at % len(alive))
                throughout.discard(gone)
                async with core.database.begin() as tx:
                    await tx.execute(delete(table).where(table.c.id == gone[0]))

    def fitting(rows):
        return {name for name, kind in rows if verdict in (None, kind)}

    assert len(seen) == len(set(seen))
    assert fitting(throughout) <= set(seen) <= fitting(ever)
