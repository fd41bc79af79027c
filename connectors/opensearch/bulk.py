"""A bulk request's bytes, and what its answer says about each event.

Bodies are joined as they were stored, never parsed. The library's bulk helpers build the same from
dictionaries at ten times the cost and raise on 409.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.opensearch.names import Names
from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from hub.sdk.ndjson import one_line

__all__ = ["ANSWER_FIELDS", "body_of", "outcomes_of", "shown"]

ANSWER_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason"
"""`filter_path`: some 30 bytes an event instead of 200."""

_DESTINATION = frozenset(
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_create_block_exception",
        "index_not_found_exception",
        "invalid_index_name_exception",
        "security_exception",
        "validation_exception",
    }
)
"""Types that speak of the cluster, whatever their status: read-only, full, closed, forbidden, no shards."""
_DESTINATION_SAYS = ("pipeline with id", "Number of documents in the", "no write index is defined")
"""Sentences of `illegal_argument_exception` that do so too."""
_ADVICE = {
    "cluster_block_exception": "make room or lift the block (index.blocks.*)",
    "index_closed_exception": "open the index",
    "index_create_block_exception": "make room on the cluster's disks",
    "index_not_found_exception": "let indices be created on first use (action.auto_create_index)",
    "security_exception": "give the user create_index, write and manage rights on the indices",
    "validation_exception": "raise cluster.max_shards_per_node, or choose period: year and fewer shards",
}
_DONE = Delivered()
_CREATED = 201
_CONFLICT = 409
_CONTENT_REFUSED = frozenset({400, 413})
_NOT_ALLOWED = frozenset({401, 403, 404})
_REASON_CHARS = 300


def body_of(entries: Sequence[Entry], names: Names) -> bytes:
    """NDJSON of `create` actions: an id that is there already is answered with 409 and stored once."""
    index = names.index
    parts: list[bytes] = []
    for entry in entries:
        action = f'{{"create":{{"_index":"{index(entry.header)}","_id":"{entry.uid.hex()}"}}}}\n'
        parts += (action.encode(), one_line(entry.body), b"\n")
    return b"".join(parts)


def outcomes_of(answer: Any, count: int) -> list[Outcome]:
    """One outcome an event, in order. Raises `ValueError` when it answers no bulk of `count` events."""
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or len(items) != count:
        raise ValueError("the answer is not that of a bulk request")
    return [_DONE if _is_stored(item) else _outcome(item) for item in items]


def _is_stored(item: Any) -> bool:
    try:
        return bool(item["create"]["status"] == _CREATED)
    except (TypeError, KeyError):
        raise ValueError("the answer holds an item without a status") from None


def _outcome(item: Mapping[str, Any]) -> Outcome:
    match item["create"]:
        case {"status": int(status), **rest}:
            error = rest.get("error")
        case _:
            raise ValueError("the answer holds an item whose status is no number")
    kind, says = (str(error.get("type")), error.get("reason")) if isinstance(error, dict) else ("", error)
    if kind == "version_conflict_engine_exception" and status == _CONFLICT:
        return _DONE
    reason = shown(f"{status} {kind or 'error'}: {says or ''}")
    if kind in _DESTINATION or status in _NOT_ALLOWED or _speaks_of_the_cluster(kind, says):
        advice = _ADVICE.get(kind)
        return Blocked(f"{reason}; {advice}" if advice else reason)
    return Rejected(reason) if status in _CONTENT_REFUSED else Retry(reason)


def _speaks_of_the_cluster(kind: str, says: object) -> bool:
    return kind == "illegal_argument_exception" and any(each in str(says) for each in _DESTINATION_SAYS)


def shown(text: str) -> str:
    """One line of visible characters: a server's words may quote what an attacker wrote in a mail."""
    line = " ".join(text[: 2 * _REASON_CHARS].split())
    return "".join(char if char.isprintable() else "?" for char in line)[:_REASON_CHARS].rstrip(" :")
