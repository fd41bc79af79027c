"""Webhooks of a tenant: where its events are sent, signed, and what became of them.

A secret is in the answer to `create` and `rotate` only; it is kept sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from core.audit.entry import Resource
from core.outward.forms import FORMS, new_secret
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.event_names import EVENT_NAMES
from core.store import feed
from core.store import webhooks as stored
from core.store.webhooks import Webhook
from hub.sdk.http import redact
from hub.sql.ids import new_id
from hub.web.errors import Conflict, NotFound, ValidationFailed

__all__ = [
    "MAX_WEBHOOKS",
    "TEST",
    "Changes",
    "Made",
    "New",
    "Webhook",
    "change",
    "create",
    "delete",
    "every",
    "find",
    "on_record",
    "rotate",
]

MAX_WEBHOOKS: Final = 100
"""Of a tenant."""
TEST: Final = "webhook.test"
"""What a test by hand sends; never subscribed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """What a webhook is made of. Without `events` it gets all; without `secret` one is made."""

    url: str
    events: tuple[str, ...] = ()
    form: str = "standard"
    description: str = ""
    secret: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is `None` stays. `enabled=True` begins anew with what happens from now on."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    form: str | None = None
    description: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Made:
    """`secret` is nowhere to be had again."""

    webhook: Webhook
    secret: str


async def every(tx: AsyncConnection, by: By) -> list[Webhook]:
    """All of the tenant, the oldest first."""
    return await stored.many(tx, by.tenant)


async def find(tx: AsyncConnection, by: By, webhook_id: str) -> Webhook:
    """Raises `NotFound`."""
    found = await stored.find(tx, by.tenant, webhook_id)
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id[:80]}.")
    return found


async def create(core: Core, tx: AsyncConnection, by: By, new: New) -> Made:
    """It gets what happens from this transaction on. Raises `ValidationFailed`, `Conflict` (too many)."""
    if await stored.count(tx, by.tenant) >= MAX_WEBHOOKS:
        raise Conflict(f"A tenant has at most {MAX_WEBHOOKS} webhooks: delete one first.")
    _check_form(new.form)
    secret = _secret(new.form, new.secret)
    webhook = Webhook(
        id=new_id("whk"),
        tenant=by.tenant,
        description=new.description,
        url=_url(core, new.url),
        form=new.form,
        names=_names(new.events),
        sight=visible.sight(by),
        secret=core.outward.sealer.seal(secret),
        previous_secret="",
        previous_until_ms=None,
        enabled=new.enabled,
        disabled_reason="",
        position=await feed.top(tx),
        failing_since_ms=None,
        last_error="",
        delivered=0,
        given_up=0,
        created_ms=core.clock(),
        updated_ms=core.clock(),
    )
    values = {name: getattr(webhook, name) for name in Webhook.__dataclass_fields__ if name != "sight"}
    await stored.add(tx, {**values, "names": list(webhook.names), **webhook.sight.columns})
    await on_record(core, tx, by, "webhook.create", webhook, after=_shown(webhook))
    return Made(webhook, secret)


async def change(core: Core, tx: AsyncConnection, by: By, webhook_id: str, changes: Changes) -> Webhook:
    """To another address goes only what its maker and the caller both see. Raises `NotFound`,
    `ValidationFailed`.
    """
    before = await find(tx, by, webhook_id)
    after = _changed(core, before, changes)
    if after.url != before.url:
        after = replace(after, sight=before.sight.within(visible.sight(by)))
    if after.enabled and not before.enabled:
        after = replace(
            after, position=await feed.top(tx), disabled_reason="", failing_since_ms=None, last_error=""
        )
    if after == before:
        return before
    after = replace(after, updated_ms=core.clock())
    changed = ("url", "form", "description", "enabled", "disabled_reason", "position", "updated_ms")
    values = {name: getattr(after, name) for name in (*changed, "failing_since_ms", "last_error")}
    await stored.change(tx, before.id, **values, names=list(after.names), **after.sight.columns)
    await on_record(core, tx, by, "webhook.update", after, before=_shown(before), after=_shown(after))
    return after


