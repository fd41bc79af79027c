"""Text cut to a number of bytes, visibly and never inside a character."""

import re
from typing import Final

__all__ = ["CUT", "cut", "plain"]

CUT: Final = "…[cut]"
"""Ends every text that is not whole."""
_controls = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""C0, DEL and C1: what ends lines, rings bells or colours terminals."""


def cut(text: str, most_bytes: int, mark: str = CUT) -> bytes:
    """UTF-8 of at most `most_bytes`; one that is longer ends in `mark`. A lone surrogate becomes `?`."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most_bytes:
        return raw
    end = mark.encode()
    kept = raw[: max(0, most_bytes - len(end))].decode("utf-8", "ignore").encode()
    return (kept + end) if len(kept) + len(end) <= most_bytes else b""


def plain(text: str) -> str:
    """On one line, without control characters."""
    return _controls.sub(" ", text)
