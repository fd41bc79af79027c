"""The results as text: a table on the terminal, one for the documentation, JSON for scripts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.bench.result import Result

__all__ = ["BEGIN", "END", "HEADER", "line_of", "markdown", "put_markdown", "write_json"]

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
HEADER = ("what", "value", "unit", "budget", "yardstick", "ratio", "verdict", "note")
_WIDTHS = (56, 10, 9, 11, 9, 5, 7, 0)
_RIGHT = (1, 3, 4, 5)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 10 else f"{value:.2f}"


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        _number(result.value),
        result.unit,
        str(result.budget or ""),
        _number(result.yardstick) if result.yardstick is not None else "",
        "" if result.ratio is None else f"{result.ratio:.2f}",
        result.verdict,
        result.note,
    )


def line_of(result: Result | None) -> str:
    """One line of the terminal's table; `None` gives the heading."""
    cells = HEADER if result is None else _cells(result)
    padded = (
        cell.rjust(width) if at in _RIGHT else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return " ".join(padded).rstrip()


def markdown(machine: Mapping[str, Any], results: Sequence[Result]) -> str:
    """A table for the documentation, with the machine it was measured on."""
    lines = ["Measured on: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".", ""]
    lines.append("| " + " | ".join(HEADER) + " |")
    lines.append("| " + " | ".join("---:" if at in _RIGHT else "---" for at in range(len(HEADER))) + " |")
    for cells in map(_cells, results):
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"]
    return "\n".join(lines)


def put_markdown(page: Path, text: str) -> None:
    """Replace what stands between the page's markers.

    Raises `ValueError` when the page lacks one of them.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} needs the lines {BEGIN} and {END}, in this order")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def write_json(path: Path, machine: Mapping[str, Any], results: Sequence[Result]) -> None:
    """`{"machine": {...}, "results": [{"name", "value", "unit", "yardstick", "ratio"}]}`; what was skipped
    is left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = [result.as_json() for result in results if result.value is not None]
    path.write_bytes(
        orjson.dumps({"machine": dict(machine), "results": measured}, option=orjson.OPT_INDENT_2) + b"\n"
    )
