"""Who hosts a domain's mail: mailboxes, forwarding, spam filter. Passwords pass through and are not kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from core.dns.expected import MailServer, Txt

__all__ = [
    "CatchAll",
    "CatchAllKind",
    "Forwarder",
    "HostedDomain",
    "HostedRecords",
    "MailProvider",
    "Mailbox",
    "MailboxChange",
    "NewMailbox",
    "Pointer",
    "SpamList",
]

CatchAllKind = Literal["fail", "blackhole", "address"]
SpamList = Literal["blacklist", "whitelist"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedDomain:
    """A domain at the host. `is_hosting`: whether it takes mail for it."""

    name: str
    is_hosting: bool
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedRecords:
    """The DNS records that the host wants; `verification` proves whose the domain is, before it is added."""

    mx: tuple[MailServer, ...] = ()
    spf: str = ""
    dkim: Txt | None = None
    verification: Txt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """`quota_mb` 0 is without limit; `send_limit` is messages a day. `None`: the host does not count it."""

    username: str
    quota_mb: int
    send_limit: int
    used_mb: float | None = None
    sent_today: int | None = None
    is_suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMailbox:
    """What is needed to make one."""

    username: str
    password: str = field(repr=False)
    quota_mb: int = 1024
    send_limit: int = 9600


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxChange:
    """What is to become different; `None` stays."""

    password: str | None = field(default=None, repr=False)
    quota_mb: int | None = None
    send_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarder:
    """Mail to `alias` goes on to all destinations; `:blackhole:` and `:fail:` are destinations too."""

    alias: str
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchAll:
    """What becomes of mail to nobody; `address` with that kind only."""

    kind: CatchAllKind = "fail"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Another name of the domain: an alias has the same mailboxes, a redirect none."""

    name: str
    is_alias: bool = True


class MailProvider(Protocol):
    """All calls raise `core.upstream.errors.ProviderError` in one of its kinds: `NotThere` for what does not
    exist, `Conflict` for what does already, `Refused` with the field for what is not acceptable.
    """

    name: str

    async def check(self) -> str: ...

    async def domains(self) -> tuple[str, ...]: ...
    async def domain(self, domain: str, /) -> HostedDomain: ...
    async def add_domain(self, domain: str, /) -> None: ...
    async def remove_domain(self, domain: str, /) -> None: ...
    async def set_hosting(self, domain: str, /, *, on: bool) -> None: ...
    async def records(self, domain: str, /) -> HostedRecords: ...

    async def mailboxes(self, domain: str, /) -> tuple[Mailbox, ...]: ...
    async def mailbox(self, domain: str, username: str, /) -> Mailbox: ...
    async def add_mailbox(self, domain: str, new: NewMailbox, /) -> None: ...
    async def change_mailbox(self, domain: str, username: str, change: MailboxChange, /) -> None: ...
    async def remove_mailbox(self, domain: str, username: str, /) -> None: ...

    async def forwarders(self, domain: str, /) -> tuple[Forwarder, ...]: ...
    async def add_forwarder(self, domain: str, alias: str, destinations: Sequence[str], /) -> None: ...
    async def remove_forwarder(self, domain: str, alias: str, /) -> None: ...
    async def catch_all(self, domain: str, /) -> CatchAll: ...
    async def set_catch_all(self, domain: str, catch_all: CatchAll, /) -> None: ...
    async def pointers(self, domain: str, /) -> tuple[Pointer, ...]: ...
    async def add_pointer(self, domain: str, pointer: Pointer, /) -> None: ...
    async def remove_pointer(self, domain: str, pointer: str, /) -> None: ...

    async def high_score(self, domain: str, /) -> int: ...
    async def set_high_score(self, domain: str, score: int, /) -> None: ...
    async def spam_list(self, domain: str, which: SpamList, /) -> tuple[str, ...]: ...
    async def add_to_list(self, domain: str, which: SpamList, entry: str, /) -> None: ...
    async def remove_from_list(self, domain: str, which: SpamList, entry: str, /) -> None: ...
