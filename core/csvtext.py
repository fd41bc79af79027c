"""CSV for spreadsheets (RFC 4180): text from mail never becomes a formula on somebody's machine."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

__all__ = ["as_csv", "cell", "csv_lines", "plain_cell"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines end in CRLF; a missing value is an empty cell."""
    return csv_lines([head]) + csv_lines(rows)


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Some lines of a file that is made piece by piece."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: object) -> str:
    """A text that a spreadsheet would run begins with an apostrophe; what is no text is written as JSON."""
    if value is None or value == {}:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    text = value.replace("\x00", "\ufffd")
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def plain_cell(text: str) -> str:
    """A cell as it was before `cell`: without the apostrophe that kept a spreadsheet from running it."""
    return text[1:] if text.startswith("'") and text[1:].lstrip(" ").startswith(_FORMULA) else text
