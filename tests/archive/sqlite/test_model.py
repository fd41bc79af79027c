"""The archive against a plain list: any stored events, any query, every way to ask."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.counts import FACETS
from hub.model.event import Entry
from tests.factories.events import NOW_MS, make_entry

DAY = 86_400_000
TENANTS, SOURCES, CODES = ("acme", "beta", "ceta"), ("s1", "s2"), ("c.one", "c.two")
DISPOSITIONS = ("Allowed", "Blocked", "Quarantined")
PEOPLE = ("ann@x.example", "bob@x.example", "carl@y.example")
WORDS = ("alpha", "beta", "gamma", "delta")


def made(seq: int, random: Random, salt: str) -> Entry:
    recorded = NOW_MS + seq * DAY // 40
    time = recorded - random.choice((0, 0, 0, 1000, DAY, 3 * DAY, 100 * DAY, -DAY // 2, -50 * DAY))
    return make_entry(
        seq,
        salt=salt,
        tenant=random.choice(TENANTS),
        source=random.choice(SOURCES),
        code=random.choice(CODES),
        class_uid=random.choice((4009, 2004)),
        severity=random.choice((1, 2, 3)),
        domain=random.choice(("x.example", "y.example", "")),
        time_ms=time,
        recorded_ms=recorded,
        sender=random.choice(PEOPLE),
        recipients=random.sample(PEOPLE, random.randint(1, 2)),
        subject=" ".join(random.choices(WORDS, k=3)),
        disposition=random.choice(DISPOSITIONS),
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqliteArchive, list[dict[str, Any]]]]:
    """Two partitions, small files, repeats, clamped times; beside it the same as dicts."""
    random = Random(5)
    archive = SqliteArchive(tmp_path_factory.mktemp("model"), roll_events=60, roll_days=3, keep_days=30)
    plain = []
    for partition, count in ((0, 400), (1, 90)):
        entries = [made(seq, random, f"model{partition}") for seq in range(1, count + 1)]
        for seq in range(50, count, 50):
            entries[seq - 1] = replace(entries[seq - 1], uid=entries[seq - 10].uid)
        for first in range(0, count, 30):
            archive.append(partition, entries[first : first + 30])
        plain += [row(partition, entry) for entry in entries if entry.seq % 50 or entry.seq == count]
    yield archive, plain
    archive.close()


def row(partition: int, entry: Entry) -> dict[str, Any]:
    header, body = entry.header, msgspec.json.decode(entry.body)
    clamped = min(max(header.time_ms, header.recorded_ms - 30 * DAY), header.recorded_ms + DAY)
    return {
        "order": (clamped, partition, entry.seq),
        "time": clamped,
        "recorded": header.recorded_ms,
        "tenant": header.tenant,
        "source": header.source,
        "class": header.class_uid,
        "code": header.code,
        "severity": header.severity,
        "domain": header.domain,
        "disposition": body["disposition"],
        "sender": body["email"]["from"],
        "recipient": body["email"]["to"],
        "subject": body["email"]["subject"].split(),
    }


def some(values: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), min_size=1, max_size=2).map(tuple))


TIMES = st.one_of(
    st.none(),
    st.integers(NOW_MS - 35 * DAY, NOW_MS + 14 * DAY),
    st.integers(NOW_MS // DAY - 5, NOW_MS // DAY + 14).map(lambda day: day * DAY),
)
MAYBE = st.sampled_from(("", "", *PEOPLE))
QUERIES = st.builds(
    Query,
    tenant=some((*TENANTS, "nobody")),
    source=some(SOURCES),
    class_uid=some((4009, 2004, 1)),
    code=some(CODES),
    severity=some((1, 2, 3, 6)),
    disposition=some((*DISPOSITIONS, "quarantined")),
    domain=some(("x.example", "Y.Example", "z.example")),
    not_domain=some(("x.example", "z.example")),
    sender=MAYBE,
    recipient=MAYBE,
    subject=st.sampled_from(("", "", "alpha", "alpha delta")),
    q=st.sampled_from(("", "", "beta", "ann@x.example", "x.example")),
    since_ms=TIMES,
    until_ms=TIMES,
    recorded_since_ms=TIMES,
    recorded_until_ms=TIMES,
    limit=st.sampled_from((1, 13, 1000)),
)


def matches(event: dict[str, Any], query: Query) -> bool:
    fields = {"tenant": query.tenant, "source": query.source, "class": query.class_uid, "code": query.code}
    fields |= {"severity": query.severity, "domain": tuple(map(str.lower, query.domain))}
    dispositions = {text.lower() for text in query.disposition}
    people = {event["sender"], *event["recipient"]}
    hosts = {person.partition("@")[2] for person in people} | {event["domain"]}
    return (
        all(not wanted or event[name] in wanted for name, wanted in fields.items())
        and event["domain"] not in query.not_domain
        and (not dispositions or event["disposition"].lower() in dispositions)
        and query.sender in {"", event["sender"]}
        and (not query.recipient or query.recipient in event["recipient"])
        and set(query.subject.split()) <= set(event["subject"])
        and (
            not query.q
            or query.q in {*event["subject"], *people, *hosts}
            or query.q == event["tenant"] == "-"
        )
        and within(event["time"], query.since_ms, query.until_ms)
        and within(event["recorded"], query.recorded_since_ms, query.recorded_until_ms)
    )


def within(time: int, since: int | None, until: int | None) -> bool:
    return (since is None or time >= since) and (until is None or time < until)


World = tuple[SqliteArchive, list[dict[str, Any]]]
CHECKED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@CHECKED
@given(query=QUERIES)
@example(query=Query(limit=13))
@example(query=Query(limit=13, tenant=("acme",), since_ms=NOW_MS // DAY * DAY))
def test_search_and_iterate_and_count_agree_with_the_list(world: World, query: Query) -> None:
    archive, plain = world
    expected = sorted((event["order"] for event in plain if matches(event, query)), reverse=True)

    page = archive.search(query)
    found = [*page.hits]
    while page.cursor is not None:
        page = archive.search(replace(query, cursor=page.cursor))
        found += page.hits

    assert [(hit.time_ms, hit.partition, hit.seq) for hit in found] == expected
    assert archive.count(query) == len(expected)
    walked = [(hit.partition, hit.seq) for hit in archive.iterate(query)]
    assert walked == sorted((partition, seq) for _, partition, seq in expected)


@CHECKED
@given(query=QUERIES, field=st.sampled_from(FACETS))
@example(query=Query(), field="tenant")
@example(query=Query(since_ms=NOW_MS // DAY * DAY), field="disposition")
@example(query=Query(tenant=("acme",), until_ms=NOW_MS + 3 * DAY), field="code")
@pytest.mark.slow
def test_facets_agree_with_the_list(world: World, query: Query, field: str) -> None:
    archive, plain = world
    counted: Counter[str] = Counter()
    for event in plain:
        if matches(event, query):
            values = event[field] if field == "recipient" else [event[field]]
            counted.update(str(value) for value in values if value != "")

    assert dict(archive.facets(query, field, 1000)) == dict(counted)
    assert archive.facets(query, field, 2) == archive.facets(query, field, 1000)[:2]


@CHECKED
@given(query=QUERIES, interval=st.sampled_from((3_600_000, DAY, 7 * DAY, 1234)))
@example(query=Query(), interval=DAY)
@example(query=Query(disposition=("Allowed",)), interval=DAY)
def test_histograms_agree_with_the_list(world: World, query: Query, interval: int) -> None:
    archive, plain = world
    counted = Counter(event["time"] // interval * interval for event in plain if matches(event, query))

    assert list(archive.histogram(query, interval)) == sorted(counted.items())


@CHECKED
@given(text=st.text(), other=st.text())
@example(text='"', other="")
@example(text='a" OR keys : k1 OR "', other='" NEAR(a b) *')
@example(text="a\x00b", other="\udc80")
@example(text="* ^ - + NOT AND OR", other="subject : x")
@example(text=" ".join(f"w{n}" for n in range(5000)), other=" ".join(f"a{n}@b" for n in range(5000)))
@pytest.mark.slow
def test_any_text_is_answered(world: World, text: str, other: str) -> None:
    archive, _ = world

    for query in (
        Query(q=text, subject=other),
        Query(sender=text, recipient=other),
        Query(message_id=text, domain=(other, text)),
        Query(tenant=(text,), source=(other,)),
        Query(code=(text, other), disposition=(other, text)),
    ):
        hits = archive.search(query).hits

        assert archive.count(query) >= len(hits) >= 0


@pytest.mark.parametrize(
    "syntax", ["alpha OR beta", "alpha NOT beta", "alp*", "subject:alpha", "NEAR(alpha)"]
)
def test_operators_are_only_words(world: World, syntax: str) -> None:
    archive, _ = world

    assert archive.count(Query(subject="alpha")) > archive.count(Query(subject=syntax)) == 0


def test_an_unknown_facet_names_the_choices(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of tenant, source"):
        world[0].facets(Query(), "colour")


def test_an_interval_must_be_positive(world: World) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        world[0].histogram(Query(), 0)
