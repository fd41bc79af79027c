"""What a tenant's administrators set for the whole tenant."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.detectors.mailbox_usage import ALERT_PERCENT
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import settings as stored
from hub.web.errors import ValidationFailed

__all__ = ["RANGES", "Settings", "change", "get", "of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds where nothing was set stands here."""

    login_link_minutes: int = 15
    """So long a login link can be followed."""
    login_session_minutes: int = 480
    """So long a session that a link opened lasts at most."""
    password_reset: bool = True
    """Whether people may reset passwords of mailboxes themselves; each domain's portal besides."""
    password_reset_minutes: int = 60
    """So long the token of a reset mail can be used."""
    mailbox_quota_percent: int = ALERT_PERCENT
    """Of its storage, from which a mailbox raises an alarm."""
    mailbox_send_percent: int = ALERT_PERCENT
    """Of the messages that it may send in a day."""


RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "login_link_minutes": (1, 1_440),
    "login_session_minutes": (5, 720),
    "password_reset_minutes": (5, 1_440),
    "mailbox_quota_percent": (50, 99),
    "mailbox_send_percent": (50, 99),
}
"""Least and most of the figures."""
_NAMES: Final = tuple(field.name for field in fields(Settings))


async def of(tx: AsyncConnection, tenant: str) -> Settings:
    """A tenant's settings; a value that is no longer allowed counts as not set."""
    known = await stored.every(tx, tenant, _NAMES)
    return replace(
        Settings(), **{name: value for name, value in known.items() if not _objection(name, value)}
    )


async def get(tx: AsyncConnection, by: By) -> Settings:
    return await of(tx, by.tenant)


async def change(core: Core, tx: AsyncConnection, by: By, values: Mapping[str, Any]) -> Settings:
    """What is given; `None` sets a value back. Raises `ValidationFailed`."""
    before = await of(tx, by.tenant)
    for name, value in values.items():
        if value is None and name in _NAMES:
            await stored.drop(tx, by.tenant, name)
            continue
        if said := _objection(name, value):
            raise ValidationFailed.of(name, said)
        await stored.put(tx, by.tenant, name, value, core.clock())
    after = await of(tx, by.tenant)
    old, new = asdict(before), asdict(after)
    differing = [name for name in _NAMES if old[name] != new[name]]
    if differing:
        deed = Deed(
            action="settings.changed",
            resource=Resource(type="settings", id=""),
            before={name: old[name] for name in differing},
            after={name: new[name] for name in differing},
        )
        await record(core, tx, by, deed)
    return after


def _objection(name: str, value: Any) -> str:
    if name not in _NAMES:
        return "there is no such setting"
    if name not in RANGES:
        return "" if isinstance(value, bool) else "must be true or false"
    least, most = RANGES[name]
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return ""
    return f"must be a whole number from {least} to {most}"
