"""Changes at the mail host: made, put on record, and kept here as the seam and people need them.

Where the service itself is the host, the change and its record are one transaction. A host elsewhere is
asked first; without a clear answer the write may have happened: it is looked up and never repeated blindly.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.upstream.errors import Conflict, NotThere, ProviderError, Refused, Unavailable
from core.upstream.local import LocalProvider
from core.upstream.provider import MailProvider
from core.upstream.rules import check_local_part

__all__ = ["Write", "carry_out", "named", "own"]

Act = Callable[[MailProvider], Awaitable[None]]
Keep = Callable[[AsyncConnection], Awaitable[None]]
Seen = Callable[[MailProvider], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change at the host.

    `happened` looks whether it is in effect; None where that cannot be seen (a password). `keep` writes what
    is kept here besides, `mirror` what the seam must know of a host elsewhere. No error says the `secret`.
    """

    act: Act
    deed: Deed
    happened: Seen | None = None
    keep: Keep | None = None
    mirror: Keep | None = None
    secret: str = field(default="", repr=False)


async def own(core: Core, by: By, scope: str, domain: str) -> str:
    """The domain's name, once it is known that the caller may. Raises `NotFound` and `Forbidden`."""
    async with core.database.read() as tx:
        return (await visible.domain(tx, by, scope, domain)).name


def named(text: str) -> str:
    """The name before an @ of something that should be there. Raises `NotThere` for what no name can be."""
    try:
        return check_local_part(text)
    except Refused as error:
        raise NotThere(f"{text[:80]!r} is not there") from error


async def carry_out(core: Core, by: By, write: Write) -> None:
    """Make the change and put it on record. Call it outside of any transaction.

    Raises `ProviderError`; `Unavailable` when it cannot be told whether it happened: that too is on record.
    """
    provider = core.upstream(by.tenant)
    if isinstance(provider, LocalProvider):
        async with core.database.begin() as tx:
            await write.act(provider.within(tx))
            await _keep(tx, write.keep)
            await record(core, tx, by, write.deed)
        return
    try:
        await _ask(provider, write)
    except Unavailable:
        await _unknown(core, by, write.deed)
        raise
    finally:
        core.seam.hosts.forget(write.deed.resource.domain)
    async with core.database.begin() as tx:
        await _mirror(tx, write.mirror)
        await _keep(tx, write.keep)
        await record(core, tx, by, write.deed)


async def _ask(provider: MailProvider, write: Write) -> None:
    """Returns once the host has it. A write without a clear answer is looked up."""
    was_so = await _happened(provider, write.happened)
    try:
        await write.act(provider)
    except Unavailable as error:
        if was_so or not await _happened(provider, write.happened):
            raise _spoken(error, write.secret) from None
    except ProviderError as error:
        raise _spoken(error, write.secret) from None


async def _happened(provider: MailProvider, seen: Seen | None) -> bool:
    if seen is None:
        return False
    try:
        return await seen(provider)
    except NotThere:
        return False


def _spoken(error: ProviderError, secret: str) -> ProviderError:
    """The host's own words, without the secret if it said that back."""
    if secret:
        error.args = tuple(str(each).replace(secret, "***") for each in error.args)
    return error


async def _unknown(core: Core, by: By, deed: Deed) -> None:
    """Say in the audit log that the host may have done it; no event, since nothing is certain."""
    why = "the mail host gave no clear answer: it may have happened"
    asked = replace(deed, event="", result="failure", reason=why)
    async with core.database.begin() as tx:
        await record(core, tx, by, asked)


async def _keep(tx: AsyncConnection, keep: Keep | None) -> None:
    if keep is not None:
        await keep(tx)


async def _mirror(tx: AsyncConnection, mirror: Keep | None) -> None:
    """What is kept of a host elsewhere may lag behind it: that is no reason to fail."""
    try:
        await _keep(tx, mirror)
    except (Conflict, NotThere):
        return
