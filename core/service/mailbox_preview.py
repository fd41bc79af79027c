"""Rows of a table of mailboxes, checked before anything is made."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.service.mailbox_csv import MAX_ROWS, Row
from core.service.mailboxes import QUOTA_MB, SEND_LIMIT, WRITE, New, check_recovery
from core.upstream.errors import NotThere, Refused
from core.upstream.rules import check_domain, check_limits, check_local_part, check_password
from hub.access.domain_names import normal_domain
from hub.web.errors import ValidationFailed

__all__ = ["Checked", "Preview", "preview"]

_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A row as it would be made, and why it would not be.

    One that only lacks its password has no `errors`, has a `new`, and is not valid.
    """

    line: int | None
    domain: str
    username: str
    quota: int | None
    limit: int | None
    recovery_email: str | None
    needs_password: bool
    already_exists: bool = False
    duplicate_in_csv: bool = False
    errors: tuple[str, ...] = ()
    new: New | None = field(default=None, repr=False)

    @property
    def is_valid(self) -> bool:
        return not self.errors and not self.needs_password


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """All rows, in their order."""

    rows: tuple[Checked, ...]

    @property
    def summary(self) -> dict[str, int]:
        rows = self.rows
        valid = sum(each.is_valid for each in rows)
        return {
            "total": len(rows),
            "valid": valid,
            "invalid": len(rows) - valid,
            "needs_password": sum(each.needs_password and not each.errors for each in rows),
            "already_exists": sum(each.already_exists for each in rows),
            "duplicate_in_csv": sum(each.duplicate_in_csv for each in rows),
        }


async def preview(
    core: Core,
    by: By,
    rows: Sequence[Row],
    *,
    default_domain: str = "",
    existing: Mapping[str, Sequence[str]] | None = None,
) -> Preview:
    """Say of each row what would become of it; nothing is made.

    `existing` are mailboxes by domain, as the caller knows them; about other domains the host is asked.
    Raises `ValidationFailed` for more than `MAX_ROWS`, `ProviderError` when the mail host cannot be asked.
    """
    if len(rows) > MAX_ROWS:
        raise ValidationFailed.of("rows", f"at most {MAX_ROWS} at once")
    named = [_named(row, default_domain) for row in rows]
    allowed = await _allowed(core, by, {row.domain for row in named})
    checked = [_checked(row, allowed) for row in named]
    asked = sorted({row.domain for row in checked if not row.errors})
    there = await _existing(core, by, asked, existing or {})
    seen: set[tuple[str, str]] = set()
    return Preview(rows=tuple(_alone(row, seen, there) for row in checked))


def _named(row: Row, default_domain: str) -> Row:
    """With username and domain of their own, from the address if that is what was given."""
    local, _, host = row.address.strip().rpartition("@")
    username = row.username.strip() or local or host
    domain = row.domain.strip() or (host if local and not row.username.strip() else "") or default_domain
    return replace(row, username=username.lower(), domain=normal_domain(domain))


async def _allowed(core: Core, by: By, domains: set[str]) -> frozenset[str]:
    """Those on which the caller may make mailboxes."""
    async with core.database.read() as tx:
        return frozenset(await visible.several(tx, by, WRITE, sorted(domains - {""})))


def _checked(row: Row, allowed: frozenset[str]) -> Checked:
    errors: list[str] = []
    if not row.domain:
        errors.append("domain: name one, in the column or as default_domain")
    elif _tried(errors, check_domain, row.domain) and row.domain not in allowed:
        errors.append(f"domain: there is no {row.domain[:253]} on which you may make mailboxes")
    _tried(errors, check_local_part, row.username)
    if row.password:
        _tried(errors, check_password, row.password)
    quota = _number(errors, "quota", row.quota, QUOTA_MB)
    limit = _number(errors, "limit", row.limit, SEND_LIMIT)
    _tried(errors, check_limits, quota, limit)
    email = row.recovery_email.strip() or None
    if email is not None:
        email = _tried(errors, check_recovery, f"{row.username}@{row.domain}", email) or email
    new = None
    if not errors and quota is not None and limit is not None:
        new = New(
            username=row.username,
            password=row.password,
            quota_mb=quota,
            send_limit=limit,
            recovery_email=email,
        )
    return Checked(
        line=row.line,
        domain=row.domain,
        username=row.username,
        quota=quota,
        limit=limit,
        recovery_email=email,
        needs_password=not row.password,
        errors=tuple(errors),
        new=new,
    )


def _tried(errors: list[str], check: Any, *given: Any) -> Any:
    """What the check gives back (True for nothing); None, and the reason is noted, when it does not hold."""
    try:
        found = check(*given)
    except Refused as error:
        errors.append(str(error))
    except ValidationFailed as error:
        errors.append(error.message)
    else:
        return True if found is None else found
    return None


def _number(errors: list[str], name: str, given: str | int | None, default: int) -> int | None:
    if given is None or given == "":
        return default
    text = str(given).strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:  # noqa: PLR2004 -- what an INTEGER holds
        return int(text)
    errors.append(f"{name}: {text[:40]!r} is no number from 0 on")
    return None


async def _existing(
    core: Core, by: By, domains: Sequence[str], told: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    known = {
        normal_domain(name): frozenset(each.strip().lower() for each in names) for name, names in told.items()
    }
    host, gate = core.upstream(by.tenant), asyncio.Semaphore(_AT_ONCE)

    async def ask(domain: str) -> frozenset[str]:
        async with gate:
            try:
                return frozenset(each.username.lower() for each in await host.mailboxes(domain))
            except NotThere:
                return frozenset()

    asked = [name for name in domains if name not in known]
    return known | dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))


def _alone(row: Checked, seen: set[tuple[str, str]], there: Mapping[str, frozenset[str]]) -> Checked:
    """Whether the name is free: in the table, and at the host."""
    if row.errors:
        return row
    key = (row.domain, row.username)
    if key in seen:
        return replace(row, duplicate_in_csv=True, errors=("this mailbox stands in the table twice",))
    seen.add(key)
    if row.username in there.get(row.domain, ()):
        return replace(row, already_exists=True, errors=("this mailbox is there already",))
    return row
