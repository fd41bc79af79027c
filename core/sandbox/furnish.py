"""What a fresh sandbox owns. It was set up over the last days: its audit log has days to page through."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.lists.service import Wanted
from core.sandbox.dmarc import file_reports
from core.sandbox.recipes import PEOPLE
from core.sandbox.vendors import Part
from core.service import dns, domains, forwarding, lists, mailboxes
from core.service.by import By
from core.service.core import Core
from core.service.domain_changes import DomainChange, PolicyChange
from core.service.provisioning import NewDomain
from core.store import meta
from core.store.clock import DAY_MS, HOUR_MS
from core.store.tenancy import OPERATOR
from hub.access.principal import Grant, Principal

__all__ = ["AGE_DAYS", "furnish", "person", "then"]

AGE_DAYS: Final = 3
"""So many days before its first start the sandbox was set up, by its own account."""
_MARK = "sandbox"


def person(name: str, ip: str = "") -> By:
    """Somebody with a session, who may do everything."""
    grants = (Grant.of(["full-admin"]),)
    return By(principal=Principal(kind="session", id=name, name=name, tenant=OPERATOR, grants=grants), ip=ip)


_ADMIN = person("admin", "10.0.0.5")


@dataclass(frozen=True, slots=True)
class _Step:
    after_ms: int
    act: Callable[[Core], Awaitable[object]]


def then(core: Core, at_ms: int) -> Core:
    """The same service at another time: what it does now is on record as done then."""

    def clock() -> int:
        return at_ms

    return replace(core, clock=clock, chain=core.chain.at(clock))


async def furnish(core: Core, names: Sequence[str], parts: Sequence[Part]) -> None:
    """Set a fresh one up; one that was set up before stays as it is. A caller may do each step, too."""
    async with core.database.read() as tx:
        if await meta.get(tx, _MARK) is not None:
            return
    begin_ms = core.clock() - AGE_DAYS * DAY_MS
    for step in _steps(names, parts):
        await step.act(then(core, begin_ms + step.after_ms))
    async with core.database.begin() as tx:
        await meta.put(tx, _MARK, str(core.clock()))


def _steps(names: Sequence[str], parts: Sequence[Part]) -> list[_Step]:
    """In order of time, so that the audit log is."""
    steps = [_Step(n * HOUR_MS // 60, _domain(name, n)) for n, name in enumerate(names)]
    for part, after_ms, of in _PARTS:
        if part in parts:
            steps += [_Step(after_ms + n * HOUR_MS, of(name)) for n, name in enumerate(names)]
    steps += [_Step(2 * DAY_MS + n * HOUR_MS, _rules(name)) for n, name in enumerate(names)]
    return sorted(steps, key=lambda step: step.after_ms)


def _domain(name: str, number: int) -> Callable[[Core], Awaitable[object]]:
    change = DomainChange(
        real_mx_host=f"10.0.{number}.25:25", policy=PolicyChange(quarantine=8.0 - number * 0.5)
    )
    return lambda core: _unless_there(core, NewDomain(name=name, change=change))


async def _unless_there(core: Core, new: NewDomain) -> None:
    """A start that was interrupted is gone on with."""
    async with core.database.read() as tx:
        there = await domains.several(tx, _ADMIN, [new.name])
    if not there:
        await domains.create(core, _ADMIN, new)


def _mailboxes(domain: str) -> Callable[[Core], Awaitable[object]]:
    async def make(core: Core) -> None:
        there = {each.username for each in await mailboxes.listed(core, _ADMIN, domain)}
        for name in PEOPLE:
            if name not in there:
                await mailboxes.create(
                    core, _ADMIN, domain, mailboxes.New(username=name, password=_password())
                )
        if not await forwarding.listed(core, _ADMIN, domain):
            await forwarding.create(core, _ADMIN, domain, "info", [f"{PEOPLE[0]}@{domain}"])

    return make


def _rules(domain: str) -> Callable[[Core], Awaitable[object]]:
    async def make(core: Core) -> None:
        async with core.database.begin() as tx:
            shelf = await lists.shelf(tx, _ADMIN, "rules:write", "domain", domain)
            await lists.add(core, tx, _ADMIN, shelf, "safe", Wanted(item="kontor-hafen.example"))
            await lists.add(core, tx, _ADMIN, shelf, "block", Wanted(item="deals.example"))

    return make


def _scan(domain: str) -> Callable[[Core], Awaitable[object]]:
    return lambda core: dns.scan(core, _ADMIN, domain)


def _reports(domain: str) -> Callable[[Core], Awaitable[object]]:
    return lambda core: file_reports(core, _ADMIN, domain)


def _password() -> str:
    """Nobody signs in with it: it is told to nobody."""
    return f"Aa1!{secrets.token_urlsafe(24)}"


_PARTS: Sequence[tuple[Part, int, Callable[[str], Callable[[Core], Awaitable[object]]]]] = (
    ("mailboxes", DAY_MS, _mailboxes),
    ("dns", DAY_MS + 6 * HOUR_MS, _scan),
    ("dmarc", DAY_MS + 12 * HOUR_MS, _reports),
)
