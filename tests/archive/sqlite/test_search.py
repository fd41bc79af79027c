"""Searching by every condition of a query."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from tests.factories.archives import MINUTE_MS, archive_of, entries, seqs
from tests.factories.events import NOW_MS, make_entry


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteArchive]:
    """1,000 events in four files, a few of them with known content."""
    stored = entries(1000)
    at = {entry.seq: entry.header.time_ms for entry in stored}

    def put(seq: int, **over: object) -> None:
        stored[seq - 1] = make_entry(seq, time_ms=at[seq], recorded_ms=at[seq] + 5, **over)  # type: ignore[arg-type]

    put(100, sender="Ann Example <Ann@Sender.Example>", recipients=["bob@a.example", "carl@b.example"])
    put(200, subject="Quarterly zebra report", message_id="<zebra-1@mail.example>")
    put(210, subject="report of the zebra")
    put(300, tenant="lonely", source="lonely-1", code="odd.code", class_uid=2004, severity=5)
    put(301, tenant="lonely", source="lonely-2", disposition="Übermittelt", disposition_id=99)
    put(400, domain="Rare-Domain.example", src_endpoint={"ip": "203.0.113.77"})
    put(500, subject="Überweisung für Müller", message="報告書を送信しました")
    put(600, message_id="<x.zebra-1@mail.example>")
    archive = SqliteArchive(tmp_path_factory.mktemp("archive"), roll_events=250)
    for start in range(0, 1000, 125):
        archive.append(0, stored[start : start + 125])
    yield archive
    archive.close()


def found(archive: SqliteArchive, **conditions: object) -> list[int]:
    return seqs(archive.search(Query(limit=1000, **conditions)).hits)  # type: ignore[arg-type]


def test_no_condition_finds_everything_newest_first(archive: SqliteArchive) -> None:
    assert found(archive) == list(range(1000, 0, -1))


def test_hits_carry_what_was_stored(archive: SqliteArchive) -> None:
    stored = make_entry(7, time_ms=NOW_MS - 993 * MINUTE_MS, recorded_ms=NOW_MS - 993 * MINUTE_MS + 5)

    (hit,) = [hit for hit in archive.search(Query(limit=1000)).hits if hit.seq == 7]

    assert (hit.partition, hit.uid, hit.body) == (0, stored.uid.hex(), stored.body)
    assert (hit.time_ms, hit.recorded_ms) == (stored.header.time_ms, stored.header.recorded_ms)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"sender": "ann@sender.example"}, [100]),
        ({"sender": "ANN@sender.EXAMPLE"}, [100]),
        ({"sender": "nn@sender.example"}, []),
        ({"recipient": "Carl@b.example"}, [100]),
        ({"recipient": "arl@b.example"}, []),
        ({"message_id": "<zebra-1@mail.example>"}, [200]),
        ({"message_id": "Zebra-1@mail.example"}, [200]),
        ({"message_id": "zebra-1@mail"}, []),
        ({"subject": "zebra"}, [210, 200]),
        ({"subject": "ZEBRA quarterly"}, [200]),
        ({"subject": '"zebra report"'}, [200]),
        ({"subject": '"report zebra"'}, []),
        ({"subject": "lonely"}, []),
        ({"tenant": ("lonely",)}, [301, 300]),
        ({"tenant": ("lonely",), "source": ("lonely-1", "lonely-2")}, [301, 300]),
        ({"tenant": ("Lonely",)}, []),
        ({"source": ("lonely-1",)}, [300]),
        ({"code": ("odd.code",)}, [300]),
        ({"class_uid": (2004,)}, [300]),
        ({"severity": (5, 6)}, [300]),
        ({"disposition": ("übermittelt",)}, [301]),
        ({"domain": ("rare-domain.EXAMPLE",)}, [400]),
        ({"q": "203.0.113.77"}, [400]),
        ({"q": "rare-domain"}, [400]),
        ({"q": "uberweisung"}, [500]),
        ({"q": "MÜLLER für"}, [500]),
        ({"q": "報告"}, [500]),
        ({"q": "ann@sender.example"}, [100]),
        ({"q": "odd.code"}, [300]),
        ({"q": "zebra-1@mail.example"}, [200]),
        ({"q": "<X.zebra-1@mail.example>"}, [600]),
        ({"q": "message ann@sender.example"}, [100]),
        ({"q": "zebra !!! quarterly"}, [200]),
        ({"q": "zebra nosuchword"}, []),
        ({"q": "!!!"}, []),
        ({"class_uid": (2**70,)}, []),
    ],
)
def test_a_condition_finds_exactly(
    archive: SqliteArchive, conditions: dict[str, object], expected: list[int]
) -> None:
    assert found(archive, **conditions) == expected
    assert archive.count(Query(**conditions)) == len(expected)  # type: ignore[arg-type]
    assert sorted(seqs(archive.iterate(Query(**conditions)))) == sorted(expected)  # type: ignore[arg-type]


def test_several_values_of_a_field_mean_any_of_them(archive: SqliteArchive) -> None:
    rejected = found(archive, disposition=("Rejected",))
    tagged = found(archive, disposition=("Tagged",))

    assert rejected
    assert tagged
    assert found(archive, disposition=("tagged", "REJECTED")) == sorted(rejected + tagged, reverse=True)


def test_a_disposition_may_be_given_as_its_number(archive: SqliteArchive) -> None:
    assert found(archive, disposition=("25",)) == found(archive, disposition=("Rejected",)) != []


def test_conditions_of_different_fields_must_all_hold(archive: SqliteArchive) -> None:
    both = found(archive, q="invoice", disposition=("Allowed",), tenant=("tenant-0",))
    words, verdicts = set(found(archive, q="invoice")), set(found(archive, disposition=("Allowed",)))

    assert both
    assert both == sorted(words & verdicts & set(found(archive, tenant=("tenant-0",))), reverse=True)


def test_since_is_inclusive_and_until_exclusive(archive: SqliteArchive) -> None:
    since, until = NOW_MS - 700 * MINUTE_MS, NOW_MS - 650 * MINUTE_MS

    assert found(archive, since_ms=since, until_ms=until) == list(range(349, 299, -1))


def test_recorded_times_bound_too(archive: SqliteArchive) -> None:
    since, until = NOW_MS - 700 * MINUTE_MS + 5, NOW_MS - 650 * MINUTE_MS + 5

    assert found(archive, recorded_since_ms=since, recorded_until_ms=until) == list(range(349, 299, -1))


@pytest.mark.parametrize("extreme", [-(2**63), -1, 0, 2**43, 2**63, 2**80])
def test_extreme_times_in_a_query_are_answered(archive: SqliteArchive, extreme: int) -> None:
    expected = 1000 if extreme <= 0 else 0

    assert len(found(archive, since_ms=extreme)) == expected
    assert len(found(archive, until_ms=extreme)) == 1000 - expected
    assert len(found(archive, recorded_since_ms=extreme)) == expected
    assert len(found(archive, recorded_until_ms=extreme)) == 1000 - expected
    assert archive.count(Query(until_ms=extreme)) == 1000 - expected


def test_sender_is_the_header_sender_and_else_the_envelope_sender(tmp_path: Path) -> None:
    envelope: dict[str, Any] = {"from": "env@x.example", "email": {"to": ["r@y.example"]}}
    archive = archive_of(tmp_path, [make_entry(1, **envelope), make_entry(2, sender="head@x.example")])

    assert found(archive, sender="env@x.example") == [1]
    assert found(archive, sender="head@x.example") == [2]
    archive.close()
