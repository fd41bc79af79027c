"""Whom a tenant's people are told of what is done: Apprise targets, and the audit actions that each wants.

URLs hold secrets: they are kept sealed and never shown whole. The whole set is written at once; a target that
is named by its id and brings no URL keeps the one that it has.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.notify.send import check, shown
from core.outward.notes import FORMS, OWN, trial
from core.outward.watch import MONITORS
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import feed, notifications
from core.store.notifications import Target
from core.store.sight import SIGHT
from hub.sql.ids import new_id
from hub.web.errors import NotFound, ValidationFailed

__all__ = ["MAX_TARGETS", "Target", "Tried", "Wanted", "every", "put", "test"]

MAX_TARGETS: Final = 50
"""Of a tenant."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """A target as it is to be. Without `id` it is new and needs a `url`.

    `form`: in whose words it is told (`core.outward.notes.FORMS`); without it one keeps its own.
    `actions`: audit actions, `mailbox.*`, or `destructive`; `monitors`: names of
    `core.outward.watch.MONITORS`.
    """

    id: str | None = None
    name: str = ""
    url: str | None = None
    form: str | None = None
    actions: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a test message came to."""

    target: Target
    sent: bool
    status: int | None
    error: str


async def every(tx: AsyncConnection, by: By) -> list[Target]:
    """All of the tenant, the oldest first."""
    return await notifications.many(tx, by.tenant)


async def put(core: Core, tx: AsyncConnection, by: By, wanted: Sequence[Wanted]) -> list[Target]:
    """Make these the tenant's targets; others of theirs are removed. Raises `ValidationFailed`."""
    if len(wanted) > MAX_TARGETS:
        raise ValidationFailed.of("targets", f"must be at most {MAX_TARGETS}")
    before = {each.id: each for each in await notifications.many(tx, by.tenant)}
    top = await feed.top(tx)
    after = [_made(core, by, before, one, place, top) for place, one in enumerate(wanted)]
    if len({each.id for each in after}) < len(after):
        raise ValidationFailed.of("targets", "name each id once")
    for gone in before.keys() - {each.id for each in after}:
        await notifications.remove(tx, gone)
    for each in after:
        await _keep(tx, each, before.get(each.id))
    change = {name: [_told(each) for each in some] for name, some in (("b", before.values()), ("a", after))}
    thing = Resource(type="notifications", id="")
    await record(
        core,
        tx,
        by,
        Deed(action="notifications.update", resource=thing, before=change["b"], after=change["a"]),
    )
    return await notifications.many(tx, by.tenant)


async def test(core: Core, by: By, target_id: str | None) -> list[Tried]:
    """Send a message now, to one target or to all that are enabled. Raises `NotFound`."""
    async with core.database.read() as tx:
        found = await notifications.many(tx, by.tenant)
    chosen = [each for each in found if (each.enabled if target_id is None else each.id == target_id)]
    if not chosen:
        raise NotFound("There is no such target." if target_id else "There is no target that is enabled.")
    sending = [core.outward.targets.send(each, trial(each.form, by.shown["name"])) for each in chosen]
    results = await asyncio.gather(*sending)
    tried = [
        Tried(target=each, sent=result.sent, status=result.status, error=result.error)
        for each, result in zip(chosen, results, strict=True)
    ]
    async with core.database.begin() as tx:
        thing = Resource(type="notifications", id=target_id or "")
        details = {"targets": {each.target.id: each.error or "sent" for each in tried}}
        await record(core, tx, by, Deed(action="notifications.test", resource=thing, details=details))
    return tried


def _made(core: Core, by: By, before: dict[str, Target], one: Wanted, place: int, top: int) -> Target:
    field, now_ms = f"targets.{place}", core.clock()
    known = before.get(one.id or "")
    _check(one, known, field)
    # in the order in which they were given
    target = known or _empty(by, top, created_ms=now_ms + place)
    url = {} if one.url is None else _sealed(core, one.url, field)
    # to another address goes only what its maker and the caller both see
    sight = target.sight if one.url is None else target.sight.within(visible.sight(by))
    position = target.position if target.enabled else top
    same = {
        "name": one.name,
        "form": one.form or target.form,
        "actions": one.actions,
        "monitors": one.monitors,
        "enabled": one.enabled,
        "sight": sight,
    }
    return replace(target, updated_ms=now_ms, position=position, **same, **url)  # type: ignore[arg-type]  # names of fields, each of its type


def _check(one: Wanted, known: Target | None, field: str) -> None:
    if one.id is not None and known is None:
        raise ValidationFailed.of(f"{field}.id", "is none of yours; leave it out for a new target")
    for name in one.monitors:
        if name not in MONITORS:
            raise ValidationFailed.of(f"{field}.monitors", f"must be of {', '.join(sorted(MONITORS))}")
    if one.form is not None and one.form not in FORMS:
        raise ValidationFailed.of(f"{field}.form", f"must be one of {', '.join(sorted(FORMS))}")
    if one.url is None and known is None:
        raise ValidationFailed.of(f"{field}.url", "a new target needs one")


def _empty(by: By, position: int, *, created_ms: int) -> Target:
    return Target(
        id=new_id("ntf"),
        tenant=by.tenant,
        name="",
        url="",
        shown="",
        form=OWN,
        actions=(),
        monitors=(),
        sight=visible.sight(by),
        enabled=False,
        position=position,
        failing_since_ms=None,
        last_error="",
        delivered=0,
        given_up=0,
        created_ms=created_ms,
        updated_ms=created_ms,
    )


def _sealed(core: Core, url: str, field: str) -> dict[str, str]:
    try:
        check(url)
    except ValueError as error:
        raise ValidationFailed.of(f"{field}.url", str(error)) from None
    return {"url": core.outward.sealer.seal(url), "shown": shown(url)}


async def _keep(tx: AsyncConnection, target: Target, before: Target | None) -> None:
    values = {name: getattr(target, name) for name in Target.__dataclass_fields__ if name != "sight"}
    values |= {"actions": list(target.actions), "monitors": list(target.monitors), **target.sight.columns}
    if before is None:
        await notifications.add(tx, values)
        return
    names = (
        "name",
        "url",
        "shown",
        "form",
        "actions",
        "monitors",
        "enabled",
        "position",
        "updated_ms",
        *SIGHT,
    )
    await notifications.change(tx, target.id, **{name: values[name] for name in names})


def _told(target: Target) -> dict[str, object]:
    """As the audit log has it."""
    return {
        "id": target.id,
        "name": target.name,
        "to": target.shown,
        "form": target.form,
        "actions": list(target.actions),
        "monitors": list(target.monitors),
        "enabled": target.enabled,
    }
