"""The request's bytes, and what each item of an answer means."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.opensearch import OpenSearchOptions
from connectors.opensearch.bulk import body_of, outcomes_of, shown
from connectors.opensearch.names import Names
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from tests.factories.events import make_entry
from tests.factories.opensearch import item

NAMES = Names(OpenSearchOptions(url="https://search.example"))


def test_bodies_are_joined_as_they_were_stored():
    batch = [make_entry(n) for n in range(3)]

    lines = body_of(batch, NAMES).split(b"\n")

    assert lines[1:-1:2] == [entry.body for entry in batch]
    assert [msgspec.json.decode(line) for line in lines[:-1:2]] == [
        {"create": {"_index": NAMES.index(entry.header), "_id": uid_text(entry.uid)}} for entry in batch
    ]
    assert lines[-1] == b""


def test_a_body_with_line_ends_stays_one_document():
    lines = body_of([make_entry(1, body=b'{\n "a": 1\r\n}\n')], NAMES).split(b"\n")

    assert len(lines) == 3
    assert msgspec.json.decode(lines[1]) == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (item(201), Delivered),
        (item(409, "version_conflict_engine_exception"), Delivered),
        (item(409, "something_else"), Retry),
        (item(429, "rejected_execution_exception"), Retry),
        (item(429, "circuit_breaking_exception"), Retry),
        (item(500, "translog_exception"), Retry),
        (item(502, "bad_gateway"), Retry),
        (item(503, "unavailable_shards_exception"), Retry),
        (item(504, "process_cluster_event_timeout_exception"), Retry),
        (item(429, "cluster_block_exception"), Blocked),
        (item(403, "cluster_block_exception"), Blocked),
        (item(403, "index_create_block_exception"), Blocked),
        (item(403, "security_exception"), Blocked),
        (item(401, "whatever"), Blocked),
        (item(404, "index_not_found_exception"), Blocked),
        (item(400, "index_closed_exception"), Blocked),
        (item(400, "validation_exception"), Blocked),
        (item(400, "illegal_argument_exception", "pipeline with id [x] does not exist"), Blocked),
        (item(400, "illegal_argument_exception"), Rejected),
        (item(400, "mapper_parsing_exception"), Rejected),
        (item(400, "strict_dynamic_mapping_exception"), Rejected),
        (item(413, "too_large"), Rejected),
    ],
)
def test_each_item_has_its_outcome(answer, expected):
    (outcome,) = outcomes_of({"items": [answer]}, 1)

    assert type(outcome) is expected


def test_the_reason_names_status_type_and_the_server_s_words():
    (outcome,) = outcomes_of({"items": [item(400, "mapper_parsing_exception", "field [a]")]}, 1)

    assert outcome == Rejected("400 mapper_parsing_exception: field [a]")


def test_a_block_says_what_to_do():
    (outcome,) = outcomes_of({"items": [item(404, "index_not_found_exception", "no such index [x]")]}, 1)

    assert outcome.reason.endswith("let indices be created on first use (action.auto_create_index)")


@pytest.mark.parametrize(
    "answer",
    [
        None, [], "", {}, {"items": None}, {"items": {}}, {"items": []}, {"items": [item(201)] * 2},
        {"items": [{}]}, {"items": [None]}, {"items": ["create"]}, {"items": [{"index": {"status": 201}}]},
        {"items": [{"create": {}}]}, {"items": [{"create": {"status": "201"}}]},
        {"items": [{"create": {"status": []}}]}, {"items": [{"create": "status"}]},
    ],
)  # fmt: skip
def test_what_is_no_bulk_answer_is_said_to_be_none(answer):
    with pytest.raises(ValueError, match="answer"):
        outcomes_of(answer, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["create", "status", "error", "type"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_item_gives_an_outcome_or_a_clear_error(answer):
    try:
        (outcome,) = outcomes_of({"items": [answer]}, 1)
    except ValueError:
        return

    assert isinstance(outcome, Delivered | Retry | Rejected | Blocked)


@given(st.text())
def test_a_server_s_words_become_one_visible_line(text):
    line = shown(text)

    assert line.isprintable()
    assert len(line) <= 300
