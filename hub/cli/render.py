"""Results on a terminal: tables for people, JSON for scripts; foreign text is made harmless first."""

import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO, cast

import orjson

__all__ = ["clock", "print_json", "print_line", "print_table", "safe", "terminal"]

_WHOLE = {"id", "event_id", "connector", "source"}
"""Columns that a narrow terminal must not cut: they are what the next command is given."""
_NARROWEST = 6
_GAP = 2
_ENDLESS = 1_000_000


def safe(value: Any) -> str:
    r"""Text that a terminal only shows: control and format characters become `\xNN` or `\uNNNN`."""
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char.isprintable():
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

    console = Console(width=None if terminal() else _ENDLESS, highlight=False, soft_wrap=not terminal())
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    numeric = [bool(cells) and all(_number(row[at]) for row in cells) for at in range(len(columns))]
    for name, right, width in zip(columns, numeric, _widths(columns, cells, console.width), strict=True):
        table.add_column(
            name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis", width=width
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Terminal cells of each column: the widest that may be cut gives way first."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, (name, *(row[at] for row in cells)))) for at, name in enumerate(columns)]
    room -= _GAP * (len(columns) - 1)
    cut = [at for at, name in enumerate(columns) if name not in _WHOLE and widths[at] > _NARROWEST]
    while cut and sum(widths) > room:
        widest = max(cut, key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


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