async def delete(core: Core, tx: AsyncConnection, by: By, webhook_id: str) -> None:
    """It, what waits for it, and the log of its deliveries. Raises `NotFound`."""
    webhook = await find(tx, by, webhook_id)
    await stored.remove(tx, webhook.id)
    await on_record(core, tx, by, "webhook.delete", webhook, before=_shown(webhook))


async def rotate(
    core: Core, tx: AsyncConnection, by: By, webhook_id: str, *, overlap_s: int, secret: str | None = None
) -> Made:
    """Another secret; the present one signs as well for `overlap_s` (0: not at all).

    Raises `NotFound`, `ValidationFailed`.
    """
    before = await find(tx, by, webhook_id)
    text = _secret(before.form, secret)
    until = core.clock() + overlap_s * 1000 if overlap_s else None
    after = replace(
        before,
        secret=core.outward.sealer.seal(text),
        previous_secret=before.secret if overlap_s else "",
        previous_until_ms=until,
        updated_ms=core.clock(),
    )
    names = ("secret", "previous_secret", "previous_until_ms", "updated_ms")
    await stored.change(tx, before.id, **{name: getattr(after, name) for name in names})
    await on_record(core, tx, by, "webhook.rotate", after, details={"overlap_s": overlap_s})
    return Made(after, text)


def _changed(core: Core, webhook: Webhook, changes: Changes) -> Webhook:
    values: dict[str, Any] = {
        "url": None if changes.url is None else _url(core, changes.url),
        "names": None if changes.events is None else _names(changes.events),
        "form": changes.form,
        "description": changes.description,
        "enabled": changes.enabled,
    }
    after = replace(webhook, **{name: value for name, value in values.items() if value is not None})
    _check_form(after.form)
    if after.form != webhook.form:
        _fits(after.form, core.outward.sealer.open(webhook.secret), "form")
    return after


def _url(core: Core, url: str) -> str:
    try:
        parsed = URL(url)
        host = parsed.host  # of `xn--` and what follows it: that it is no name shows only here
    except ValueError:
        parsed, host = URL(), None
    if parsed.scheme not in ("http", "https") or not host:
        raise ValidationFailed.of("url", "must begin with http:// or https:// and name a host")
    if not url.isprintable() or " " in url:
        raise ValidationFailed.of("url", "holds a space, or characters that cannot be printed")
    if parsed.fragment:
        raise ValidationFailed.of("url", "must have no #")
    if (objection := core.outward.objection(host)) is not None:
        raise ValidationFailed.of("url", objection)
    return url


def _names(events: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(events)) or tuple(name for name in EVENT_NAMES if name != TEST)
    for name in wanted:
        if name not in EVENT_NAMES:
            raise ValidationFailed.of("events", f"there is no event {name[:80]!r}; see /webhooks/events")
    return wanted


def _check_form(form: str) -> None:
    if form not in FORMS:
        raise ValidationFailed.of("form", f"must be one of {', '.join(sorted(FORMS))}")


def _secret(form: str, given: str | None) -> str:
    if given is None:
        return new_secret()
    _fits(form, given, "secret")
    return given


def _fits(form: str, secret: str, field: str) -> None:
    try:
        FORMS[form].check(secret)
    except ValueError as error:
        raise ValidationFailed.of(field, f"does not go with the secret of form {form}: {error}") from None


def _shown(webhook: Webhook) -> dict[str, object]:
    """As the audit log has it: the URL without what may be a secret in it."""
    return {
        "url": redact(webhook.url),
        "form": webhook.form,
        "events": list(webhook.names),
        "description": webhook.description,
        "enabled": webhook.enabled,
    }


async def on_record(
    core: Core,
    tx: AsyncConnection,
    by: By,
    action: str,
    webhook: Webhook,
    *,
    before: object = None,
    after: object = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write the entry of a change to an endpoint, or of a request by hand to it."""
    thing = Resource(type="webhook", id=webhook.id)
    deed = Deed(action=action, resource=thing, before=before, after=after, details=details or {})
    await record(core, tx, by, deed)
