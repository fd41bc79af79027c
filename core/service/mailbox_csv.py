"""Mailboxes as a table: read, and written out again.

The columns are those of MXroute Manager's page on bulk mailbox CSV; passwords are never written out.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.csvtext import as_csv, plain_cell
from core.service.by import By
from core.service.core import Core
from core.service.mailboxes import listed
from hub.web.errors import ValidationFailed

__all__ = ["COLUMNS", "MAX_ROWS", "Row", "exported", "parse", "template"]

COLUMNS: Final = ("username", "password", "quota", "limit", "recovery_email", "domain")
MAX_ROWS: Final = 250
_ALSO: Final[Mapping[str, str]] = {
    "user": "username",
    "email": "address",
    "mailbox": "address",
    "pass": "password",
    "recovery": "recovery_email",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it was given; `line` is that of the file, where there is one."""

    username: str = ""
    address: str = ""
    """The whole address, for tables that have that instead of a username."""
    password: str = field(default="", repr=False)
    quota: str | int | None = None
    limit: str | int | None = None
    recovery_email: str = ""
    domain: str = ""
    line: int | None = None


def parse(raw: bytes) -> tuple[Row, ...]:
    """The rows of a CSV text (RFC 4180, UTF-8, with a header). Raises `ValidationFailed` naming the line."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationFailed.of("csv", "write it in UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        names = [_column(each) for each in next(reader, [])]
        _check_head(names)
        for cells in reader:
            if any(each.strip() for each in cells):
                rows.append(_row(names, cells, reader.line_num))
            if len(rows) > MAX_ROWS:
                raise ValidationFailed.of("rows", f"at most {MAX_ROWS} at once")
    except csv.Error as error:
        raise ValidationFailed.of("csv", f"line {reader.line_num} cannot be read: {error}") from error
    return tuple(rows)


def _column(text: str) -> str:
    name = text.strip().lower()
    return _ALSO.get(name, name)


def _check_head(names: Sequence[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValidationFailed.of("csv", f"the column {twice[0][:40]} stands twice")
    unknown = [name for name in names if name not in (*COLUMNS, "address")]
    if unknown or not {"username", "address"} & set(names):
        said = f"the column {unknown[0][:40]!r} is not known" if unknown else "there is no column username"
        raise ValidationFailed.of("csv", f"{said}; the first line is {','.join(COLUMNS)}")


def _row(names: Sequence[str], cells: Sequence[str], line: int) -> Row:
    if len(cells) > len(names):
        raise ValidationFailed.of("csv", f"line {line} has more cells than the first line")
    given = dict(zip(names, cells, strict=False))
    told = {name: plain_cell(text.strip()) for name, text in given.items() if name != "password"}
    return Row(**told, password=given.get("password", ""), line=line)


def template() -> str:
    """A table without rows."""
    return as_csv(COLUMNS, ())


async def exported(core: Core, by: By, domain: str) -> str:
    """The domain's mailboxes with the columns of an import and no passwords."""
    found = await listed(core, by, domain)
    lines = [
        (each.username, "", each.quota_mb, each.send_limit, each.recovery_email, each.domain)
        for each in found
    ]
    return as_csv(COLUMNS, lines)
