"""What a fresh sandbox owns, and the outside world it needs: a licence server, people who renew things."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.dialects.mailguard.access import BURST, Scope, allows_keys, grant_of
from core.engine.verdict import Thresholds
from core.service.detectors import Limits
from core.store import domains, estate, meta
from core.store.clock import DAY_MS, Clock
from core.store.database import Database
from core.store.tenancy import OPERATOR
from hub.access.audit import SYSTEM
from hub.access.keyring import KeyRefused, Keyring
from hub.access.secret_text import STYLES

__all__ = ["ADMIN", "Pace", "install", "key_text", "licence_server", "renew"]

ADMIN = Actor(type="user", id="admin", ip="10.0.0.5")
_ISSUER = "CN=Sandbox Issuing CA"
_PER_MINUTE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When things happen in the demo, in seconds after the first start or as intervals."""

    tick_s: float = 1.0
    operator_every_s: float = 4.0
    partner_joins_s: float = 12.0
    partner_stays_s: float = 45.0
    partner_away_s: float = 30.0
    partner_later_stays_s: float = 600.0
    dkim_due_s: Sequence[float] = (25.0, 900.0, 4500.0)
    certificate_due_s: Sequence[float] = (35.0, 1800.0)
    licence_due_s: float = 45.0
    licence_interval_s: float = 1200.0
    renewed_after_ticks: int = 20
    heartbeat_timeout_s: float = 5.0

    @property
    def limits(self) -> Limits:
        return Limits(
            heartbeat_timeout_ms=round(self.heartbeat_timeout_s * 1000),
            licence_interval_ms=round(self.licence_interval_s * 1000),
        )


async def install(tx: AsyncConnection, names: Sequence[str], pace: Pace, now_ms: int) -> None:
    """Set a fresh store up; one that was set up before stays as it is."""
    if await meta.get(tx, "installed") is not None:
        return
    await meta.put(tx, "installed", str(now_ms))
    limits = pace.limits
    for index, name in enumerate(names):
        thresholds = Thresholds(quarantine=8.0 - index * 0.5)
        await domains.add(tx, name, backends=[f"10.0.{index}.25:25"], thresholds=thresholds, now_ms=now_ms)
        due_s = pace.dkim_due_s[index % len(pace.dkim_due_s)]
        created_ms = now_ms + round(due_s * 1000) - limits.dkim_lifetime_ms + limits.dkim_warning_ms
        await estate.add_dkim_key(tx, estate.DkimKey(domain=name, selector="nmg1", created_ms=created_ms))
    for index, due_s in enumerate(pace.certificate_due_s):
        not_after_ms = now_ms + round(due_s * 1000) + limits.certificate_warning_ms
        await _add_certificate(tx, f"CN=mx{index + 1}.{names[0]}", not_after_ms)
    trial = estate.Licence(
        tier="trial",
        max_domains=5,
        valid_until_ms=now_ms + 30 * DAY_MS,
        refreshed_ms=now_ms,
        refresh_due_ms=now_ms + round(pace.licence_due_s * 1000),
    )
    await estate.put_licence(tx, trial)


def licence_server(old: estate.Licence) -> estate.Licence:
    """A trial becomes a standard licence; that one is prolonged by a month."""
    if old.tier == "trial":
        return replace(old, tier="standard", max_domains=50, valid_until_ms=old.refresh_due_ms + 365 * DAY_MS)
    return replace(old, valid_until_ms=old.valid_until_ms + 30 * DAY_MS)


async def renew(tx: AsyncConnection, chain: Chain, pace: Pace, now_ms: int) -> None:
    """The administrator rotates announced DKIM keys and replaces announced certificates, a while later."""
    patience_ms = round(pace.renewed_after_ticks * pace.tick_s * 1000)
    limits = pace.limits
    for key in await estate.dkim_keys(tx):
        announced_ms = key.created_ms + limits.dkim_lifetime_ms - limits.dkim_warning_ms
        if key.warned and now_ms - announced_ms > patience_ms:
            await _rotate(tx, chain, key, now_ms)
    for certificate in await estate.certificates(tx):
        announced_ms = certificate.not_after_ms - limits.certificate_warning_ms
        if certificate.warned and now_ms - announced_ms > patience_ms:
            await _replace(tx, chain, certificate, now_ms)


async def _rotate(tx: AsyncConnection, chain: Chain, key: estate.DkimKey, now_ms: int) -> None:
    await estate.remove_dkim_key(tx, key)
    selector = f"nmg{await meta.count_up(tx, 'dkim_selector') + 1}"
    await estate.add_dkim_key(tx, estate.DkimKey(domain=key.domain, selector=selector, created_ms=now_ms))
    change = Change(
        actor=ADMIN,
        action="dkim.rotate",
        resource=Resource(type="dkim", id=f"{key.domain}/{selector}", domain=key.domain),
        details={"previous_selector": key.selector},
    )
    await chain.append(tx, OPERATOR, change)


async def _replace(tx: AsyncConnection, chain: Chain, old: estate.Certificate, now_ms: int) -> None:
    await estate.remove_certificate(tx, old.serial)
    serial = await _add_certificate(tx, old.subject, now_ms + 90 * DAY_MS)
    change = Change(
        actor=ADMIN,
        action="cert.renew",
        resource=Resource(type="certificate", id=serial),
        details={"subject": old.subject, "previous_serial": old.serial},
    )
    await chain.append(tx, OPERATOR, change)


async def _add_certificate(tx: AsyncConnection, subject: str, not_after_ms: int) -> str:
    serial = secrets.token_hex(8)
    await estate.add_certificate(
        tx, estate.Certificate(serial=serial, subject=subject, issuer=_ISSUER, not_after_ms=not_after_ms)
    )
    return serial


async def key_text(database: Database, clock: Clock, path: Path, scope: Scope) -> str:
    """The key in a file (mode 0600) while it is live, else a new one, written there.

    The store itself keeps no key's text, and its log says nothing of keys that nobody asked for.
    """
    keyring, kept = Keyring(database, clock_ms=clock), _read(path)
    if kept:
        with suppress(KeyRefused):
            await keyring.authenticate(kept)
            return kept
    _, text = await keyring.make(
        SYSTEM,
        tenant=OPERATOR,
        grants=[grant_of(scope, None)],
        description=path.name,
        allow_key_admin=allows_keys(scope),
        limits={"per_minute": _PER_MINUTE, "burst": BURST},
        style=STYLES["mailguard"],
    )
    _write(path, text)
    return text


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="ascii")
