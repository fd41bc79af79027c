"""A tenant's classifier in the database: a row a bucket, moved by each lesson, read as one state."""

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.classifier import MAX_COUNT, Class, State
from core.engine.message import Mail
from core.engine.tokens import BUCKETS, buckets_of
from core.store import meta
from core.store.tables import classifier_tokens, classifier_totals
from hub.sql import upsert

__all__ = ["Taught", "load", "taught", "teach"]

_SALT = "classifier_salt"
_SALT_BYTES = 16
_tokens = classifier_tokens.c
_totals = classifier_totals.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Lessons of each class. Every lesson changes `version`, also one that is taken back."""

    spam: int = 0
    ham: int = 0
    version: int = 0


async def taught(tx: AsyncConnection, tenant: str) -> Taught:
    """How much the tenant's classifier has learnt: one row, for those who keep a loaded state."""
    row = (await tx.execute(select(classifier_totals).where(_totals.tenant == tenant))).one_or_none()
    return Taught() if row is None else Taught(spam=row.spam, ham=row.ham, version=row.updated_ms)


async def load(tx: AsyncConnection, tenant: str) -> State | None:
    """The state that scans use; `None` where nothing was taught. Up to 131,072 rows: keep it by `taught`."""
    lessons, salt = await taught(tx, tenant), await meta.get(tx, _SALT)
    if salt is None or lessons == Taught():
        return None
    wanted = select(_tokens.token, _tokens.spam, _tokens.ham).where(_tokens.tenant == tenant)
    rows = (await tx.execute(wanted)).all()
    return State(
        max(lessons.spam, 0),
        max(lessons.ham, 0),
        _salt_of(bytes.fromhex(salt), tenant),
        _packed((row[0], row[1]) for row in rows),
        _packed((row[0], row[2]) for row in rows),
    )


async def teach(
    tx: AsyncConnection, tenant: str, mail: Mail, klass: Class, now_ms: int, *, times: int = 1
) -> Taught:
    """Add a lesson (`times=-1` takes back one that was taught), in the transaction that records it.

    Counts are sums, so that lessons of several processes never overwrite each other.
    """
    salt = _salt_of(await meta.secret(tx, _SALT), tenant)
    moved = {"spam": times if klass == "spam" else 0, "ham": times if klass == "ham" else 0}
    rows = [{"tenant": tenant, "token": str(bucket), **moved} for bucket in buckets_of(mail, salt)]
    new = upsert.insert(tx, classifier_tokens)
    more = {name: _tokens[name] + moved[name] for name in moved}
    if rows:
        await tx.execute(new.on_conflict_do_update(index_elements=["tenant", "token"], set_=more), rows)
    return await _counted(tx, tenant, moved, now_ms)


async def _counted(tx: AsyncConnection, tenant: str, moved: dict[str, int], now_ms: int) -> Taught:
    new = upsert.insert(tx, classifier_totals).values(tenant=tenant, updated_ms=now_ms, **moved)
    later = case((_totals.updated_ms >= now_ms, _totals.updated_ms + 1), else_=now_ms)
    more = {**{name: _totals[name] + moved[name] for name in moved}, "updated_ms": later}
    counted = new.on_conflict_do_update(index_elements=["tenant"], set_=more)
    row = (await tx.execute(counted.returning(_totals.spam, _totals.ham, _totals.updated_ms))).one()
    return Taught(spam=row.spam, ham=row.ham, version=row.updated_ms)


def _salt_of(secret: bytes, tenant: str) -> bytes:
    return blake2b(tenant.encode("utf-8", "replace"), digest_size=_SALT_BYTES, key=secret).digest()


def _packed(counts: Iterable[tuple[str, int]]) -> bytes:
    """Numbers of two bytes, little end first, as `core.engine.classifier` keeps them."""
    packed = array("H", bytes(2 * BUCKETS))
    for token, seen in counts:
        packed[int(token)] = min(max(seen, 0), MAX_COUNT)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
