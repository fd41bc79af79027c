"""Mailboxes: the mail host's, with the recovery address that is kept here. Passwords pass through."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.audit.entry import Resource
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.hosting import Write, carry_out, named, own
from core.store import recovery
from core.upstream import kept
from core.upstream.errors import NotThere
from core.upstream.provider import Mailbox, MailboxChange, MailProvider, NewMailbox
from core.upstream.rules import check_address, check_limits, check_local_part, check_password
from hub.web.errors import ValidationFailed

__all__ = [
    "QUOTA_MB",
    "READ",
    "SEND_LIMIT",
    "WRITE",
    "Account",
    "Change",
    "New",
    "change",
    "check_recovery",
    "create",
    "listed",
    "one",
    "remove",
    "set_recovery",
]

READ = "emails:read"
WRITE = "emails:write"
QUOTA_MB: Final = 1024
SEND_LIMIT: Final = 9600
"""Of mailboxes for which nothing else is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox. `quota_mb` 0 is without limit, `send_limit` messages a day; None: not counted there."""

    domain: str
    username: str
    quota_mb: int
    send_limit: int
    used_mb: float | None = None
    sent_today: int | None = None
    is_suspended: bool = False
    recovery_email: str | None = None

    @property
    def address(self) -> str:
        return f"{self.username}@{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A mailbox to make."""

    username: str
    password: str = field(repr=False)
    quota_mb: int = QUOTA_MB
    send_limit: int = SEND_LIMIT
    recovery_email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become different; None stays."""

    password: str | None = field(default=None, repr=False)
    quota_mb: int | None = None
    send_limit: int | None = None


async def listed(core: Core, by: By, domain: str) -> tuple[Account, ...]:
    """All of the domain, by name."""
    name = await own(core, by, READ, domain)
    boxes = await core.upstream(by.tenant).mailboxes(name)
    async with core.database.read() as tx:
        emails = await recovery.recovery_of(tx, by.tenant, name)
    found = [_account(name, each, emails) for each in boxes]
    return tuple(sorted(found, key=lambda each: each.username))


async def one(core: Core, by: By, domain: str, username: str) -> Account:
    """Raises `NotThere`."""
    name = await own(core, by, READ, domain)
    return await _one(core, by, name, named(username))


async def create(core: Core, by: By, domain: str, new: New) -> Account:
    """Raises `Refused` naming the field, `Conflict` when the name is taken, `Unavailable`."""
    name = await own(core, by, WRITE, domain)
    user = check_local_part(new.username)
    check_password(new.password)
    check_limits(new.quota_mb, new.send_limit)
    email = None if new.recovery_email is None else check_recovery(f"{user}@{name}", new.recovery_email)
    wanted = NewMailbox(
        username=user, password=new.password, quota_mb=new.quota_mb, send_limit=new.send_limit
    )
    box = Mailbox(username=user, quota_mb=new.quota_mb, send_limit=new.send_limit)
    made = Account(
        domain=name,
        username=user,
        quota_mb=new.quota_mb,
        send_limit=new.send_limit,
        recovery_email=email,
    )
    write = Write(
        act=lambda host: host.add_mailbox(name, wanted),
        happened=lambda host: _is_there(host, name, user),
        # also without an address: one that an earlier mailbox of this name had must not let anybody in
        keep=lambda tx: recovery.put(tx, by.tenant, name, box, email, now_ms=core.clock()),
        deed=_deed("create", "mailbox.created", name, user, after=_figures(made)),
        secret=new.password,
    )
    await carry_out(core, by, write)
    return made


async def change(core: Core, by: By, domain: str, username: str, wanted: Change) -> Account:
    """Raises `NotThere`, `Refused`, `Unavailable`."""
    name = await own(core, by, WRITE, domain)
    user = named(username)
    if wanted == Change():
        raise ValidationFailed("nothing to change: give password, quota or limit")
    if wanted.password is not None:
        check_password(wanted.password)
    check_limits(wanted.quota_mb, wanted.send_limit)
    was = await _one(core, by, name, user)
    asked = MailboxChange(password=wanted.password, quota_mb=wanted.quota_mb, send_limit=wanted.send_limit)
    now_ms = core.clock()
    write = Write(
        act=lambda host: host.change_mailbox(name, user, asked),
        happened=None if wanted.password else lambda host: _is_so(host, name, user, asked),
        mirror=lambda tx: kept.change_mailbox(tx, name, user, asked, now_ms=now_ms),
        deed=_changed(was, wanted),
        secret=wanted.password or "",
    )
    await carry_out(core, by, write)
    quota_mb = was.quota_mb if wanted.quota_mb is None else wanted.quota_mb
    return replace(
        was,
        quota_mb=quota_mb,
        send_limit=was.send_limit if wanted.send_limit is None else wanted.send_limit,
    )


async def set_recovery(core: Core, by: By, domain: str, username: str, email: str | None) -> Account:
    """Set the recovery address, or clear it with None. Raises `NotThere`, `Refused`."""
    name = await own(core, by, WRITE, domain)
    user = named(username)
    address = None if email is None else check_recovery(f"{user}@{name}", email)
    was = await _one(core, by, name, user)
    box = Mailbox(username=user, quota_mb=was.quota_mb, send_limit=was.send_limit)
    deed = _deed(
        "recovery_update",
        "mailbox.updated",
        name,
        user,
        before={"recovery_email": was.recovery_email},
        after={"recovery_email": address},
    )
    async with core.database.begin() as tx:
        await recovery.put(tx, by.tenant, name, box, address, now_ms=core.clock())
        await record(core, tx, by, deed)
    return replace(was, recovery_email=address)


async def remove(core: Core, by: By, domain: str, username: str) -> None:
    """With its mail. Raises `NotThere`, `Unavailable`."""
    name = await own(core, by, WRITE, domain)
    user = named(username)
    was = await _one(core, by, name, user)
    write = Write(
        act=lambda host: host.remove_mailbox(name, user),
        happened=lambda host: _is_gone(host, name, user),
        mirror=lambda tx: kept.remove_mailbox(tx, name, user),
        deed=_deed("delete", "mailbox.deleted", name, user, before=_figures(was)),
    )
    await carry_out(core, by, write)


def check_recovery(address: str, email: str) -> str:
    """An address that is not the mailbox itself. Raises `Refused`, `ValidationFailed`."""
    found = check_address(email, field="recovery_email")
    if found == address:
        raise ValidationFailed.of("recovery_email", "name another mailbox than the one it is to recover")
    return found


async def _one(core: Core, by: By, domain: str, user: str) -> Account:
    box = await core.upstream(by.tenant).mailbox(domain, user)
    async with core.database.read() as tx:
        emails = await recovery.recovery_of(tx, by.tenant, domain, user)
    return _account(domain, box, emails)


async def _is_there(host: MailProvider, domain: str, user: str) -> bool:
    return (await host.mailbox(domain, user)).username == user


async def _is_gone(host: MailProvider, domain: str, user: str) -> bool:
    try:
        await host.mailbox(domain, user)
    except NotThere:
        return True
    return False


async def _is_so(host: MailProvider, domain: str, user: str, asked: MailboxChange) -> bool:
    box = await host.mailbox(domain, user)
    return asked.quota_mb in (None, box.quota_mb) and asked.send_limit in (None, box.send_limit)


def _changed(was: Account, wanted: Change) -> Deed:
    """What differs; of a password only that it does."""
    figures = {"quota_mb": wanted.quota_mb, "send_limit": wanted.send_limit}
    after = {name: value for name, value in figures.items() if value is not None}
    before = {name: value for name, value in _figures(was).items() if name in after}
    changes = [*after, *(["password"] if wanted.password is not None else [])]
    return _deed(
        "update", "mailbox.updated", was.domain, was.username, before=before, after=after, changed=changes
    )


def _figures(account: Account) -> dict[str, Any]:
    return {
        "quota_mb": account.quota_mb,
        "send_limit": account.send_limit,
        "recovery_email": account.recovery_email,
    }


def _deed(
    verb: str,
    event: str,
    domain: str,
    user: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    changed: list[str] | None = None,
) -> Deed:
    address = f"{user}@{domain}"
    details = {} if changed is None else {"changed": changed}
    return Deed(
        action=f"mailbox.{verb}",
        resource=Resource(type="mailbox", id=address, domain=domain),
        before=before,
        after=after,
        details=details,
        event=event,
        data={"username": user, "email": address, **details},
    )


def _account(domain: str, box: Mailbox, emails: Mapping[str, str]) -> Account:
    return Account(
        domain=domain,
        username=box.username,
        quota_mb=box.quota_mb,
        send_limit=box.send_limit,
        used_mb=box.used_mb,
        sent_today=box.sent_today,
        is_suspended=box.is_suspended,
        recovery_email=emails.get(box.username.lower()),
    )
