"""`/verdicts`: what was decided about messages."""

from operator import attrgetter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import verdicts
from core.store.clock import iso_millis
from hub.web.errors import CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "VerdictView"]


class VerdictQuery(Paging):
    """All given conditions must hold; bounds are inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Moment = Field(None, alias="from", description="Judged at this ISO 8601 time or later.")
    until: Moment = Field(None, alias="to", description="Judged at this ISO 8601 time or earlier.")
    domain: Domain | None = Field(None, description="Of the recipient.")
    verdict: Literal["clean", "tag", "quarantine", "reject"] | None = None
    sender: Word | None = Field(None, description="The envelope's sender: an address or a domain.")
    recipient: Word | None = Field(None, description="An address.")
    min_score: float | None = Field(None, allow_inf_nan=False)
    max_score: float | None = Field(None, allow_inf_nan=False)

    def narrow(self) -> verdicts.Filter:
        return verdicts.Filter(
            from_ms=self.since,
            to_ms=self.until,
            domain=self.domain,
            verdict=self.verdict,
            sender=self.sender,
            recipient=self.recipient,
            min_score=self.min_score,
            max_score=self.max_score,
        )


class VerdictView(BaseModel):
    """What was decided about a message for one recipient."""

    id: str
    timestamp: str
    domain: str
    sender: str = Field(description="The envelope's sender; empty for bounces.")
    recipient: str
    subject: str
    message_id: str
    message: str = Field(description="The message's own id; its other recipients have it, too.")
    client_ip: str
    verdict: str = Field(description="clean, tag, quarantine, reject.")
    score: float = Field(description="The sum of the symbols' scores; unbounded.")
    symbols: list[Any]
    reason: str
    authentication: dict[str, Any] | None = Field(description="SPF, DKIM and DMARC as they were found.")
    fate: str = Field(description="relaying, relayed, quarantined, rejected, failed, none (dry run).")
    fate_detail: str = Field(description="The downstream server's own words.")
    quarantine_id: str | None
    size_bytes: int
    mailing_list: bool


_SAME = tuple(name for name in VerdictView.model_fields if name not in ("timestamp", "quarantine_id"))
_values = attrgetter(*_SAME)


def shown(found: verdicts.Verdict) -> dict[str, Any]:
    """As `VerdictView` says. Lists hold a hundred of them: no model is made of what is known to be right."""
    fields = dict(zip(_SAME, _values(found), strict=True))
    return {**fields, "timestamp": iso_millis(found.at_ms), "quarantine_id": found.quarantine_id or None}


async def listing(call: Call[VerdictQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await verdicts.listing(core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor)
    return paged(found, shown)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=shown(await verdicts.one(tx, by, call.path["verdict"])))


ROUTES = (
    Route(
        "GET",
        "/api/v1/verdicts",
        listing,
        summary="Verdicts, newest first",
        query=VerdictQuery,
        response=list[VerdictView],
        scope=verdicts.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "GET",
        "/api/v1/verdicts/{verdict}",
        one,
        summary="One verdict",
        response=VerdictView,
        scope=verdicts.READ,
        errors=(NotFound,),
    ),
)
