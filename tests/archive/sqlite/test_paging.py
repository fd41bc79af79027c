"""Pages newest first, and the feed in record order."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.cursor import FeedCursor, PageCursor, decode, encode_feed, encode_page
from tests.factories.archives import archive_of, entries, seqs
from tests.factories.events import NOW_MS, make_entry


def scattered(path: Path) -> SqliteArchive:
    """120 events in six files and two partitions, with equal, late and future times."""
    archive = archive_of(path, [], roll_events=20)
    for first in range(1, 81, 10):
        archive.append(
            0,
            [
                make_entry(n, time_ms=NOW_MS + n * 7919 % 13, recorded_ms=NOW_MS)
                for n in range(first, first + 10)
            ],
        )
    for first in range(1, 41, 10):
        archive.append(
            1,
            [
                make_entry(n, time_ms=NOW_MS + n % 3, recorded_ms=NOW_MS, salt="b")
                for n in range(first, first + 10)
            ],
        )
    return archive


def pages(archive: SqliteArchive, query: Query) -> list[list[tuple[int, int, int]]]:
    found = []
    while True:
        page = archive.search(query)
        found.append([(hit.time_ms, hit.partition, hit.seq) for hit in page.hits])
        if page.cursor is None:
            return found
        query = replace(query, cursor=page.cursor)


@pytest.mark.parametrize("limit", [1, 7, 40, 119, 120, 121])
def test_pages_together_are_the_whole_in_order(tmp_path: Path, limit: int) -> None:
    archive = scattered(tmp_path)

    found = pages(archive, Query(limit=limit))

    whole = [hit for page in found for hit in page]
    assert whole == sorted(whole, reverse=True)
    assert len(set(whole)) == len(whole) == 120
    assert all(len(page) == limit for page in found[:-1])
    archive.close()


def test_new_events_do_not_shift_the_next_page(tmp_path: Path) -> None:
    archive = scattered(tmp_path)
    first = archive.search(Query(limit=30))
    expected = archive.search(Query(limit=30, cursor=first.cursor)).hits

    archive.append(0, [make_entry(n, time_ms=NOW_MS + 10_000 + n) for n in range(81, 121)])

    assert archive.search(Query(limit=30, cursor=first.cursor)).hits == expected
    archive.close()


def test_a_filtered_walk_finds_each_match_once(tmp_path: Path) -> None:
    archive = scattered(tmp_path)
    query = Query(limit=3, q="message", disposition=("Allowed",))

    walked = [hit for page in pages(archive, query) for hit in page]

    assert len(walked) == archive.count(query) > 20
    assert len(set(walked)) == len(walked)
    archive.close()


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", "é", "\udc80", "p" * 5000, "=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
)
def test_a_bad_cursor_is_refused(tmp_path: Path, cursor: str) -> None:
    archive = archive_of(tmp_path, entries(3))

    with pytest.raises(ValueError, match="is damaged: pass the one of the last page"):
        archive.search(Query(cursor=cursor))
    archive.close()


def test_a_cursor_with_one_bit_changed_is_refused() -> None:
    raw = base64.urlsafe_b64decode(encode_page(PageCursor(NOW_MS, 0, 7)) + "==")

    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        with pytest.raises(ValueError, match="damaged"):
            decode(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**32 - 1), st.integers(0, 2**63))
def test_page_cursors_survive_their_text(time_ms: int, partition: int, seq: int) -> None:
    cursor = PageCursor(time_ms, partition, seq)

    assert decode(encode_page(cursor)) == cursor


@given(st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**63), max_size=5))
def test_feed_cursors_survive_their_text(positions: dict[int, int]) -> None:
    assert decode(encode_feed(FeedCursor(positions))) == FeedCursor(positions)


@given(st.text())
def test_no_text_is_taken_for_a_cursor_nor_breaks_it(text: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        decode(text)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(tmp_path: Path, limit: int) -> None:
    archive = archive_of(tmp_path, [])

    with pytest.raises(ValueError, match="choose 1 to 1000"):
        archive.search(Query(limit=limit))
    archive.close()


def test_the_feed_goes_by_record_order_whatever_the_event_times(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=4)
    for n in range(1, 11):
        archive.append(0, [make_entry(n, time_ms=NOW_MS - n * 1000, recorded_ms=NOW_MS)])

    assert seqs(archive.search(Query(after_seq=0)).hits) == list(range(1, 11))
    assert seqs(archive.search(Query(after_seq=7)).hits) == [8, 9, 10]
    assert seqs(archive.search(Query(after_seq=3, limit=2)).hits) == [4, 5]
    assert archive.search(Query(after_seq=10)).hits == []
    archive.close()


@pytest.mark.parametrize("conditions", [{}, {"q": "message"}, {"disposition": ("Allowed", "Tagged")}])
def test_following_the_feed_gives_each_event_of_all_partitions_once(
    tmp_path: Path, conditions: dict[str, object]
) -> None:
    archive = scattered(tmp_path)
    query = Query(limit=7, **conditions)  # type: ignore[arg-type]
    expected = archive.count(query)
    found: list[tuple[int, int]] = []
    page = archive.search(replace(query, after_seq=0))
    while page.hits:
        found += [(hit.partition, hit.seq) for hit in page.hits]
        page = archive.search(replace(query, cursor=page.cursor))

    assert len(found) == len(set(found)) == expected
    for partition in (0, 1):
        mine = [seq for p, seq in found if p == partition]
        assert mine == sorted(mine)
    archive.close()


def test_a_follower_sees_what_comes_after_the_end(tmp_path: Path) -> None:
    archive = scattered(tmp_path)
    end = archive.search(Query(after_seq=0, limit=1000))

    archive.append(0, [make_entry(81)])
    archive.append(1, [make_entry(41, salt="b")])
    archive.append(2, [make_entry(1, salt="c")])
    fresh = archive.search(Query(cursor=end.cursor)).hits

    assert sorted((hit.partition, hit.seq) for hit in fresh) == [(0, 81), (1, 41), (2, 1)]
    archive.close()


def test_cursor_and_after_seq_exclude_each_other(tmp_path: Path) -> None:
    archive = scattered(tmp_path)
    cursor = archive.search(Query(limit=1)).cursor

    with pytest.raises(ValueError, match="exclude each other"):
        archive.search(Query(cursor=cursor, after_seq=1))
    archive.close()


def test_iterate_goes_partition_by_partition_from_after_seq(tmp_path: Path) -> None:
    archive = scattered(tmp_path)

    walked = [(hit.partition, hit.seq) for hit in archive.iterate(Query(after_seq=35, limit=1))]

    assert walked == [(0, seq) for seq in range(36, 81)] + [(1, seq) for seq in range(36, 41)]
    archive.close()
