"""The mail host of those who have none upstream: the core's own store, and servers of their own behind it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import Kind
from core.lists import store as lists
from core.lists.items import BadItem, Item, normalise, shelf
from core.lists.store import NewEntry
from core.store.clock import Clock, wall_clock
from core.store.tables import domains
from core.upstream import kept
from core.upstream.errors import Conflict, NotThere, Refused
from core.upstream.provider import (
    CatchAll,
    Forwarder,
    HostedDomain,
    HostedRecords,
    Mailbox,
    MailboxChange,
    NewMailbox,
    Pointer,
    SpamList,
)
from core.upstream.rules import (
    HIGH_SCORES,
    check_catch_all,
    check_destinations,
    check_domain,
    check_entry,
    check_limits,
    check_local_part,
    check_password,
    check_score,
)

__all__ = ["LocalProvider"]

_KINDS: Final[dict[SpamList, Kind]] = {"blacklist": "block", "whitelist": "safe"}


class Transactions(Protocol):
    """Where transactions come from: a database, or one that is under way."""

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    def read(self) -> AbstractAsyncContextManager[AsyncConnection]: ...


class LocalProvider:
    """A `MailProvider` for one tenant. Each call is one transaction.

    Domains are added and removed where their other data is, not here. A password is checked and dropped:
    nobody logs in at the core's store. Spam lists are those of the domain.

    Args:
        wanted: the DNS records that lead mail to this filter, the same for every domain.
    """

    name = "this filter"

    def __init__(
        self,
        database: Transactions,
        tenant: str,
        *,
        wanted: HostedRecords | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._wanted = wanted or HostedRecords()
        self._clock = clock

    def within(self, tx: AsyncConnection) -> "LocalProvider":
        """The same over a transaction of the caller's: what is changed here and what else the caller writes
        is there together or not at all.
        """
        return LocalProvider(_Within(tx), self._tenant, wanted=self._wanted, clock=self._clock)

    async def check(self) -> str:
        """Count the domains."""
        return f"{len(await self.domains())} domains are kept here"

    # -- domains --
    async def domains(self) -> tuple[str, ...]:
        """Names of the tenant's domains."""
        wanted = select(domains.c.name).where(domains.c.tenant == self._tenant).order_by(domains.c.name)
        async with self._database.read() as tx:
            return tuple((await tx.execute(wanted)).scalars())

    async def domain(self, domain: str, /) -> HostedDomain:
        """One of them."""
        async with self._database.read() as tx:
            return await kept.hosted(tx, self._tenant, check_domain(domain))

    async def add_domain(self, domain: str, /) -> None:
        """It must be there already: see the class."""
        await self.domain(domain)

    async def remove_domain(self, domain: str, /) -> None:
        """Its mailboxes, forwarders and so on are gone with the domain: nothing is left to do here."""
        del domain

    async def set_hosting(self, domain: str, /, *, on: bool) -> None:
        """Whether mail for the domain is taken."""
        async with self._database.begin() as tx:
            await kept.set_hosting(tx, self._tenant, check_domain(domain), on=on, now_ms=self._clock())

    async def records(self, domain: str, /) -> HostedRecords:
        """The same for every domain."""
        del domain
        return self._wanted

    # -- mailboxes --
    async def mailboxes(self, domain: str, /) -> tuple[Mailbox, ...]:
        """All of the domain."""
        async with self._database.read() as tx:
            return await kept.mailboxes_of(tx, await self._own(tx, domain))

    async def mailbox(self, domain: str, username: str, /) -> Mailbox:
        """One of the domain."""
        name = check_local_part(username)
        async with self._database.read() as tx:
            found = await kept.mailboxes_of(tx, await self._own(tx, domain), name)
        if not found:
            raise NotThere(f"{name}@{domain} is not there")
        return found[0]

    async def add_mailbox(self, domain: str, new: NewMailbox, /) -> None:
        """Make one."""
        check_password(new.password)
        check_limits(new.quota_mb, new.send_limit)
        name = check_local_part(new.username)
        mailbox = Mailbox(username=name, quota_mb=new.quota_mb, send_limit=new.send_limit)
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.add_mailbox(tx, self._tenant, own, mailbox, now_ms=self._clock())

    async def change_mailbox(self, domain: str, username: str, change: MailboxChange, /) -> None:
        """Quota and limit; a password is only checked."""
        if change == MailboxChange():
            raise Refused("nothing to change: give password, quota or limit")
        if change.password is not None:
            check_password(change.password)
        check_limits(change.quota_mb, change.send_limit)
        name = check_local_part(username)
        async with self._database.begin() as tx:
            await kept.change_mailbox(tx, await self._own(tx, domain), name, change, now_ms=self._clock())

    async def remove_mailbox(self, domain: str, username: str, /) -> None:
        """Take one away."""
        async with self._database.begin() as tx:
            await kept.remove_mailbox(tx, await self._own(tx, domain), check_local_part(username))

    # -- forwarding --
    async def forwarders(self, domain: str, /) -> tuple[Forwarder, ...]:
        """All of the domain."""
        async with self._database.read() as tx:
            return await kept.forwarders_of(tx, await self._own(tx, domain))

    async def add_forwarder(self, domain: str, alias: str, destinations: Sequence[str], /) -> None:
        """Make one."""
        name, leads_to = check_local_part(alias, field="alias"), check_destinations(destinations)
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.add_forwarder(tx, self._tenant, own, name, leads_to, now_ms=self._clock())

    async def remove_forwarder(self, domain: str, alias: str, /) -> None:
        """Take one away."""
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.remove_forwarder(tx, own, check_local_part(alias, field="alias"))

    async def catch_all(self, domain: str, /) -> CatchAll:
        """What becomes of mail to nobody."""
        async with self._database.read() as tx:
            return await kept.catch_all_of(tx, await self._own(tx, domain))

    async def set_catch_all(self, domain: str, catch_all: CatchAll, /) -> None:
        """Set it."""
        checked = check_catch_all(catch_all)
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.set_catch_all(tx, self._tenant, own, checked, now_ms=self._clock())

    async def pointers(self, domain: str, /) -> tuple[Pointer, ...]:
        """Other names of the domain."""
        async with self._database.read() as tx:
            return await kept.pointers_of(tx, await self._own(tx, domain))

    async def add_pointer(self, domain: str, pointer: Pointer, /) -> None:
        """Add one."""
        named = Pointer(name=check_domain(pointer.name, field="pointer"), is_alias=pointer.is_alias)
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.add_pointer(tx, self._tenant, own, named, now_ms=self._clock())

    async def remove_pointer(self, domain: str, pointer: str, /) -> None:
        """Take one away."""
        async with self._database.begin() as tx:
            await kept.remove_pointer(tx, await self._own(tx, domain), check_domain(pointer, field="pointer"))

    # -- the spam filter --
    async def high_score(self, domain: str, /) -> int:
        """The score from which on mail is refused, rounded into the range that a host knows."""
        async with self._database.read() as tx:
            score = await kept.reject_threshold(tx, self._tenant, check_domain(domain))
        least, most = HIGH_SCORES
        return min(max(round(score), least), most)

    async def set_high_score(self, domain: str, score: int, /) -> None:
        """Set it. Lower limits of the domain follow down, so that none stands above it."""
        checked = check_score(score)
        async with self._database.begin() as tx:
            own = await self._own(tx, domain)
            await kept.set_reject_threshold(tx, own, float(checked), now_ms=self._clock())

    async def spam_list(self, domain: str, which: SpamList, /) -> tuple[str, ...]:
        """The domain's list."""
        async with self._database.read() as tx:
            own = shelf("domain", await self._own(tx, domain))
            found = await lists.every(tx, self._tenant, own, _KINDS[which], self._clock())
            return tuple(sorted(each.item for each in found))

    async def add_to_list(self, domain: str, which: SpamList, entry: str, /) -> None:
        """Add an entry; case makes no difference."""
        new = _item(entry)
        async with self._database.begin() as tx:
            own = shelf("domain", await self._own(tx, domain))
            adding = NewEntry(shelf=own, kind=_KINDS[which], item=new, created_by=self.name)
            if await lists.add(tx, self._tenant, adding, self._clock()) is None:
                raise Conflict(f"{new.text} is on the list already")

    async def remove_from_list(self, domain: str, which: SpamList, entry: str, /) -> None:
        """Take one away."""
        item = _item(entry)
        async with self._database.begin() as tx:
            own = shelf("domain", await self._own(tx, domain))
            found = await lists.find(tx, self._tenant, own, item.text, _KINDS[which])
            if not await lists.remove_many(tx, self._tenant, [each.id for each in found]):
                raise NotThere(f"{item.text} is not on the list")

    async def _own(self, tx: AsyncConnection, domain: str) -> str:
        """The domain's name, once it is known to be the tenant's. Raises `NotThere`."""
        name = check_domain(domain)
        await kept.hosted(tx, self._tenant, name)
        return name


def _item(entry: str) -> Item:
    """Raises `Refused`."""
    try:
        return normalise(check_entry(entry))
    except BadItem as error:
        raise Refused(f"entry: {error}", field="entry") from error


class _Within:
    """One transaction as the source of all."""

    def __init__(self, tx: AsyncConnection) -> None:
        self._tx = tx

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        yield self._tx

    read = begin
