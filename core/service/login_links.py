"""Login links: a text that opens, once and for a short time, a session as administrator of one domain.

They hang on the key that asked for them: with the key, or with other grants of it, the links and their
sessions end. So only a key makes them, and who came in by one makes no others. The text is in the answer
only: it is hashed at rest, in no log, event or audit entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.service import settings, visible
from core.service.by import By, Deed, record, record_many
from core.service.core import Core
from core.store import domains
from core.store import login_links as stored
from core.store.clock import iso_millis
from hub.access.domain_names import normal_domain
from hub.access.keyring import NoSuchKey
from hub.access.keys import Key
from hub.access.principal import Decision, Principal
from hub.access.sign_in import Visitor
from hub.web.access import authorize
from hub.web.errors import ApiError, Forbidden, NotFound, ValidationFailed

__all__ = ["MOST", "Followed", "LoginLink", "Outcome", "follow", "make", "make_many"]

_SCOPE: Final = "login-links:create"
MOST: Final = 1_000
"""Domains of one bulk request."""
_SLICE: Final = 200
"""Of a bulk request, in one transaction: others write in between."""
_MINUTE_MS: Final = 60_000
_REFUSED: Final = "The login link is not known, was used, or has expired: ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLink:
    """`url` is a credential: whoever has it signs in."""

    id: str
    domain: str
    url: str = field(repr=False)
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one domain in a bulk request: the link, or why there is none."""

    domain: str
    """As it was asked for."""
    link: LoginLink | None = None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """`cookie` is the session's, for `hub.access.sessions.cookie_header`."""

    domain: str
    cookie: str = field(repr=False)
    lasts_s: int


async def make(core: Core, by: By, domain: str, *, minutes: int | None = None) -> LoginLink:
    """For one domain; `minutes` in place of the tenant's setting.

    Raises `Forbidden`, `NotFound`, `ValidationFailed`.
    """
    key_id = _key_of(by)
    async with core.database.begin() as tx:
        found = await visible.domain(tx, by, _SCOPE, domain)
        made = await _made(core, tx, by, key_id, [found.name], minutes)
    return made[0]


async def make_many(core: Core, by: By, names: Sequence[str], *, minutes: int | None = None) -> list[Outcome]:
    """For many domains, each on its own, in the order in which they were asked for.

    Raises `Forbidden`, `ValidationFailed` when nothing at all can be made.
    """
    if not 0 < len(names) <= MOST:
        raise ValidationFailed.of("domains", f"must name 1 to {MOST} domains")
    key_id = _key_of(by)
    outcomes: list[Outcome] = []
    for start in range(0, len(names), _SLICE):
        part = names[start : start + _SLICE]
        async with core.database.begin() as tx:
            outcomes += await _slice(core, tx, by, key_id, part, minutes)
    return outcomes


async def follow(core: Core, text: str, visitor: Visitor) -> Followed:
    """Open the session. Raises `NotFound`, in one word for every reason."""
    async with core.database.read() as tx:
        found = await stored.live(tx, text, core.clock())
    if found is None:
        raise NotFound(_REFUSED)
    key = await _key_behind(core, found)
    async with core.database.begin() as tx:
        link = await stored.take(tx, text, visitor.ip, core.clock())
        if link is None or not await _still_may(tx, key, link):
            raise NotFound(_REFUSED)
        await record(core, tx, _follower(key, visitor), _deed("login_link.used", link))
        lasts_ms = (await settings.of(tx, link.tenant)).login_session_minutes * _MINUTE_MS
    cookie = await core.access.sign_in.by_link(key, link.domain, visitor, lasts_ms=lasts_ms)
    return Followed(domain=link.domain, cookie=cookie, lasts_s=lasts_ms // 1000)


def _key_of(by: By) -> str:
    who = by.principal
    if who.kind != "key" or who.key_id is None:
        raise Forbidden("Only an API key makes login links: the sessions that they open end with it.")
    return who.key_id


async def _slice(
    core: Core, tx: AsyncConnection, by: By, key_id: str, names: Sequence[str], minutes: int | None
) -> list[Outcome]:
    plain = [normal_domain(name) for name in names]
    known = await visible.several(tx, by, _SCOPE, plain)
    wanted = [name for name in dict.fromkeys(plain) if name in known]
    links = await _made(core, tx, by, key_id, wanted, minutes)
    made = {link.domain: link for link in links}
    outcomes = []
    for asked, name in zip(names, plain, strict=True):
        link = made.get(name)
        error = None if link else _why_not(by, name)
        outcomes.append(Outcome(domain=asked, link=link, error=error))
    return outcomes


def _why_not(by: By, name: str) -> ApiError:
    try:
        authorize(by.principal, _SCOPE, name)
    except ApiError as error:
        return error
    return NotFound(f"There is no domain {name[:253]}.")


async def _made(
    core: Core, tx: AsyncConnection, by: By, key_id: str, names: Sequence[str], minutes: int | None
) -> list[LoginLink]:
    least, most = settings.RANGES["login_link_minutes"]
    if minutes is not None and not least <= minutes <= most:
        raise ValidationFailed.of("minutes", f"must be {least} to {most}")
    lasts = minutes or (await settings.of(tx, by.tenant)).login_link_minutes
    now_ms = core.clock()
    until_ms = now_ms + lasts * _MINUTE_MS
    links = await stored.add(tx, by.tenant, key_id, names, now_ms=now_ms, expires_ms=until_ms)
    name = "login_link.created"
    await record_many(core, tx, by, [_deed(name, link, event=name) for link, _ in links])
    root = (core.config.public_url or f"http://{core.config.listen}").rstrip("/")
    return [
        LoginLink(
            id=link.id, domain=link.domain, url=f"{root}/api/v1/login/{text}", expires_ms=link.expires_ms
        )
        for link, text in links
    ]


def _deed(action: str, link: stored.Link, event: str = "") -> Deed:
    data = {"id": link.id, "expires_at": iso_millis(link.expires_ms)}
    thing = Resource(type="login_link", id=link.id, domain=link.domain)
    return Deed(action=action, resource=thing, details=data, event=event, data=data)


async def _key_behind(core: Core, link: stored.Link) -> Key:
    try:
        key = await core.access.keyring.find(link.tenant, link.created_by)
    except NoSuchKey:
        raise NotFound(_REFUSED) from None
    is_over = key.expires_ms is not None and key.expires_ms <= core.clock()
    if key.revoked_ms is not None or is_over:
        raise NotFound(_REFUSED)
    return key


async def _still_may(tx: AsyncConnection, key: Key, link: stored.Link) -> bool:
    """Neither the key's grants nor the domain's key are necessarily what they were."""
    domain = await domains.find(tx, link.tenant, link.domain)
    if domain is None:
        return False
    decision = key.principal().may(_SCOPE, domain.name, held_by=domain.api_key_id)
    return decision is Decision.ALLOWED


def _follower(key: Key, visitor: Visitor) -> By:
    who = Principal(
        kind="session",
        id=key.id,
        name="login link",
        tenant=key.tenant,
        grants=(),
        key_id=key.id,
        key_prefix=key.prefix,
    )
    return By(principal=who, request_id=visitor.request_id, ip=visitor.ip)
