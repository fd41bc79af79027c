"""Counting in bounded memory."""

from collections import Counter
from pathlib import Path

import pytest

from hub.archive.query import Query
from hub.archive.sqlite import counts
from tests.factories.archives import archive_of, entries


def test_frequent_values_are_exact_where_the_rarest_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = entries(400, sender="often@x.example")
    stored[200:] = entries(200, first=201)
    archive = archive_of(tmp_path, stored)
    monkeypatch.setattr(counts, "MAX_VALUES", 50)
    monkeypatch.setattr(counts, "_CHUNK", 40)

    found = archive.facets(Query(), "sender", 1000)

    assert found[0] == ("often@x.example", 200)
    assert len(found) <= 50
    archive.close()


@pytest.mark.parametrize(
    "values", [{}, {"a": 1}, dict.fromkeys(range(1000), 1), dict.fromkeys(range(1000), 9)]
)
def test_pruning_always_ends_below_the_limit(
    values: dict[object, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_VALUES", 10)
    groups = Counter(values)

    counts._prune(groups)

    assert len(groups) <= 10
