"""The made people: an operator who works through the quarantine, end users, logins right and wrong."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from core.audit.entry import Change, Resource
from core.service import quarantine as service
from core.service import quarantine_batch
from core.service.by import By
from core.service.core import Core
from core.store import quarantine
from core.store.tenancy import OPERATOR
from hub.access.principal import Grant, Principal
from hub.web.errors import ApiError

__all__ = ["act"]


def _user(name: str, ip: str = "") -> By:
    grants = (Grant.of(["full-admin"]),)
    return By(principal=Principal(kind="session", id=name, name=name, tenant=OPERATOR, grants=grants), ip=ip)


_OPERATORS = (_user("admin", "10.0.0.5"), _user("m.keller", "10.0.0.7"))
_CROWDED = 300
"""With more than this many held, the operator clears the oldest in bulk."""
_BULK = 25

_Deed = Callable[[Core, random.Random], Awaitable[None]]


async def act(core: Core, rng: random.Random) -> None:
    """One thing that somebody does now."""
    async with core.database.read() as tx:
        held = await quarantine.count(tx)
    if held > _CROWDED:
        await _clear(core, rng, held)
        return
    deed = rng.choices((_release, _discard, _train, _login), (4, 4, 2, 3))[0]
    with suppress(ApiError):  # settled by somebody else meanwhile, or on a node that just left
        await deed(core, rng)


async def _pick(core: Core, rng: random.Random) -> quarantine.Held | None:
    async with core.database.read() as tx:
        recent = await quarantine.page(tx, quarantine.Filter(), limit=20, offset=0)
    return rng.choice(recent) if recent else None


async def _release(core: Core, rng: random.Random) -> None:
    """By the operator, or by the recipient from the digest."""
    held = await _pick(core, rng)
    if held is not None:
        own = rng.random() < 0.3  # noqa: PLR2004 -- a share
        await service.release(core, _user(held.recipients[0]) if own else rng.choice(_OPERATORS), held.id)


async def _discard(core: Core, rng: random.Random) -> None:
    held = await _pick(core, rng)
    if held is not None:
        await service.discard(core, rng.choice(_OPERATORS), held.id)


async def _train(core: Core, rng: random.Random) -> None:
    held = await _pick(core, rng)
    if held is not None:
        await service.retrain(core, rng.choice(_OPERATORS), held.id, "spam")


async def _login(core: Core, rng: random.Random) -> None:
    actor = rng.choice(_OPERATORS).actor
    failed = rng.random() < 0.2  # noqa: PLR2004 -- a share
    change = Change(
        actor=actor,
        action="auth.login_failed" if failed else "auth.login",
        resource=Resource(type="user", id=actor.id),
        result="failure" if failed else "success",
        details={"method": "password+totp"},
    )
    async with core.database.begin() as tx:
        await core.chain.append(tx, OPERATOR, change)


async def _clear(core: Core, rng: random.Random, held: int) -> None:
    async with core.database.read() as tx:
        oldest = await quarantine.page(tx, quarantine.Filter(), limit=_BULK, offset=max(held - _BULK, 0))
    ids = [item.id for item in oldest]
    await quarantine_batch.do(
        core, rng.choice(_OPERATORS), quarantine_batch.Wanted(action="discard", ids=ids)
    )
