"""Mailboxes made from the rows of a table, three at a time."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from core.service.by import By
from core.service.core import Core
from core.service.mailbox_csv import Row
from core.service.mailbox_preview import Checked, preview
from core.service.mailboxes import New, create
from core.upstream.errors import Conflict, NotThere, ProviderError, RateLimited, Refused
from hub.web.errors import ApiError

__all__ = ["Imported", "Made", "import_rows"]

_AT_ONCE: Final = 3
_GENERATED_BYTES: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of a row. `password` is one that was made for it, shown this once."""

    line: int | None
    domain: str
    username: str
    status: Literal["created", "skipped", "failed"]
    error: str = ""
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    rows: tuple[Made, ...]

    @property
    def summary(self) -> dict[str, int]:
        found = Counter(each.status for each in self.rows)
        return {"total": len(self.rows)} | {name: found[name] for name in ("created", "skipped", "failed")}


async def import_rows(
    core: Core,
    by: By,
    rows: Sequence[Row],
    *,
    default_domain: str = "",
    generate_passwords: bool = False,
) -> Imported:
    """Make the mailboxes of all valid rows; the trouble of one does not touch the others.

    Mailboxes that are there already are skipped, so that the same table can be sent again. Once the host asks
    to wait, or cannot be reached, the rows that are left are not tried.
    """
    checked = await preview(core, by, rows, default_domain=default_domain)
    work = _Work(core, by, generate_passwords=generate_passwords)
    return Imported(rows=tuple(await asyncio.gather(*map(work.one, checked.rows))))


class _Work:
    def __init__(self, core: Core, by: By, *, generate_passwords: bool) -> None:
        self._core, self._by = core, by
        self._generates = generate_passwords
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._stopped = ""

    async def one(self, row: Checked) -> Made:
        made = Made(line=row.line, domain=row.domain, username=row.username, status="skipped")
        if row.new is None or row.errors:
            status: Literal["skipped", "failed"] = "skipped" if row.already_exists else "failed"
            return replace(made, status=status, error="; ".join(row.errors))
        if row.needs_password and not self._generates:
            return replace(made, status="failed", error="password: give one, or let one be made")
        password = None if row.new.password else _password()
        async with self._gate:
            if self._stopped:
                return replace(made, status="failed", error=f"not tried: {self._stopped}")
            return await self._make(made, replace(row.new, password=password or row.new.password), password)

    async def _make(self, made: Made, new: New, generated: str | None) -> Made:
        try:
            await create(self._core, self._by, made.domain, new)
        except Conflict as error:
            return replace(made, status="skipped", error=str(error))
        except ApiError as error:
            return replace(made, status="failed", error=error.message)
        except ProviderError as error:
            if not isinstance(error, Refused | NotThere):
                self._stopped = str(error)
            wait = " (wait, then send the table again)" if isinstance(error, RateLimited) else ""
            return replace(made, status="failed", error=f"{error}{wait}")
        return replace(made, status="created", password=generated)


def _password() -> str:
    """Random, with a capital, a small letter and a digit as hosts ask for."""
    return f"{secrets.token_urlsafe(_GENERATED_BYTES)}aA7"
