"""Certificates that come to their end: told at 30, 14, 7 and 1 days and at the end, and closed when renewed.

What is watched are certificates, wherever they were seen; a source that cannot be read changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import Event, tell
from core.detectors.states import State
from core.store import estate
from core.store.clock import DAY_MS, iso_seconds
from core.store.tables import certificates as table
from core.store.tenancy import OPERATOR

__all__ = ["WARN_MS", "Look", "Seen", "detect"]

WARN_MS: Final = tuple(days * DAY_MS for days in (30, 14, 7, 1, 0))
_DETECTOR: Final = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A certificate and where: a file, or an address. `serial` is hexadecimal, names are RFC 4514."""

    source: str
    serial: str
    subject: str
    issuer: str
    sha256: str
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that the sources show now; `failed` are those (file, folder, address) that could not be read."""

    seen: tuple[Seen, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    def knows(self, source: str) -> bool:
        """Whether this look says what the source holds."""
        return not any(source == each or source.startswith(f"{each}/") for each in self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A row with what was told of it: the narrowest threshold that was passed, if any."""

    serial: str
    subject: str
    issuer: str
    sha256: str
    not_after_ms: int
    told_ms: int | None
    sources: frozenset[str]


async def detect(
    tx: AsyncConnection,
    now_ms: int,
    *,
    chain: Chain,
    look: Look | None = None,
    warn_ms: Sequence[int] = WARN_MS,
) -> list[Event]:
    """`cert.expiring` at each threshold, `cert.resolved` when one that was told is renewed or removed.

    Without a look the certificates stay those that are known.
    """
    events = [] if look is None else await _sync(tx, await _known(tx), look, now_ms)
    for known in await _known(tx):
        left_ms = known.not_after_ms - now_ms
        level = min((each for each in warn_ms if left_ms <= each), default=None)
        if level is not None and (known.told_ms is None or level < known.told_ms):
            await _mark(tx, known, level, now_ms)
            events.append(_expiring(known, level, left_ms))
    return await tell(tx, chain, now_ms, events)


async def _known(tx: AsyncConnection) -> list[_Known]:
    told = await states.every(tx, _DETECTOR)
    rows = (await tx.execute(select(table).order_by(table.c.not_after_ms, table.c.serial))).all()
    serials = {row.serial for row in rows}
    await states.drop(tx, _DETECTOR, [key for key in told if key[1] not in serials])
    found = []
    for row in rows:
        state = told.get((OPERATOR, row.serial))
        level = int(state.state) if state and state.state else None
        found.append(
            _Known(
                serial=row.serial,
                subject=row.subject,
                issuer=row.issuer,
                sha256=row.sha256,
                not_after_ms=row.not_after_ms,
                told_ms=level,
                sources=frozenset(state.details.get("sources", ())) if state else frozenset(),
            )
        )
    return found


async def _sync(tx: AsyncConnection, known: Iterable[_Known], look: Look, now_ms: int) -> list[Event]:
    """Make the rows those that are seen."""
    places: dict[str, set[str]] = {}
    for each in look.seen:
        places.setdefault(each.sha256, set()).add(each.source)
    events = []
    rows = {each.serial: each for each in known}
    for row in rows.values():
        if not row.sources:
            continue
        kept = {source for source in row.sources if not look.knows(source)} | places.get(row.sha256, set())
        if not kept:
            await estate.remove_certificate(tx, row.serial)
            await states.drop(tx, _DETECTOR, [(OPERATOR, row.serial)])
            if row.told_ms is not None:
                events.append(_resolved(row, look))
        elif kept != row.sources:
            await _note(tx, row.serial, row.told_ms, kept, now_ms)
    have = {row.sha256 for row in rows.values()}
    taken = set(rows)
    for each in {each.sha256: each for each in look.seen if each.sha256 not in have}.values():
        await _add(tx, each, places[each.sha256], taken, now_ms)
    return events


async def _add(tx: AsyncConnection, seen: Seen, sources: set[str], taken: set[str], now_ms: int) -> None:
    """Serials are unique for one issuer only."""
    serial = seen.serial if seen.serial not in taken else f"{seen.serial}.{seen.sha256[:16]}"
    taken.add(serial)
    row = {
        "serial": serial,
        "tenant": OPERATOR,
        "source": min(sources),
        "subject": seen.subject,
        "issuer": seen.issuer,
        "sha256": seen.sha256,
        "not_before_ms": seen.not_before_ms,
        "not_after_ms": seen.not_after_ms,
    }
    await tx.execute(insert(table).values(warned=False, **row))
    await _note(tx, serial, None, sources, now_ms)


async def _mark(tx: AsyncConnection, known: _Known, level: int, now_ms: int) -> None:
    await tx.execute(update(table).where(table.c.serial == known.serial).values(warned=True))
    await _note(tx, known.serial, level, known.sources, now_ms)


async def _note(
    tx: AsyncConnection, serial: str, told_ms: int | None, sources: Iterable[str], now_ms: int
) -> None:
    state = "" if told_ms is None else str(told_ms)
    details = {"sources": sorted(sources)}
    await states.put(tx, _DETECTOR, State(subject=serial, state=state, since_ms=now_ms, details=details))


def _expiring(known: _Known, level: int, left_ms: int) -> Event:
    data = {
        **_named(known),
        "days_left": left_ms // DAY_MS,
        "threshold_days": level // DAY_MS,
        "sources": sorted(known.sources),
    }
    return Event(name="cert.expiring", resource=f"certificate/{known.serial}", data=data)


def _resolved(known: _Known, look: Look) -> Event:
    """Renewed when one of its sources now shows a certificate that lasts longer."""
    followers = [each for each in look.seen if each.source in known.sources]
    best = max(followers, key=lambda each: each.not_after_ms, default=None)
    renewed = best is not None and best.not_after_ms > known.not_after_ms
    data = {
        **_named(known),
        "resolution": "renewed" if renewed else "removed",
        "replaced_by": None if best is None else best.serial,
        "sources": sorted(known.sources),
    }
    return Event(name="cert.resolved", resource=f"certificate/{known.serial}", data=data)


def _named(known: _Known) -> dict[str, object]:
    return {
        "subject": known.subject,
        "issuer": known.issuer,
        "serial": known.serial,
        "not_after": iso_seconds(known.not_after_ms),
    }
