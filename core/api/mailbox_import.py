"""`/email-accounts/import`: tables of mailboxes, checked first."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictInt

from core.api.fields import Word
from core.api.services import asked
from core.service.mailbox_csv import MAX_ROWS, Row, parse
from core.service.mailbox_import import import_rows
from core.service.mailbox_preview import preview
from core.service.mailboxes import WRITE
from hub.web.errors import RateLimited, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (RateLimited, UpstreamFailed)
_Number = StrictInt | str | None


class RowBody(BaseModel):
    """A row; what is wrong in it is said of that row alone."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field("", max_length=320)
    address: str = Field("", max_length=320, description="The whole address, instead of a username.")
    password: SecretStr = Field(SecretStr(""), max_length=256)
    quota: _Number = Field(None, description="MB; 1024 where none is given.")
    limit: _Number = Field(None, description="Messages a day; 9600 where none is given.")
    recovery_email: str = Field("", max_length=320)
    domain: str = Field("", max_length=300)
    line: int | None = Field(None, ge=0, le=10**9, description="Where the row stands in its file.")

    def row(self) -> Row:
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "password"}
        return Row(**given, password=self.password.get_secret_value())


class TableBody(BaseModel):
    """Rows as JSON; the same as `text/csv` with a header."""

    model_config = ConfigDict(extra="forbid")

    rows: list[RowBody] = Field(max_length=MAX_ROWS)
    default_domain: str = Field("", max_length=300, description="Of rows that name none.")


class PreviewBody(TableBody):
    existing_by_domain: dict[str, list[Word]] = Field(
        default_factory=dict, description="Mailboxes that the caller knows of; the host is asked for others."
    )


class ImportBody(TableBody):
    generate_passwords: bool = Field(
        default=False, description="Make a password where none is given, and show it in the answer."
    )


class CheckedView(BaseModel):
    line: int | None
    domain: str
    username: str
    quota: int | None
    limit: int | None
    recovery_email: str | None
    valid: bool
    needs_password: bool
    already_exists: bool
    duplicate_in_csv: bool
    errors: list[str]


class PreviewSummary(BaseModel):
    total: int
    valid: int
    invalid: int
    needs_password: int
    already_exists: int
    duplicate_in_csv: int


class PreviewView(BaseModel):
    """All rows in their order; passwords are not repeated."""

    rows: list[CheckedView]
    summary: PreviewSummary


class MadeView(BaseModel):
    line: int | None
    domain: str
    username: str
    status: str = Field(description="created, skipped (it is there already), failed.")
    error: str
    password: str | None = Field(description="One that was made for it; shown this once.")


class ImportSummary(BaseModel):
    total: int
    created: int
    skipped: int
    failed: int


class ImportView(BaseModel):
    rows: list[MadeView]
    summary: ImportSummary


async def check(call: Call[None, PreviewBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    rows = [each.row() for each in body.rows]
    found = await preview(
        core, by, rows, default_domain=body.default_domain, existing=body.existing_by_domain
    )
    same = [name for name in CheckedView.model_fields if name not in ("valid", "errors")]
    shown = [
        CheckedView(
            valid=each.is_valid, errors=list(each.errors), **{name: getattr(each, name) for name in same}
        )
        for each in found.rows
    ]
    return Reply(data=PreviewView(rows=shown, summary=PreviewSummary(**found.summary)))


async def make(call: Call[None, ImportBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    rows = [each.row() for each in body.rows]
    done = await import_rows(
        core, by, rows, default_domain=body.default_domain, generate_passwords=body.generate_passwords
    )
    shown = [MadeView(**asdict(each)) for each in done.rows]
    return Reply(data=ImportView(rows=shown, summary=ImportSummary(**done.summary)))


def _table(raw: bytes) -> dict[str, Any]:
    return {"rows": [asdict(each) for each in parse(raw)]}


_CSV = {"text/csv": _table}
ROUTES = (
    Route(
        "POST",
        "/api/v1/email-accounts/import/preview",
        check,
        summary="Say of each row of a table of mailboxes what would become of it",
        body=PreviewBody,
        texts=_CSV,
        response=PreviewView,
        scope=WRITE,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        "/api/v1/email-accounts/import",
        make,
        summary="Make the mailboxes of the valid rows of a table",
        body=ImportBody,
        texts=_CSV,
        response=ImportView,
        scope=WRITE,
        errors=_TROUBLE,
        creates=True,
    ),
)
