"""Mailboxes, tables of them, and what mail programs must be told."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api import mailboxes as own
from core.api.services import asked
from core.service import mail_clients, mailboxes
from core.service.mailbox_csv import MAX_ROWS, Row, template
from core.service.mailbox_preview import Checked, preview
from core.service.mailboxes import READ, WRITE, Account
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import ANY_CALLER, Bare, Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (NotFound, UpstreamFailed)
_NOTE = "Use your full email address as the username."


class MailboxBody(own.NewMailboxBody):
    """As ours; an empty `recovery_email` is none, and members that are not known are passed over."""

    model_config = ConfigDict(extra="ignore")

    username: str = Field(max_length=320)
    recovery_email: str | None = Field(None, max_length=320)


class MailboxChangeBody(own.MailboxChangeBody):
    model_config = ConfigDict(extra="ignore")


class RecoveryBody(BaseModel):
    recovery_email: str | None = Field(max_length=320)


class UsernameQuery(BaseModel):
    username: str | None = Field(None, max_length=320)


class RowBody(BaseModel):
    """Columns as the manager's tables call them."""

    username: str = Field("", max_length=320)
    user: str = Field("", max_length=320)
    email: str = Field("", max_length=320)
    mailbox: str = Field("", max_length=320)
    address: str = Field("", max_length=320)
    password: SecretStr = Field(SecretStr(""), max_length=256)
    quota: int | str | None = None
    limit: int | str | None = None
    recovery_email: str | None = Field(None, max_length=320)
    domain: str | None = Field(None, max_length=300)
    line: int | None = Field(None, ge=0, le=10**9)

    def row(self) -> Row:
        return Row(
            username=self.username or self.user,
            address=self.email or self.mailbox or self.address,
            password=self.password.get_secret_value(),
            quota=self.quota,
            limit=self.limit,
            recovery_email=self.recovery_email or "",
            domain=self.domain or "",
            line=self.line,
        )


class TableBody(BaseModel):
    default_domain: str = Field("", max_length=300)
    existing_by_domain: dict[str, list[str]] = Field(default_factory=dict)
    rows: list[RowBody] = Field(max_length=MAX_ROWS)


async def listing(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=[_shown(each) for each in await mailboxes.listed(core, by, call.path["domain"])])


def _shown(found: Account) -> dict[str, Any]:
    return {
        "username": found.username,
        "email": found.address,
        "quota": found.quota_mb,
        "usage": found.used_mb or 0,
        "limit": found.send_limit,
        "sent": found.sent_today or 0,
        "suspended": found.is_suspended,
        "recovery_email": found.recovery_email,
        "has_recovery_email": found.recovery_email is not None,
    }


async def create(call: Call[None, MailboxBody]) -> Reply:
    core, by = asked(call)
    made = await mailboxes.create(core, by, call.path["domain"], call.body.wanted())
    return Reply(data=_shown(made))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=_shown(await mailboxes.one(core, by, call.path["domain"], call.path["user"])))


async def change(call: Call[None, MailboxChangeBody]) -> Reply:
    core, by = asked(call)
    domain, user = call.path["domain"], call.path["user"]
    return Reply(data=_shown(await mailboxes.change(core, by, domain, user, call.body.wanted())))


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    await mailboxes.remove(core, by, call.path["domain"], call.path["user"])
    return Reply(data=None)


async def recovery(call: Call[None, RecoveryBody]) -> Reply:
    core, by = asked(call)
    email = call.body.recovery_email or None
    changed = await mailboxes.set_recovery(core, by, call.path["domain"], call.path["user"], email)
    return Reply(data={"recovery_email": changed.recovery_email})


async def client_settings(call: Call[UsernameQuery, None]) -> Reply:
    core, by = asked(call)
    found = await mail_clients.client_settings(core, by, call.path["domain"], call.query.username or None)
    return Reply(data=asdict(found) | {"username_note": _NOTE})


async def check(call: Call[None, TableBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    rows = [each.row() for each in body.rows]
    found = await preview(
        core, by, rows, default_domain=body.default_domain, existing=body.existing_by_domain
    )
    return Reply(data={"rows": [_checked(each) for each in found.rows], "summary": found.summary})


def _checked(row: Checked) -> dict[str, Any]:
    """Without the password: whoever sent it has it."""
    return {
        "line": row.line,
        "domain": row.domain,
        "username": row.username,
        "quota": row.quota,
        "limit": row.limit,
        "recovery_email": row.recovery_email,
        "valid": row.is_valid,
        "needs_password": row.needs_password,
        "already_exists": row.already_exists,
        "duplicate_in_csv": row.duplicate_in_csv,
        "errors": list(row.errors),
    }


async def empty(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
    headers = {"Content-Disposition": 'attachment; filename="mailboxes.csv"'}
    return Bare(body=template().encode(), media_type=_CSV, headers=headers)


_CSV = "text/csv; charset=utf-8"
_ALL = "/api/domains/{domain}/email-accounts"
_ONE = f"{_ALL}/{{user}}"
ROUTES = (
    Route("GET", _ALL, listing, summary="Mailboxes", scope=READ, errors=_TROUBLE),
    Route(
        "POST",
        _ALL,
        create,
        summary="Make a mailbox",
        body=MailboxBody,
        status=201,
        scope=WRITE,
        errors=(*_TROUBLE, Conflict),
    ),
    Route("GET", _ONE, one, summary="One mailbox", scope=READ, errors=_TROUBLE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a mailbox",
        body=MailboxChangeBody,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route("DELETE", _ONE, remove, summary="Delete a mailbox", scope=WRITE, errors=_TROUBLE),
    Route(
        "PATCH",
        f"{_ONE}/recovery",
        recovery,
        summary="Set the recovery address",
        body=RecoveryBody,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route(
        "GET",
        "/api/domains/{domain}/mail-client-settings",
        client_settings,
        summary="IMAP, SMTP and webmail settings",
        query=UsernameQuery,
        scope=READ,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        "/api/email-accounts/import/preview",
        check,
        summary="Check a table of mailboxes",
        body=TableBody,
        scope=WRITE,
        errors=(UpstreamFailed,),
    ),
    Route(
        "GET",
        "/api/email-accounts/import/template",
        empty,
        summary="The table to fill in",
        scope=ANY_CALLER,
        media_types=("text/csv",),
    ),
    Route(
        "GET",
        f"{_ALL}.csv",
        own.export,
        summary="Mailboxes as CSV",
        scope=READ,
        errors=_TROUBLE,
        media_types=("text/csv",),
    ),
)
