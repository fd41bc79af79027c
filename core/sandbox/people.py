"""The made people: an operator who works through the quarantine, end users, logins right and wrong."""

import random
import sqlite3
from collections.abc import Callable

from core.service import actions
from core.store import audit, quarantine

__all__ = ["act"]

_OPERATORS = (
    audit.Actor(type="user", name="admin", ip="10.0.0.5"),
    audit.Actor(type="user", name="m.keller", ip="10.0.0.7"),
)
_CROWDED = 300
"""With more than this many held, the operator clears the oldest in bulk."""
_BULK = 25

_Deed = Callable[[sqlite3.Connection, random.Random, str, int], None]


def act(db: sqlite3.Connection, rng: random.Random, node_id: str, now_ms: int) -> None:
    """One thing that somebody does now."""
    held = quarantine.count(db)
    if held > _CROWDED:
        _clear(db, rng, held, now_ms)
        return
    deed = rng.choices((_release, _discard, _train, _login), (4, 4, 2, 3))[0]
    deed(db, rng, node_id, now_ms)


def _pick(db: sqlite3.Connection, rng: random.Random) -> quarantine.Held | None:
    recent = quarantine.page(db, quarantine.Filter(), limit=20, offset=0)
    return rng.choice(recent) if recent else None


def _release(db: sqlite3.Connection, rng: random.Random, _: str, now_ms: int) -> None:
    """By the operator, or by the recipient from the digest."""
    held = _pick(db, rng)
    if held is not None:
        user = audit.Actor(type="user", name=held.recipients[0])
        actor = user if rng.random() < 0.3 else rng.choice(_OPERATORS)  # noqa: PLR2004 -- a share
        actions.release(db, held.node_id, held.queue_id, actor, now_ms)


def _discard(db: sqlite3.Connection, rng: random.Random, _: str, now_ms: int) -> None:
    held = _pick(db, rng)
    if held is not None:
        actions.discard(db, held.node_id, held.queue_id, rng.choice(_OPERATORS), now_ms)


def _train(db: sqlite3.Connection, rng: random.Random, _: str, now_ms: int) -> None:
    held = _pick(db, rng)
    if held is not None:
        actions.retrain(db, held.node_id, held.queue_id, "spam", rng.choice(_OPERATORS), now_ms)


def _login(db: sqlite3.Connection, rng: random.Random, node_id: str, now_ms: int) -> None:
    actor = rng.choice(_OPERATORS)
    failed = rng.random() < 0.2  # noqa: PLR2004 -- a share
    note = audit.Note(
        actor=actor,
        action="auth.login_failed" if failed else "auth.login",
        resource=f"user/{actor.name}",
        result="failure" if failed else "success",
        details={"method": "password+totp"},
    )
    audit.append(db, node_id, now_ms, note)


def _clear(db: sqlite3.Connection, rng: random.Random, held: int, now_ms: int) -> None:
    oldest = quarantine.page(db, quarantine.Filter(), limit=_BULK, offset=max(held - _BULK, 0))
    actor = rng.choice(_OPERATORS)
    for item in oldest:
        actions.discard(db, item.node_id, item.queue_id, actor, now_ms)
