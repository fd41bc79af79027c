"""Spam settings of a domain: its high score, and how the filter treats what lists and DMARC say."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.domain_view import as_data
from core.service.hosting import Write, carry_out
from core.store import domains as stored
from core.store.domains import Domain
from core.upstream.provider import MailProvider
from core.upstream.rules import check_score
from hub.web.errors import ValidationFailed

__all__ = [
    "PREFIX",
    "READ",
    "WRITE",
    "Blocked",
    "Safe",
    "SpamChange",
    "SpamSettings",
    "change",
    "get",
    "options_of",
]

READ: Final = "spam:read"
WRITE: Final = "spam:write"
Blocked = Literal["reject", "quarantine", "tag"]
Safe = Literal["always", "unless_forged", "proven"]
_MOST_PREFIX: Final = 40
PREFIX: Final = "[SPAM]"
_OPTIONS: Final = ("subject_prefix", "enforce_dmarc", "blocked", "safe")
"""What the filter itself keeps, in the domain's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpamSettings:
    """`high_score` is the mail host's: from it on mail is refused. Where the service itself is the host it is
    the domain's reject threshold. `blocked` is what a blocklisted sender's mail meets, `safe` when a
    safelisted name counts (`core.engine.policy`), `subject_prefix` what tagged mail's subject begins with.
    """

    high_score: int
    subject_prefix: str = PREFIX
    enforce_dmarc: bool = False
    blocked: Blocked = "reject"
    safe: Safe = "unless_forged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpamChange:
    """What is to become different; None stays."""

    high_score: int | None = None
    subject_prefix: str | None = None
    enforce_dmarc: bool | None = None
    blocked: Blocked | None = None
    safe: Safe | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Of those that the filter itself keeps."""
        given = {name: getattr(self, name) for name in _OPTIONS}
        return {name: value for name, value in given.items() if value is not None}


async def get(core: Core, by: By, domain: str) -> SpamSettings:
    """Raises `NotFound`, `Forbidden`, `ProviderError`."""
    async with core.database.read() as tx:
        found = await visible.domain(tx, by, READ, domain)
    score = await core.upstream(by.tenant).high_score(found.name)
    return SpamSettings(high_score=score, **options_of(found.settings))


async def change(core: Core, by: By, domain: str, wanted: SpamChange) -> SpamSettings:
    """Change what is given; outside of any transaction. Event `domain.updated` where something differs.

    Raises `NotFound`, `Forbidden`, `ValidationFailed`, `Refused` for a high score outside of 1 to 50,
    `ProviderError`.
    """
    options = _checked(wanted.options)
    if wanted.high_score is not None:
        check_score(wanted.high_score)
    async with core.database.read() as tx:
        found = await visible.domain(tx, by, WRITE, domain)
    score = await core.upstream(by.tenant).high_score(found.name)
    before = SpamSettings(high_score=score, **options_of(found.settings))
    after = replace(before, **options, high_score=wanted.high_score or score)
    if after == before:
        return before
    await _write(core, by, found, before, after)
    return after


def options_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a domain's record holds of them, without what no longer holds."""
    try:
        return _checked({name: settings[name] for name in _OPTIONS if name in settings})
    except ValidationFailed:
        return {}


async def _write(core: Core, by: By, domain: Domain, before: SpamSettings, after: SpamSettings) -> None:
    async def keep(tx: AsyncConnection) -> None:
        await _keep(core, tx, by, domain.name, after)

    deed = _deed(domain, before, after)
    if after.high_score == before.high_score:
        async with core.database.begin() as tx:
            await keep(tx)
            await record(core, tx, by, deed)
        return
    write = Write(
        act=lambda host: host.set_high_score(domain.name, after.high_score),
        happened=lambda host: _is_set(host, domain.name, after.high_score),
        keep=keep,
        deed=deed,
    )
    await carry_out(core, by, write)


async def _is_set(host: MailProvider, name: str, score: int) -> bool:
    return await host.high_score(name) == score


async def _keep(core: Core, tx: AsyncConnection, by: By, name: str, after: SpamSettings) -> None:
    now = await visible.domain(tx, by, WRITE, name)
    kept = {name: getattr(after, name) for name in _OPTIONS}
    changed = replace(
        now, settings={**now.settings, **kept}, updated_ms=max(core.clock(), now.updated_ms + 1)
    )
    await stored.change(tx, changed)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, allowed in (("blocked", get_args(Blocked)), ("safe", get_args(Safe))):
        if options.get(name, allowed[0]) not in allowed:
            raise ValidationFailed.of(name, " or ".join(allowed))
    prefix = options.get("subject_prefix", "")
    if not isinstance(prefix, str) or len(prefix) > _MOST_PREFIX or not prefix.isprintable():
        raise ValidationFailed.of("subject_prefix", f"printable, at most {_MOST_PREFIX} characters")
    if not isinstance(options.get("enforce_dmarc", False), bool):
        raise ValidationFailed.of("enforce_dmarc", "true or false")
    return dict(options)


def _deed(domain: Domain, before: SpamSettings, after: SpamSettings) -> Deed:
    names = [each.name for each in fields(after) if getattr(before, each.name) != getattr(after, each.name)]
    new = {name: getattr(after, name) for name in names}
    return Deed(
        action="spam.settings_update",
        resource=Resource(type="domain", id=domain.name, domain=domain.name),
        before={name: getattr(before, name) for name in names},
        after=new,
        event="domain.updated",
        data={**as_data(domain), "changed": ["spam"], "spam": new},
    )
