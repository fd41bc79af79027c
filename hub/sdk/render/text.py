"""What a stranger's mail may put before a person's eyes: one line, no tricks with direction or width, no
address that can be clicked.
"""

import re

__all__ = ["CUT", "clean", "defang"]

CUT = "…"
_LOOKED_AT = 4
"""Characters looked at for each that may stay: what hides in a text is no reason to read a megabyte of it."""
_SCHEME = re.compile(r"(https?|ftp)?://", re.IGNORECASE)
_HOST = re.compile(r"(?<=//)[\w.\-\[\]]+")
_BARE = re.compile(r"(?<![\w@.-])(?:www\.[\w.-]+|(?:[\w-]{1,63}\.)+[A-Za-z]{2,63}(?=/))", re.IGNORECASE)
_HARMLESS = {"http": "hxxp", "https": "hxxps", "ftp": "fxp"}


def clean(text: str, most: int) -> str:
    """One line of printable text, at most `most` characters; what was longer ends in an ellipsis.

    White space and control characters become single spaces; invisible ones (zero width, bidirectional
    controls, tags, lone surrogates, private use, unassigned) are dropped.
    """
    looked_at = text[: most * _LOOKED_AT]
    if not (looked_at.isascii() and looked_at.isprintable()):
        looked_at = "".join(map(_visible, looked_at))
    words = " ".join(looked_at.split())
    if len(words) <= most and len(looked_at) <= most * _LOOKED_AT and len(text) <= most * _LOOKED_AT:
        return words
    return words[: most - 1].rstrip() + CUT


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() or ord(char) < 0xA0 else ""  # noqa: PLR2004 - the end of C1 controls


def defang(text: str) -> str:
    """Web addresses that no client makes a link of: `hxxps://evil[.]example/login`."""
    for pattern, change in ((_SCHEME, _harmless), (_HOST, _apart), (_BARE, _apart)):
        text = pattern.sub(change, text)
    return text


def _harmless(found: re.Match[str]) -> str:
    return f"{_HARMLESS[found[1].lower()]}://" if found[1] else "[:]//"


def _apart(host: re.Match[str]) -> str:
    return host[0].replace(".", "[.]")
