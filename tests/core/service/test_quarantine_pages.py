"""Held mail is read by place: a page costs what lies on it, whatever it is narrowed to and however deep."""

from dataclasses import asdict

import pytest
from sqlalchemy import insert, text

from core.paging.keyset import Place, statement
from core.service import quarantine, visible
from core.store import quarantine as stored
from core.store.tables import quarantine_items, quarantine_recipients
from tests.factories.core import NOW_MS, held
from tests.factories.judged import by, put_domains
from tests.factories.work import work_of

ROWS = 3000
LIMIT = 21
MOST = {"sqlite": 7_000, "postgresql": 300}
"""Steps or pages (`tests.factories.work`) for three domains' pages; all rows cost 20,000 and more."""
DOMAINS = ("acme.example", "nordwind.example", "praxis.example", "other.example")
STATES = ("held", "released", "held", "discarded", "held", "expired", "release_failed", "releasing")
LYING = {"held", "release_failed", "releasing"}
WHERE = {
    "nothing": {},
    "held": {"state": "held"},
    "any": {"state": "any"},
    "domain": {"domain": "acme.example"},
    "domain, held": {"domain": "acme.example", "state": "held"},
    "domain, any": {"domain": "acme.example", "state": "any"},
    "recipient": {"recipient": "R1@acme.example"},
    "recipient, held": {"recipient": "r1@acme.example", "state": "held"},
    "recipient, domain": {"recipient": "r1@acme.example", "domain": "acme.example"},
    "recipient, period": {"recipient": "r1@acme.example", "since_ms": NOW_MS + 1000, "until_ms": NOW_MS * 2},
    "recipient, sender": {"recipient": "r1@acme.example", "sender": "s3@deal.top"},
    "sender": {"sender": "s3@deal.top"},
    "period": {"since_ms": NOW_MS + 1000, "until_ms": NOW_MS + (ROWS - 5) * 1000},
}
CALLERS = {
    "everything": by("full-admin"),
    "one domain": by("domain-admin", domains=["acme.example"]),
    "three domains": by("domain-admin", domains=DOMAINS[:3]),
}


def made(number, **changes):
    """Nine in ten are of one domain, and states of all kinds lie in between."""
    domain = DOMAINS[0] if number % 10 else DOMAINS[number // 10 % 4]
    to = (f"r{number % 3}@{domain}", "R1@Acme.example")
    plain = {"domain": domain, "recipients": to, "sender": f"s{number // 10 % 5}@deal.top"}
    plain |= {"state": STATES[number * 5 % len(STATES)]}
    return held(number, **{**plain, **changes})


async def put(core, items):
    """As `quarantine.add` does it, many at a time."""
    rows = [
        {**asdict(item), "recipients": list(item.recipients), "symbols": list(item.symbols)} for item in items
    ]
    to = [
        {"tenant": item.tenant, "arrived_ms": item.arrived_ms, "item": item.id, "recipient": one}
        for item in items
        for one in {each.lower() for each in item.recipients}
    ]
    async with core.database.begin() as tx:
        await tx.execute(insert(quarantine_items), rows)
        await tx.execute(insert(quarantine_recipients), to)
        if core.database.path is None:
            await tx.execute(text("ANALYZE quarantine_items, quarantine_recipients"))


@pytest.fixture
async def filled(core):
    await put_domains(core, *DOMAINS)
    await put(core, [made(number) for number in range(1, ROWS + 1)])
    return core


def asked(narrow, caller, place=None, limit=LIMIT, skipped=0):
    wanted = stored.Filter(**narrow)
    each, order = quarantine.branches(caller, wanted), stored.order(wanted)
    found = stored.select_from("default", wanted, first=place is None)
    query = visible.limit(found, caller, quarantine.READ, stored.DOMAIN, each=each)
    return statement(query, order, order="newest", after=place, limit=limit, skipped=skipped, each=each)


def fits(item, narrow, domains):
    """The same question to a plain model."""
    return (
        item.domain in domains
        and narrow.get("domain") in (None, item.domain)
        and (narrow.get("state") in ("any", item.state) or ("state" not in narrow and item.state in LYING))
        and narrow.get("recipient", item.recipients[0]).lower() in {one.lower() for one in item.recipients}
        and narrow.get("sender", item.sender) == item.sender
        and narrow.get("since_ms", 0) <= item.arrived_ms <= narrow.get("until_ms", item.arrived_ms)
    )


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_filter_finds_what_a_plain_model_finds_newest_first(filled, caller):
    who = CALLERS[caller]
    domains = {"everything": DOMAINS, "one domain": DOMAINS[:1], "three domains": DOMAINS[:3]}[caller]
    every = [made(number) for number in range(ROWS, 0, -1)]
    async with filled.database.read() as tx:
        for name, narrow in WHERE.items():
            rows = (await tx.execute(asked(narrow, who, limit=ROWS))).mappings().all()
            wanted = [item.id for item in every if fits(item, narrow, domains)]
            some = await quarantine.skipping(tx, who, stored.Filter(**narrow), limit=7, offset=5)

            assert [row["id"] for row in rows] == wanted, name
            assert [item.id for item in some] == wanted[5:12], name


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_page_costs_the_same_whatever_it_is_narrowed_to_and_however_deep_it_lies(filled, caller):
    who = CALLERS[caller]
    async with filled.database.read() as tx:
        most = MOST[tx.dialect.name]
        for name, narrow in WHERE.items():
            found = (await tx.execute(asked(narrow, who, limit=ROWS))).mappings().all()
            place = Place(found[-40]["arrived_ms"], found[-40]["id"])
            first = await work_of(tx, asked(narrow, who))
            deep = await work_of(tx, asked(narrow, who, place))

            assert max(first, deep) <= most, (name, most, first, deep)


async def test_few_domains_among_the_mail_of_others_are_found_without_reading_that(filled):
    few = [made(ROWS + n + 1, domain="tiny.example", state="held", arrived_ms=NOW_MS + n) for n in range(3)]
    await put(filled, few)
    who = by("domain-admin", domains=["tiny.example", "small.example", "none.example"])
    async with filled.database.read() as tx:
        work = await work_of(tx, asked({}, who))
        page = await work_of(tx, asked({}, CALLERS["one domain"]))
        found = (await tx.execute(asked({}, who))).mappings().all()

    assert [row["id"] for row in found] == [item.id for item in reversed(few)]
    assert work <= page + 100


@pytest.mark.parametrize("caller", CALLERS)
async def test_following_the_cursor_comes_by_every_message_once(filled, caller):
    seen, cursor = [], None
    for narrow in ({}, {"recipient": "r1@acme.example"}):
        seen.clear()
        while True:
            async with filled.database.read() as tx:
                found = await quarantine.listing(
                    filled, tx, CALLERS[caller], stored.Filter(**narrow), limit=500, cursor=cursor
                )
            seen += [item.id for item in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break
        async with filled.database.read() as tx:
            rows = (await tx.execute(asked(narrow, CALLERS[caller], limit=ROWS))).mappings().all()

        assert len(seen) > 500
        assert seen == [row["id"] for row in rows]


async def test_what_is_forgotten_is_forgotten_for_its_recipients_too(core):
    async with core.database.begin() as tx:
        for number, state in enumerate(("held", "released", "discarded")):
            await stored.add(tx, made(number, state=state, state_ms=NOW_MS))
        assert await stored.purge(tx, NOW_MS + 1) == 2
        left = (await tx.execute(quarantine_recipients.select())).all()

    assert {row.item for row in left} == {made(0).id}
    assert {row.recipient for row in left} == {"r0@acme.example", "r1@acme.example"}
