"""Facts in a message: three characters of theirs must never act, wherever a template puts them.

A fact's `<`, `>` and `&` travel through the template as private-use characters, which a cleaned text cannot
hold. In the finished message they become entities where Slack reads markup, and themselves where it does not.
So what the template itself writes, such as `<!date^...>`, keeps its meaning, and cutting never splits an
entity. See https://docs.slack.dev/messaging/formatting-message-text, "Escaping text".
"""

import re
from typing import Final

from hub.sdk.render.text import clean, defang

__all__ = ["FACT_CHARS", "as_markup", "as_plain", "cut", "fact", "weight"]

FACT_CHARS: Final = 1_000
"""Most characters of one fact."""
_LESS, _MORE, _AMP = "\ue000", "\ue001", "\ue002"
_INERT = str.maketrans({"<": _LESS, ">": _MORE, "&": _AMP})
_MARKUP = str.maketrans({_LESS: "&lt;", _MORE: "&gt;", _AMP: "&amp;"})
_PLAIN = str.maketrans({_LESS: "<", _MORE: ">", _AMP: "&"})
_EXTRA = {_LESS: 3, _MORE: 3, _AMP: 4}
_BEGUN = re.compile(r"(?:<[^>]*|&[a-z]{0,3})\Z")
"""Markup or an entity of the template's own that a cut left open."""
_ELLIPSIS = "…"
_BMP = "\uffff"


def fact(text: str, most: int = FACT_CHARS) -> str:
    """A stranger's text: one printable line, web addresses defanged, its three characters inert."""
    return defang(clean(text, most)).translate(_INERT)


def as_markup(text: str) -> str:
    """As it is sent in a `mrkdwn` object and in the fallback text."""
    return text.translate(_MARKUP)


def as_plain(text: str) -> str:
    """As it is sent where Slack reads no markup: `plain_text` and `rich_text`."""
    return text.translate(_PLAIN)


def weight(text: str, *, markup: bool) -> int:
    """Its length as sent."""
    return len(text) if text.isascii() else sum(_weight(char, markup=markup) for char in text)


def cut(text: str, most: int, *, markup: bool) -> str:
    """At most `most` as sent, with an ellipsis when something was cut off; empty when there is no room."""
    if weight(text, markup=markup) <= most:
        return text
    room, end = most - 1, 0
    for end, char in enumerate(text):  # noqa: B007 - where it stopped is the answer
        room -= _weight(char, markup=markup)
        if room < 0:
            break
    kept = text[:end]
    if markup:
        kept = _BEGUN.sub("", kept)
    return kept.rstrip() + _ELLIPSIS if most > 0 else ""


def _weight(char: str, *, markup: bool) -> int:
    if char > _BMP:
        return 2
    return 1 + (_EXTRA.get(char, 0) if markup else 0)
