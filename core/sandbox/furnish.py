"""What a fresh sandbox owns. It was set up over the last days: its audit log has days to page through."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.engine.lists import Kind
from core.lists.service import Wanted
from core.sandbox.dmarc import file_reports
from core.sandbox.estate import INSTALLED
from core.sandbox.recipes import PEOPLE
from core.sandbox.vendors import Part
from core.service import dns, forwarding, lists, mailboxes
from core.service.by import By
from core.service.core import Core
from core.service.domain_changes import DomainChange, PolicyChange
from core.service.provisioning import NewDomain, Options, provision
from core.store import meta
from core.store.clock import DAY_MS, HOUR_MS
from core.store.tenancy import OPERATOR
from hub.access.principal import Grant, Principal

__all__ = ["AGE_DAYS", "furnish", "person", "then"]

AGE_DAYS: Final = 3
"""So many days before its first start the sandbox was set up, by its own account."""
_MARK = "sandbox"
_RULES: Final[Mapping[Kind, str]] = {"safe": "kontor-hafen.example", "block": "deals.example"}
"""Of each domain: list -> what stands on it."""


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
        if await meta.get(tx, _MARK) is not None or await meta.get(tx, INSTALLED) is not None:
            return
    begin_ms = core.clock() - AGE_DAYS * DAY_MS
    for step in _steps(names, parts):
        await step.act(then(core, begin_ms + step.after_ms))
    async with core.database.begin() as tx:
        await meta.put(tx, _MARK, str(core.clock()))


def _steps(names: Sequence[str], parts: Sequence[Part]) -> list[_Step]:
    """In order of time, so that the audit log is."""
    steps = [_Step(0, lambda core: _domains(core, names))]
    for part, after_ms, of in _PARTS:
        if part in parts:
            steps += [_Step(after_ms + n * HOUR_MS, of(name)) for n, name in enumerate(names)]
    steps.append(_Step(2 * DAY_MS, lambda core: _rules(core, names)))
    return sorted(steps, key=lambda step: step.after_ms)


async def _domains(core: Core, names: Sequence[str]) -> None:
    """A start that was interrupted is gone on with: what is there stays."""
    wanted = []
    for number, name in enumerate(names):
        policy = PolicyChange(quarantine=8.0 - number * 0.5)
        change = DomainChange(real_mx_host=f"10.0.{number}.25:25", policy=policy)
        wanted.append(NewDomain(name=name, change=change))
    async with core.database.begin() as tx:
        for outcome in await provision(core, tx, _ADMIN, wanted, Options(keep=True)):
            if outcome.error is not None:
                raise outcome.error


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


async def _rules(core: Core, names: Sequence[str]) -> None:
    async with core.database.begin() as tx:
        for name in names:
            shelf = await lists.shelf(tx, _ADMIN, lists.WRITE, "domain", name)
            for kind, item in _RULES.items():
                await lists.add_many(core, tx, _ADMIN, shelf, kind, [Wanted(item=item)])


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
