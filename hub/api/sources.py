"""Sources: what comes in, how it is polled, and what went wrong."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from hub.api.services import Services, services_of
from hub.web.errors import ServiceUnavailable
from hub.web.route import Call, Reply, Route
from hub.web.times import iso

__all__ = ["ROUTES", "SourceItem", "source_items"]


class StreamItem(BaseModel):
    stream: str = Field(description="Name of the poll; look-back walks are streams of their own.")
    next_poll: str | None
    cursor: str | None = Field(description="Where the next walk goes on, as the source wrote it.")


class SourceItem(BaseModel):
    source: str
    vendor: str
    tenant: str
    state: str = Field(description="ok, waiting (nothing came yet), failing or refused (its polls)")
    last_event: str | None
    last_poll: str | None
    errors: int = Field(description="Failed polls and refused webhooks.")
    unknown: int = Field(description="Events kept as OCSF base events, because no mapper could read them.")
    streams: list[StreamItem]
    reason: str = Field(description="The last trouble.")
    accepted: int
    duplicate: int
    rejected: int


async def list_(call: Call[None, None]) -> Reply:
    return Reply(data=await source_items(services_of(call.request)))


async def source_items(services: Services) -> list[SourceItem]:
    """Every configured source, by name."""
    status = await services.state.sources()
    due = await services.state.schedule_all()
    cursors = await services.log.cursors()
    return [
        _item(services, name, status.get(name, {}), _streams(name, due, cursors))
        for name in sorted(services.settings.sources)
    ]


def _item(services: Services, name: str, status: Mapping[str, Any], streams: list[StreamItem]) -> SourceItem:
    last_event, last_poll = _ms(status, "last_event_ms"), _ms(status, "last_poll_ms")
    rejected = _count(status, "rejected")
    return SourceItem(
        source=name,
        vendor=services.settings.sources[name].vendor,
        tenant=services.settings.tenant_of(name),
        state=str(status.get("state") or ("ok" if last_event or last_poll else "waiting")),
        last_event=iso(last_event) if last_event else None,
        last_poll=iso(last_poll) if last_poll else None,
        errors=_count(status, "errors") + rejected,
        unknown=_count(status, "unknown"),
        streams=streams,
        reason=str(status.get("reason") or ""),
        accepted=_count(status, "accepted"),
        duplicate=_count(status, "duplicate"),
        rejected=rejected,
    )


def _streams(source: str, due: Mapping[str, int], cursors: Mapping[str, str]) -> list[StreamItem]:
    prefix = source + "/"
    keys = sorted(key for key in due if key.startswith(prefix))
    return [
        StreamItem(stream=key.removeprefix(prefix), next_poll=iso(due[key]), cursor=cursors.get(key))
        for key in keys
    ]


def _ms(status: Mapping[str, Any], name: str) -> int | None:
    value = status.get(name)
    return int(value) if value else None


def _count(status: Mapping[str, Any], name: str) -> int:
    return int(status.get(name) or 0)


ROUTES = (
    Route(
        "GET",
        "/api/v1/sources",
        list_,
        summary="Every source with its last event, its polls and its errors",
        response=list[SourceItem],
        errors=(ServiceUnavailable,),
    ),
)
