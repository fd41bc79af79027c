"""Owners of mailboxes get in again by themselves: a mail to the recovery address, with a token.

A domain's portal is off until somebody turns it on. A request is answered alike, and at once, whether there
is such a mailbox or not: looking it up and mailing go on after the answer.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.service import settings, visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.postman import NotSent
from core.store import password_resets as stored
from core.store import recovery
from core.store import settings as kept
from core.store.domain_rows import Domain
from core.store.password_resets import Place, Reset
from core.upstream.provider import MailboxChange
from core.upstream.rules import check_address, check_domain, check_password
from hub.access.plans import Window
from hub.access.principal import Principal
from hub.access.sign_in import Visitor
from hub.web.errors import NotFound, RateLimited, ServiceUnavailable, ValidationFailed

__all__ = ["Portal", "confirm", "is_open", "portal", "request", "set_portal"]

_PERIOD_MS: Final = 3_600_000
_FROM_ONE: Final = Window("reset", 30, _PERIOD_MS)
_FOR_ONE: Final = Window("reset", 5, _PERIOD_MS)
_TRIES: Final = Window("reset-confirm", 30, _PERIOD_MS)
_REALM: Final = "password-reset"
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """`enabled`: turned on for the domain. `available`: by the tenant too, and there is a relay for mail."""

    domain: str
    enabled: bool
    available: bool


async def portal(
    core: Core, tx: AsyncConnection, by: By, domain: str, *, scope: str = "emails:read"
) -> Portal:
    """Raises `NotFound`, `Forbidden`."""
    found = await visible.domain(tx, by, scope, domain)
    return await _portal(core, tx, found)


async def set_portal(
    core: Core, tx: AsyncConnection, by: By, domain: str, *, enabled: bool, scope: str = "emails:write"
) -> Portal:
    """Raises `NotFound`, `Forbidden`."""
    found = await visible.domain(tx, by, scope, domain)
    before = await _portal(core, tx, found)
    if before.enabled != enabled:
        value = {"enabled": enabled, "domain_id": found.id}
        await kept.put(tx, by.tenant, _name(found.name), value, core.clock())
        thing = Resource(type="reset_portal", id=found.name, domain=found.name)
        deed = Deed(
            action="reset_portal.enabled" if enabled else "reset_portal.disabled",
            resource=thing,
            before={"enabled": before.enabled},
            after={"enabled": enabled},
        )
        await record(core, tx, by, deed)
    return await _portal(core, tx, found)


async def is_open(core: Core, domain: str | None = None) -> bool:
    """Whether passwords can be reset here at all, or those of a domain. Raises `Refused` for no domain."""
    if core.postman is None or domain is None:
        return core.postman is not None
    async with core.database.read() as tx:
        place = await stored.place_of(tx, check_domain(domain))
        return place is not None and await _is_on(tx, place)


async def request(core: Core, email: str, visitor: Visitor) -> None:
    """Mail a token to the recovery address of that mailbox, if there is both.

    Raises `Refused` for what is no address, `NotFound` where no mail can be sent, `RateLimited`,
    `ServiceUnavailable`; nothing that tells whether there is such a mailbox.
    """
    address = check_address(email, field="email")
    if core.postman is None:
        raise NotFound("Passwords cannot be reset here.")
    await _slow_down(core, (_FROM_ONE, f"ip {visitor.ip}"), (_FOR_ONE, address))
    if not core.errands.start("password reset", lambda: _mail(core, address, visitor)):
        raise ServiceUnavailable("Too much is going on: try again in a moment.")


async def confirm(core: Core, token: str, password: str, visitor: Visitor) -> str:
    """Set the mailbox's password at its host; the mailbox. The token is worth nothing afterwards.

    Raises `ValidationFailed` for the token, `Refused` for the password, `RateLimited`, `ProviderError`; after
    the last two the token still holds.
    """
    await _slow_down(core, (_TRIES, f"ip {visitor.ip}"))
    check_password(password)
    async with core.database.begin() as tx:
        reset = await stored.take(tx, token, core.clock())
        place = None if reset is None else await stored.place_of(tx, reset.domain)
        if reset is None or place is None or place.tenant != reset.tenant or not await _is_on(tx, place):
            raise ValidationFailed.of("token", "is not known, was used, or has expired: ask for a new mail")
    await _set(core, reset, password)
    async with core.database.begin() as tx:
        await stored.forget(tx, reset.tenant, reset.email)
        event = "mailbox.password_reset"
        deed = Deed(action=event, resource=_mailbox(reset), event=event, data={"email": reset.email})
        await record(core, tx, _somebody(reset.tenant, visitor), deed)
    return reset.email


async def _set(core: Core, reset: Reset, password: str) -> None:
    user = reset.email.rpartition("@")[0]
    try:
        change = MailboxChange(password=password)
        await core.upstream(reset.tenant).change_mailbox(reset.domain, user, change)
    except BaseException:
        async with core.database.begin() as tx:
            await stored.give_back(tx, reset)
        raise


async def _mail(core: Core, address: str, visitor: Visitor) -> None:
    user, _, domain = address.rpartition("@")
    assert core.postman is not None  # noqa: S101 - asked before this was begun
    async with core.database.begin() as tx:
        place = await stored.place_of(tx, domain)
        if place is None or not await _is_on(tx, place):
            return
        to = (await recovery.recovery_of(tx, place.tenant, domain, user)).get(user)
        if to is None:
            return
        minutes = (await settings.of(tx, place.tenant)).password_reset_minutes
        now_ms = core.clock()
        until_ms = now_ms + minutes * _MINUTE_MS
        reset, text = await stored.add(tx, place, address, ip=visitor.ip, now_ms=now_ms, expires_ms=until_ms)
        deed = Deed(action="password_reset.requested", resource=_mailbox(reset))
        await record(core, tx, _somebody(place.tenant, visitor), deed)
    try:
        await core.postman.send(to, f"New password for {address}", _letter(core, address, text, minutes))
    except (NotSent, ValueError) as error:
        async with core.database.begin() as tx:
            await stored.forget(tx, reset.tenant, address)
            failed = Deed(action="password_reset.not_sent", resource=_mailbox(reset), reason=str(error)[:200])
            await record(core, tx, _somebody(place.tenant, visitor), failed)


def _letter(core: Core, address: str, token: str, minutes: int) -> str:
    page = core.config.reset_url
    way = f"Open this page:\n\n{page}#token={token}" if page else f"Use this code:\n\n{token}"
    return (
        f"Somebody, hopefully you, asked for a new password for the mailbox {address}.\n\n{way}\n\n"
        f"It holds once, and for {minutes} minutes. If it was not you, nothing needs to be done.\n"
    )


async def _slow_down(core: Core, *asked: tuple[Window, str]) -> None:
    for window, caller in asked:
        budget = await core.access.limiter.take([window], caller, tenant=_REALM)
        if not budget.granted:
            raise RateLimited("Too many attempts.", retry_after_s=budget.retry_after_s)


async def _portal(core: Core, tx: AsyncConnection, domain: Domain) -> Portal:
    place = Place(tenant=domain.tenant, domain_id=domain.id, domain=domain.name)
    enabled = await _is_enabled(tx, place)
    allowed = (await settings.of(tx, domain.tenant)).password_reset
    available = enabled and allowed and core.postman is not None
    return Portal(domain=domain.name, enabled=enabled, available=available)


async def _is_on(tx: AsyncConnection, place: Place) -> bool:
    return await _is_enabled(tx, place) and (await settings.of(tx, place.tenant)).password_reset


async def _is_enabled(tx: AsyncConnection, place: Place) -> bool:
    """Of this very domain: one that was removed and added again begins anew."""
    value = await kept.get(tx, place.tenant, _name(place.domain))
    return isinstance(value, dict) and value.get("domain_id") == place.domain_id and value["enabled"] is True


def _name(domain: str) -> str:
    return f"reset_portal:{domain}"


def _mailbox(reset: Reset) -> Resource:
    return Resource(type="mailbox", id=reset.email, domain=reset.domain)


def _somebody(tenant: str, visitor: Visitor) -> By:
    """Who has no account here; the mailbox stands in the entry."""
    who = Principal(kind="session", id="password-reset", name="password reset", tenant=tenant, grants=())
    return By(principal=who, request_id=visitor.request_id, ip=visitor.ip)
