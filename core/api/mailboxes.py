"""`/domains/{domain}/email-accounts`: mailboxes, and what mail programs must be told."""

from collections.abc import AsyncIterator
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.fields import Word
from core.api.services import asked, paged
from core.paging.query import PartPaging
from core.service import mail_clients, mailboxes
from core.service.mailbox_csv import exported
from core.service.mailboxes import QUOTA_MB, READ, SEND_LIMIT, WRITE, Account
from hub.web.errors import Conflict, NotFound, RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route, Stream

__all__ = ["ROUTES", "MailboxChangeBody", "MailboxView", "NewMailboxBody", "export"]

_TROUBLE = (NotFound, RateLimited, UpstreamFailed)
_MOST = 2**31 - 1


class MailboxView(BaseModel):
    """A mailbox; figures that its host does not count are null."""

    username: str
    email: str
    domain: str
    quota: int = Field(description="MB; 0 is without limit.")
    limit: int = Field(description="Messages that it may send a day.")
    usage: float | None = Field(description="MB.")
    sent: int | None = Field(description="Messages sent today.")
    suspended: bool
    recovery_email: str | None

    @classmethod
    def of(cls, found: Account) -> "MailboxView":
        return cls(
            username=found.username,
            email=found.address,
            domain=found.domain,
            quota=found.quota_mb,
            limit=found.send_limit,
            usage=found.used_mb,
            sent=found.sent_today,
            suspended=found.is_suspended,
            recovery_email=found.recovery_email,
        )


class NewMailboxBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: Word = Field(description="The part before the @.")
    password: SecretStr = Field(
        max_length=256,
        description="8 characters or more, with a capital, a small letter and a digit; not kept.",
    )
    quota: int = Field(QUOTA_MB, ge=0, le=_MOST, description="MB; 0 is without limit.")
    limit: int = Field(SEND_LIMIT, ge=0, le=_MOST, description="Messages a day.")
    recovery_email: Word | None = Field(None, description="For a password reset by the owner.")

    def wanted(self) -> mailboxes.New:
        return mailboxes.New(
            username=self.username,
            password=self.password.get_secret_value(),
            quota_mb=self.quota,
            send_limit=self.limit,
            recovery_email=self.recovery_email or None,
        )


class MailboxChangeBody(BaseModel):
    """What is given is changed."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr | None = Field(None, max_length=256)
    quota: int | None = Field(None, ge=0, le=_MOST)
    limit: int | None = Field(None, ge=0, le=_MOST)

    def wanted(self) -> mailboxes.Change:
        password = None if self.password is None else self.password.get_secret_value()
        return mailboxes.Change(password=password, quota_mb=self.quota, send_limit=self.limit)


class RecoveryBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    recovery_email: Word | None = Field(description="An address elsewhere; null takes it away.")


class ClientQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: Word | None = Field(None, description="Of a mailbox that is there.")


class ServerView(BaseModel):
    host: str
    port: int
    encryption: str = Field(description="ssl (TLS at once) or starttls.")


class WebmailView(BaseModel):
    url: str | None = Field(description="null while the DNS does not show it.")
    status: str = Field(description="Of its DNS check: pass, pending, warn, skipped.")


class ClientSettingsView(BaseModel):
    domain: str
    mail_host: str
    username: str | None = Field(description="What to log in with: the whole address.")
    imap: ServerView
    smtp_ssl: ServerView
    smtp_starttls: ServerView
    webmail: WebmailView


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    found = await mailboxes.listed(core, by, call.path["domain"])
    return paged(call.query.part(found), MailboxView.of)


async def create(call: Call[None, NewMailboxBody]) -> Reply:
    core, by = asked(call)
    made = await mailboxes.create(core, by, call.path["domain"], call.body.wanted())
    return Reply(data=MailboxView.of(made), message="created")


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=MailboxView.of(await mailboxes.one(core, by, call.path["domain"], call.path["user"])))


async def change(call: Call[None, MailboxChangeBody]) -> Reply:
    core, by = asked(call)
    domain, user = call.path["domain"], call.path["user"]
    changed = await mailboxes.change(core, by, domain, user, call.body.wanted())
    return Reply(data=MailboxView.of(changed), message="changed")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await mailboxes.remove(core, by, call.path["domain"], call.path["user"])
    return Reply(data=None, message="deleted")


async def recovery(call: Call[None, RecoveryBody]) -> Reply:
    core, by = asked(call)
    domain, user = call.path["domain"], call.path["user"]
    changed = await mailboxes.set_recovery(core, by, domain, user, call.body.recovery_email)
    return Reply(data=MailboxView.of(changed), message="changed")


async def client_settings(call: Call[ClientQuery, None]) -> Reply:
    core, by = asked(call)
    found = await mail_clients.client_settings(core, by, call.path["domain"], call.query.username)
    return Reply(data=ClientSettingsView.model_validate(asdict(found)))


async def export(call: Call[None, None]) -> Stream:
    core, by = asked(call)
    domain = call.path["domain"]
    text = await exported(core, by, domain)

    async def chunks() -> AsyncIterator[bytes]:
        yield text.encode()

    return Stream(chunks=chunks(), media_type="text/csv", filename=f"mailboxes-{domain}.csv")


_ALL = "/api/v1/domains/{domain}/email-accounts"
_ONE = f"{_ALL}/{{user}}"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Mailboxes of a domain, by name",
        query=PartPaging,
        response=list[MailboxView],
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make a mailbox",
        body=NewMailboxBody,
        response=MailboxView,
        status=201,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
        creates=True,
    ),
    Route("GET", _ONE, one, summary="One mailbox", response=MailboxView, scope=READ, errors=_TROUBLE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change password, quota or send limit",
        body=MailboxChangeBody,
        response=MailboxView,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route("DELETE", _ONE, remove, summary="Remove a mailbox with its mail", scope=WRITE, errors=_TROUBLE),
    Route(
        "PATCH",
        f"{_ONE}/recovery",
        recovery,
        summary="Set the address that its owner gets in again by",
        body=RecoveryBody,
        response=MailboxView,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route(
        "GET",
        "/api/v1/domains/{domain}/mail-client-settings",
        client_settings,
        summary="What a mail program must be told",
        query=ClientQuery,
        response=ClientSettingsView,
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "GET",
        f"{_ALL}.csv",
        export,
        summary="All mailboxes as CSV, passwords blank",
        scope=READ,
        errors=_TROUBLE,
        media_types=("text/csv",),
    ),
)
