"""The web addresses of a body: from HTML anchors with the text they show, and from plain text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

__all__ = ["Link", "find_links"]

MAX_LINKS = 500
MAX_ANCHOR_CHARS = 300

_URL = re.compile(r"https?://[^\s<>\"')\]]{1,2000}", re.IGNORECASE)
# No pattern below can match from inside its own match: each is linear on any input.
_ANCHOR = re.compile(r"<a\s[^<>]{1,2000}>", re.IGNORECASE)
_HREF = re.compile(r"href\s{0,9}=\s{0,9}[\"']?([^\"'\s<>]+)", re.IGNORECASE)
_CLOSING = re.compile(r"</a\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Link:
    """A web address in the body; `text` is what an HTML anchor shows for it, else empty.

    `userinfo` says that something stands before an `@` in front of the host, which readers take for the host.
    """

    url: str
    host: str
    text: str = ""
    userinfo: bool = False


def find_links(text: str, html: str) -> Iterator[Link]:
    """At most `MAX_LINKS` of them, anchors first."""
    count = 0
    for url, shown in _candidates(text, html):
        link = _link(url, shown)
        if link is None:
            continue
        yield link
        count += 1
        if count >= MAX_LINKS:
            return


def _candidates(text: str, html: str) -> Iterator[tuple[str, str]]:
    for anchor in _ANCHOR.finditer(html):
        href = _HREF.search(anchor[0])
        if href:
            yield unescape(href[1]), _anchor_text(html, anchor.end())
    for match in _URL.finditer(text):
        yield match[0], ""


def _anchor_text(html: str, start: int) -> str:
    closing = _CLOSING.search(html, start, start + MAX_ANCHOR_CHARS)
    shown = html[start : closing.start() if closing else start + MAX_ANCHOR_CHARS]
    return unescape(_TAG.sub("", shown)).strip()


def _link(url: str, shown: str) -> Link | None:
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in {"http", "https"}:
            return None
        return Link(url, (parts.hostname or "").lower(), shown, userinfo="@" in parts.netloc)
    except ValueError:
        return None
