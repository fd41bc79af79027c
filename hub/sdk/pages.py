"""One page of a vendor's list: fetched, checked, unwrapped, cut into its items' exact bytes.

Vendors wrap lists in many ways (`data`, `data.items`, bare) and hide the next cursor in as many places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.sdk.jsontext import decode, elements, members
from hub.sdk.source import Call, PollFailed

__all__ = ["CursorRefused", "Listing", "fetch_page"]

LISTS = ("items", "logs", "entries", "results", "records", "events", "quarantine", "audit", "verdicts")
_HOLDERS = ("meta", "pagination", "page", "paging", "links")
_NEXT = ("next_cursor", "nextCursor", "cursor_next", "next")
_OK = range(200, 300)
_EXPIRED = (400, 404, 410)
MAX_CURSOR = 4096
"""Longest cursor of a vendor that is kept, characters."""


class CursorRefused(Exception):
    """The vendor no longer knows the cursor that it was asked with."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page without its wrapping."""

    items: Sequence[tuple[Mapping[str, Any], bytes]]
    """Each object with its exact bytes; what is no object is `{"value": it}`."""
    following: str | None
    """The cursor of the next page; `None` when the vendor gives none."""
    total: int | None


async def fetch_page(
    call: Call, path: str, params: Mapping[str, str], *, cursor: str | None = None
) -> Listing:
    """Send one GET. `cursor` is the vendor's cursor within `params`, if any.

    Raises `CursorRefused` when a request with a cursor is answered 400, 404 or 410, `PollFailed` for any
    other answer that is no list.
    """
    answer = await call("GET", path, params=dict(params))
    if answer.status in _EXPIRED and cursor is not None:
        raise CursorRefused(f"HTTP {answer.status}{_said(answer.body)}")
    if answer.status in {401, 403}:
        raise PollFailed(f"GET {path}: HTTP {answer.status}{_said(answer.body)}", refused=True)
    if answer.status not in _OK:
        raise PollFailed(f"GET {path}: HTTP {answer.status}{_said(answer.body)}")
    try:
        return _unwrap(answer.body)
    except ValueError as error:
        raise PollFailed(f"GET {path}: {error}") from error


def _said(body: bytes) -> str:
    """The vendor's own words about an error, short."""
    try:
        parsed = decode(body[:65536])
    except ValueError:
        return ""
    if not isinstance(parsed, dict):
        return ""
    error = parsed.get("error")
    words = error.get("message") if isinstance(error, dict) else error or parsed.get("message")
    return f": {words[:200]}" if isinstance(words, str) and words else ""


def _unwrap(body: bytes) -> Listing:
    parsed = decode(body)
    if isinstance(parsed, list):
        return Listing(_items(parsed, body), None, None)
    if not isinstance(parsed, dict):
        raise ValueError(f"the answer is no list: {type(parsed).__name__}")  # noqa: TRY004  # data, no defect
    if parsed.get("success") is False or (parsed.get("error") and not parsed.get("data")):
        raise ValueError(f"the answer is an error{_said(body)}")
    return Listing(_found(parsed, body), _following(parsed), _total(parsed))


def _found(parsed: Mapping[str, Any], body: bytes) -> Sequence[tuple[Mapping[str, Any], bytes]]:
    if "data" in parsed:
        data = parsed["data"]
        if data is None:
            return ()
        if isinstance(data, list):
            return _items(data, members(body)["data"])
        if isinstance(data, dict):
            return _found(
                {k: v for k, v in data.items() if k != "data"} | _inner(data), members(body)["data"]
            )
    for name in LISTS:
        if isinstance(parsed.get(name), list):
            return _items(parsed[name], members(body)[name])
    raise ValueError(f"no list of objects under data or {', '.join(LISTS)}")


def _inner(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data.data`, when that is the list itself."""
    return {"data": data["data"]} if isinstance(data.get("data"), list) else {}


def _items(parsed: Sequence[Any], raw: bytes) -> Sequence[tuple[Mapping[str, Any], bytes]]:
    return [
        (part if isinstance(part, dict) else {"value": part}, exact)
        for part, exact in zip(parsed, elements(raw), strict=True)
    ]


def _places(parsed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = parsed.get("data")
    places = [parsed, *(parsed.get(name) for name in _HOLDERS)]
    meta = parsed.get("meta")
    if isinstance(meta, dict):
        places.append(meta.get("pagination"))
    if isinstance(data, dict):
        places += [data, *(data.get(name) for name in _HOLDERS)]
    return [place for place in places if isinstance(place, dict)]


def _following(parsed: Mapping[str, Any]) -> str | None:
    places = _places(parsed)
    if any(place.get("has_more") is False for place in places):
        return None
    data = parsed.get("data")
    for place in places:
        names = (*_NEXT, "cursor") if place is data else _NEXT
        for name in names:
            value = place.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                text = str(value)
                if len(text) > MAX_CURSOR:
                    raise ValueError(f"the vendor's cursor is longer than {MAX_CURSOR} characters")
                return text
    return None


def _total(parsed: Mapping[str, Any]) -> int | None:
    for place in _places(parsed):
        total = place.get("total")
        if type(total) is int and total >= 0:
            return total
    return None
