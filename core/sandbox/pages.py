"""Reading and rewriting answers of any dialect: lists of entries in JSON, and ranges of a file."""

import re
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

__all__ = ["Entries", "entries_of", "shrunk"]

_NAMES = ("id", "uid", "queue_id")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(slots=True)
class Entries:
    """The list of an answer, wherever the vendor's envelope has it."""

    response: web.Response
    page: Any
    holder: Any
    key: str

    @property
    def entries(self) -> list[Any]:
        found: list[Any] = self.page if self.holder is None else self.holder[self.key]
        return found

    @staticmethod
    def name(entry: Any) -> str:
        """What tells it from others: its id, else all of it."""
        if isinstance(entry, dict):
            node = f"{entry['node_id']}/" if "queue_id" in entry and "node_id" in entry else ""
            for each in _NAMES:
                if each in entry:
                    return f"{node}{entry[each]}"
        return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS).decode()

    def put(self, entries: list[Any]) -> None:
        """Into the answer, in place of those that it had."""
        if self.holder is None:
            self.page = entries
        else:
            self.holder[self.key] = entries
        self.response.body = orjson.dumps(self.page)


def entries_of(response: web.Response) -> Entries | None:
    """The first list of objects, at most two levels deep; None where there is none."""
    page = orjson.loads(response.body if isinstance(response.body, bytes) else b"null")
    if _is_list(page):
        return Entries(response, page, None, "")
    for holder in (page, *(page.values() if isinstance(page, dict) else ())):
        for key, value in holder.items() if isinstance(holder, dict) else ():
            if _is_list(value):
                return Entries(response, page, holder, key)
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def shrunk(response: web.Response) -> web.Response:
    """The same answer from a file that has only half its bytes now (RFC 9110, 14.4 and 15.5.17)."""
    found = _RANGE.fullmatch(response.headers["Content-Range"])
    body = response.body
    if found is None or not isinstance(body, bytes):
        return response
    first, size = int(found[1]), int(found[3]) // 2
    if first >= size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    last = min(int(found[2]), size - 1)
    response.body = body[: last - first + 1]
    response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response
