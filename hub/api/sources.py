"""Sources: what comes in, how it is polled, and what went wrong."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from hub.api.services import Services, services_of
from hub.config.model import Settings
from hub.store.state import SourceStatus
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
    errors: int = Field(description="Failed polls and refused webhook requests: `mxhub_source_errors`.")
    unknown: int = Field(description="Events kept as OCSF base events, because no mapper could read them.")
    streams: list[StreamItem]
    reason: str = Field(description="The last trouble.")
    accepted: int
    duplicate: int
    rejected: int
    webhook_url: str | None = Field(
        description="Where its vendor has to send webhooks: `public_url` and the path, or the path alone "
        "without one; null for a source that takes none."
    )


async def list_(call: Call[None, None]) -> Reply:
    return Reply(data=await source_items(services_of(call.request)))


async def source_items(services: Services) -> list[SourceItem]:
    """Every configured source, by name."""
    status = {one.name: one for one in await services.state.sources()}
    due = await services.state.schedule_all()
    cursors = await services.log.cursors()
    return [
        _item(services, status.get(name, SourceStatus(name=name)), _streams(name, due, cursors))
        for name in sorted(services.settings.sources)
    ]


def _item(services: Services, status: SourceStatus, streams: list[StreamItem]) -> SourceItem:
    seen = status.last_event_ms or status.last_poll_ms
    return SourceItem(
        source=status.name,
        vendor=services.settings.sources[status.name].vendor,
        tenant=services.settings.tenant_of(status.name),
        state=status.state or ("ok" if seen else "waiting"),
        last_event=iso(status.last_event_ms) if status.last_event_ms else None,
        last_poll=iso(status.last_poll_ms) if status.last_poll_ms else None,
        errors=status.errors + status.rejected,
        unknown=status.unknown,
        streams=streams,
        reason=status.reason,
        accepted=status.accepted,
        duplicate=status.duplicate,
        rejected=status.rejected,
        webhook_url=_webhook_url(services.settings, status.name),
    )


def _webhook_url(settings: Settings, source: str) -> str | None:
    config = settings.sources[source]
    if not config.secrets and not config.unsigned:
        return None
    return f"{settings.public_url or ''}/in/{source}"


def _streams(source: str, due: Mapping[str, int], cursors: Mapping[str, str]) -> list[StreamItem]:
    prefix = source + "/"
    keys = sorted(key for key in due if key.startswith(prefix))
    return [
        StreamItem(stream=key.removeprefix(prefix), next_poll=iso(due[key]), cursor=cursors.get(key))
        for key in keys
    ]


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
