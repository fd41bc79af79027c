"""What a fresh sandbox owns, and the outside world it needs: a licence server, people who renew things."""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.engine.verdict import Thresholds
from core.service.detectors import Limits
from core.store import audit, domains, estate, keys, meta
from core.store.clock import DAY_MS

__all__ = ["ADMIN", "Pace", "install", "key_text", "licence_server", "renew"]

ADMIN = audit.Actor(type="user", name="admin", ip="10.0.0.5")
_ISSUER = "CN=Sandbox Issuing CA"


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


def install(db: sqlite3.Connection, names: Sequence[str], pace: Pace, now_ms: int) -> None:
    """Set a fresh store up; one that was set up before stays as it is."""
    if meta.get(db, "installed") is not None:
        return
    meta.put(db, "installed", str(now_ms))
    limits = pace.limits
    for index, name in enumerate(names):
        thresholds = Thresholds(quarantine=8.0 - index * 0.5)
        domains.add(db, name, backends=[f"10.0.{index}.25:25"], thresholds=thresholds, now_ms=now_ms)
        due_s = pace.dkim_due_s[index % len(pace.dkim_due_s)]
        created_ms = now_ms + round(due_s * 1000) - limits.dkim_lifetime_ms + limits.dkim_warning_ms
        estate.add_dkim_key(db, estate.DkimKey(domain=name, selector="nmg1", created_ms=created_ms))
    for index, due_s in enumerate(pace.certificate_due_s):
        not_after_ms = now_ms + round(due_s * 1000) + limits.certificate_warning_ms
        _add_certificate(db, f"CN=mx{index + 1}.{names[0]}", not_after_ms)
    trial = estate.Licence(
        tier="trial",
        max_domains=5,
        valid_until_ms=now_ms + 30 * DAY_MS,
        refreshed_ms=now_ms,
        refresh_due_ms=now_ms + round(pace.licence_due_s * 1000),
    )
    estate.put_licence(db, trial)


def licence_server(old: estate.Licence) -> estate.Licence:
    """A trial becomes a standard licence; that one is prolonged by a month."""
    if old.tier == "trial":
        return replace(old, tier="standard", max_domains=50, valid_until_ms=old.refresh_due_ms + 365 * DAY_MS)
    return replace(old, valid_until_ms=old.valid_until_ms + 30 * DAY_MS)


def renew(db: sqlite3.Connection, node_id: str, pace: Pace, now_ms: int) -> None:
    """The administrator rotates announced DKIM keys and replaces announced certificates, a while later."""
    patience_ms = round(pace.renewed_after_ticks * pace.tick_s * 1000)
    limits = pace.limits
    for key in estate.dkim_keys(db):
        announced_ms = key.created_ms + limits.dkim_lifetime_ms - limits.dkim_warning_ms
        if key.warned and now_ms - announced_ms > patience_ms:
            _rotate(db, node_id, key, now_ms)
    for certificate in estate.certificates(db):
        announced_ms = certificate.not_after_ms - limits.certificate_warning_ms
        if certificate.warned and now_ms - announced_ms > patience_ms:
            _replace(db, node_id, certificate, now_ms)


def _rotate(db: sqlite3.Connection, node_id: str, key: estate.DkimKey, now_ms: int) -> None:
    estate.remove_dkim_key(db, key)
    selector = f"nmg{meta.count_up(db, 'dkim_selector') + 1}"
    estate.add_dkim_key(db, estate.DkimKey(domain=key.domain, selector=selector, created_ms=now_ms))
    note = audit.Note(
        actor=ADMIN,
        action="dkim.rotate",
        resource=f"dkim/{key.domain}/{selector}",
        details={"previous_selector": key.selector},
        domain=key.domain,
    )
    audit.append(db, node_id, now_ms, note)


def _replace(db: sqlite3.Connection, node_id: str, old: estate.Certificate, now_ms: int) -> None:
    estate.remove_certificate(db, old.serial)
    serial = _add_certificate(db, old.subject, now_ms + 90 * DAY_MS)
    note = audit.Note(
        actor=ADMIN,
        action="cert.renew",
        resource=f"certificate/{serial}",
        details={"subject": old.subject, "previous_serial": old.serial},
    )
    audit.append(db, node_id, now_ms, note)


def _add_certificate(db: sqlite3.Connection, subject: str, not_after_ms: int) -> str:
    serial = secrets.token_hex(8)
    estate.add_certificate(
        db, estate.Certificate(serial=serial, subject=subject, issuer=_ISSUER, not_after_ms=not_after_ms)
    )
    return serial


def key_text(db: sqlite3.Connection, path: Path, scope: keys.Scope, now_ms: int) -> str:
    """The key in a file (mode 0600) while it is live, else a new one, written there.

    The store itself keeps no key's text.
    """
    kept = path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""
    if kept and keys.live(db, kept, now_ms) is not None:
        return kept
    text = keys.create(db, name=path.name, scope=scope, now_ms=now_ms)[1]
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="ascii")
    return text
