"""DNS records of many domains, written in one go."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select

from core.audit.entry import Resource
from core.dns import fix as repair
from core.dns.expected import Expected
from core.dns.fix import BulkFixed, UnknownRecord
from core.service import visible
from core.service.by import By, Deed, record_many
from core.service.core import Core
from core.service.dns import WRITE, provider_of, put_on_record, unknown_record
from core.service.expected import expected
from core.service.patience import patiently
from core.store import domains as stored
from core.store.tables import domains
from core.upstream.errors import ProviderError
from hub.access.domain_names import normal_domain
from hub.web.errors import NotFound, ValidationFailed

__all__ = ["MAX_DOMAINS", "fix_bulk"]

MAX_DOMAINS: Final = 1_000
_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Targets:
    wanted: dict[str, Expected]
    errors: dict[str, str]


async def fix_bulk(
    core: Core,
    by: By,
    *,
    only_unhealthy: bool = False,
    names: Sequence[str] | None = None,
    records: Sequence[str] | None = None,
) -> BulkFixed:
    """`fix` for the domains named, or for all active ones that the caller may change. Webmail must be named.

    The trouble of one does not touch the others: it stands in `errors`. Each repair is on record as it is
    done, the whole at the end.
    Raises `Conflict` where nobody writes records, `ValidationFailed`.
    """
    provider = provider_of(core)
    asked = await _domains(core, by, names)
    targets = await _expected(core, by, asked)
    try:
        done = await repair.fix_bulk(
            targets.wanted,
            provider,
            core.resolver,
            only_unhealthy=only_unhealthy,
            records=records,
            tell=lambda fixed: put_on_record(core, by, fixed),
        )
    except UnknownRecord as error:
        raise unknown_record(error) from error
    unseen = {name: f"There is no domain {name[:253]}." for name, known in asked.items() if not known}
    done = replace(done, errors={**done.errors, **targets.errors, **unseen})
    await _sum_up(core, by, done)
    return done


async def _domains(core: Core, by: By, names: Sequence[str] | None) -> dict[str, bool]:
    """Name -> whether the caller may change it, in their order."""
    if names is not None:
        plain = list(dict.fromkeys(normal_domain(each) for each in names))
        _check_number(len(plain))
        async with core.database.read() as tx:
            seen = await visible.several(tx, by, WRITE, plain)
        return {name: name in seen for name in plain}
    wanted = select(domains.c.name).where(domains.c.active).order_by(domains.c.name).limit(MAX_DOMAINS + 1)
    async with core.database.read() as tx:
        found = (await tx.execute(visible.limit(wanted, by, WRITE, domains.c.name))).scalars().all()
    _check_number(len(found))
    return dict.fromkeys(found, True)


def _check_number(number: int) -> None:
    if number > MAX_DOMAINS:
        raise ValidationFailed.of("domains", f"name at most {MAX_DOMAINS}")


async def _expected(core: Core, by: By, asked: dict[str, bool]) -> _Targets:
    gate, targets = asyncio.Semaphore(_AT_ONCE), _Targets(wanted={}, errors={})

    async def one(domain: str) -> None:
        async with gate:
            try:
                targets.wanted[domain] = await patiently(lambda: expected(core, by.tenant, domain))
            except NotFound as error:
                targets.errors[domain] = error.message
            except ProviderError as error:
                targets.errors[domain] = str(error)

    await asyncio.gather(*(one(domain) for domain, known in asked.items() if known))
    return targets


async def _sum_up(core: Core, by: By, done: BulkFixed) -> None:
    """One entry and one event about the whole, unless nothing was written or tried; and one of its own about
    each domain that is tied to a key, because nobody but this key may hear of it.
    """
    names = sorted({*done.results, *done.errors, *done.healthy})
    async with core.database.begin() as tx:
        found = await stored.find_many(tx, by.tenant, names)
        tied = [each.name for each in found if each.api_key_id is not None]
        open_to_all = _deed(done, set(names).difference(tied))
        deeds = [open_to_all, *(_deed(done, {name}, domain=name) for name in tied)]
        await record_many(core, tx, by, [deed for deed in deeds if deed is not None])


def _deed(done: BulkFixed, among: Collection[str], domain: str = "") -> Deed | None:
    written = sorted(name for name, each in done.results.items() if each.fixed and name in among)
    tried = [*done.errors, *(name for name, each in done.results.items() if each.failed)]
    failed = sorted(name for name in tried if name in among)
    if not written and not failed:
        return None
    about = {
        "fixed": written,
        "failed": failed,
        "healthy": len([name for name in done.healthy if name in among]),
    }
    return Deed(
        action="dns.fix_bulk",
        resource=Resource(type="dns", id="bulk", domain=domain),
        result="success" if not failed else "failure",
        details=about,
        event="dns.fix_bulk",
        data=about,
    )
