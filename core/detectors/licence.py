"""The licence as it changes: another tier, a refresh, its end, a file that is not to be trusted.

While a file cannot be used, the licence that was accepted last stays in force until its own end.
"""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import Event, tell
from core.detectors.licence_file import BadLicence, LicenceFile
from core.detectors.states import State
from core.store.clock import iso_seconds
from core.store.tables import licences
from hub.sql import upsert

__all__ = ["detect"]

_DETECTOR: Final = "licence"
_CURRENT: Final = "current"


async def detect(
    tx: AsyncConnection,
    now_ms: int,
    *,
    chain: Chain,
    found: LicenceFile | BadLicence | None,
    period_ms: int,
) -> list[Event]:
    """`license.changed`; `found` is what the file holds now (`None`: there is none).

    `change` is `installed`, `tier`, `refresh`, `expired`, `invalid` or `removed`.
    """
    row = (await tx.execute(select(licences).where(licences.c.id == _CURRENT))).mappings().one_or_none()
    before = dict(row) if row is not None else None
    told = await states.get(tx, _DETECTOR, _CURRENT)
    status, reason = _status(found, before, now_ms, told)
    if isinstance(found, LicenceFile):
        await _put(tx, found, now_ms, period_ms)
    change = _change(found, status, before, told)
    if told is None or told.state != status or told.details.get("reason") != reason:
        state = State(subject=_CURRENT, state=status, since_ms=now_ms, details={"reason": reason})
        await states.put(tx, _DETECTOR, state)
    if change is None:
        return []
    data = _data(change, status, reason, found, before)
    event = Event(name="license.changed", resource="license", data=data, action=_action(change))
    return await tell(tx, chain, now_ms, [event])


def _status(
    found: LicenceFile | BadLicence | None, before: dict[str, Any] | None, now_ms: int, told: State | None
) -> tuple[str, str]:
    """`valid`, `expired`, `invalid` or `none`. An end that was told stands, whatever the clock says later."""
    mark, until_ms = "", None
    if isinstance(found, LicenceFile):
        mark, until_ms = found.fingerprint, found.valid_until_ms
    elif before is not None:
        mark, until_ms = before["fingerprint"], before["valid_until_ms"]
    was_told = told is not None and (told.state, told.details.get("reason")) == ("expired", mark)
    if until_ms is not None and (was_told or now_ms >= until_ms):
        return "expired", mark
    if isinstance(found, BadLicence):
        return "invalid", found.reason
    return ("none" if found is None else "valid"), ""


def _change(
    found: LicenceFile | BadLicence | None, status: str, before: dict[str, Any] | None, told: State | None
) -> str | None:
    was = told.state if told is not None else "none"
    if not isinstance(found, LicenceFile):
        changes = {"none": "removed", "invalid": "invalid", "expired": "expired"}
        return changes[status] if was != status else None
    if before is None:
        return "installed"
    if before["fingerprint"] != found.fingerprint:
        return "tier" if before["tier"] != found.tier else "refresh"
    if was == status:
        return None
    return "expired" if status == "expired" else "refresh"


async def _put(tx: AsyncConnection, found: LicenceFile, now_ms: int, period_ms: int) -> None:
    values = {
        "tier": found.tier,
        "holder": found.holder,
        "max_domains": found.max_domains,
        "fingerprint": found.fingerprint,
        "valid_until_ms": found.valid_until_ms,
        "refreshed_ms": now_ms,
        "refresh_due_ms": now_ms + period_ms,
    }
    new = upsert.insert(tx, licences).values(id=_CURRENT, **values)
    await tx.execute(new.on_conflict_do_update(index_elements=["id"], set_=values))


def _data(
    change: str,
    status: str,
    reason: str,
    found: LicenceFile | BadLicence | None,
    before: dict[str, Any] | None,
) -> dict[str, Any]:
    """What is in force, and what was."""
    old = before or {}
    data = {
        "change": change,
        "status": status,
        "tier": old.get("tier"),
        "previous_tier": old.get("tier"),
        "max_domains": old.get("max_domains"),
        "valid_until": iso_seconds(old["valid_until_ms"]) if old else None,
    }
    if isinstance(found, LicenceFile):
        data |= {"tier": found.tier, "max_domains": found.max_domains}
        data |= {"valid_until": iso_seconds(found.valid_until_ms), "holder": found.holder}
    return {**data, "reason": reason} if status == "invalid" else data


def _action(change: str) -> str:
    return "license.refresh" if change in ("installed", "tier", "refresh") else f"license.{change}"
