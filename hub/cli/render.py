"""Results on a terminal: tables for people, JSON for scripts; foreign text is made harmless first."""

import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO, cast

import orjson

__all__ = ["clock", "print_json", "print_line", "print_table", "safe", "terminal"]

_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that could move the cursor, hide text or turn its direction."""


def safe(value: Any) -> str:
    r"""Text that a terminal only shows: control and format characters become `\xNN` or `\uNNNN`."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _ESCAPED:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def terminal() -> bool:
    """Whether a person is watching."""
    return sys.stdout.isatty()


def print_json(data: Any) -> None:
    """One document on one line."""
    print_line(orjson.dumps(data))


def print_line(line: bytes) -> None:
    """JSON bytes as they are, visible at once."""
    out = cast("BinaryIO", sys.stdout.buffer)
    out.write(line if line.endswith(b"\n") else line + b"\n")
    out.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns, numbers to the right. Without a terminal nothing is cut."""
    cells = [["" if value is None else safe(value) for value in row] for row in rows]
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    numeric = [bool(cells) and all(_number(row[at]) for row in cells) for at in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if terminal() else 4000, highlight=False, soft_wrap=not terminal()).print(table)


def _number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdecimal()


def clock(ms: int | None) -> str:
    """A time in the viewer's zone, to the second."""
    if ms is None:
        return "-"
    try:
        return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
