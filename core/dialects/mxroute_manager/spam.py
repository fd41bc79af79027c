"""The spam filter: its settings, its black and white list."""

from pydantic import BaseModel, Field

from core.api.services import asked
from core.service import spam, spam_lists
from core.service.spam import READ, WRITE, SpamChange
from core.upstream.provider import SpamList
from hub.web.errors import Conflict, NotFound, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TROUBLE = (NotFound, UpstreamFailed)


class EntryBody(BaseModel):
    entry: str = Field(max_length=320)


class SettingsBody(BaseModel):
    high_score: int


async def settings(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    found = await spam.get(core, by, call.path["domain"])
    return Reply(data={"high_score": found.high_score})


async def set_settings(call: Call[None, SettingsBody]) -> Reply:
    core, by = asked(call)
    changed = await spam.change(core, by, call.path["domain"], SpamChange(high_score=call.body.high_score))
    return Reply(data={"high_score": changed.high_score})


_SPAM = "/api/domains/{domain}/spam"


def _routes_of(which: SpamList) -> tuple[Route, ...]:
    async def listing(call: Call[None, None]) -> Reply:
        core, by = asked(call)
        return Reply(data=list(await spam_lists.listed(core, by, call.path["domain"], which)))

    async def add(call: Call[None, EntryBody]) -> Reply:
        core, by = asked(call)
        entry = await spam_lists.add(core, by, call.path["domain"], which, call.body.entry)
        return Reply(data={"entry": entry})

    async def remove(call: Call[None, None]) -> Reply:
        core, by = asked(call)
        await spam_lists.remove(core, by, call.path["domain"], which, call.path["entry"])
        return Reply(data=None)

    path, errors = f"{_SPAM}/{which}", (*_TROUBLE, Conflict)
    return (
        Route("GET", path, listing, summary=f"The {which}", scope=READ, errors=_TROUBLE),
        Route(
            "POST",
            path,
            add,
            summary=f"Add to the {which}",
            body=EntryBody,
            status=201,
            scope=WRITE,
            errors=errors,
        ),
        Route(
            "DELETE",
            f"{path}/{{entry}}",
            remove,
            summary=f"Take off the {which}",
            scope=WRITE,
            errors=_TROUBLE,
        ),
    )


ROUTES = (
    *_routes_of("blacklist"),
    *_routes_of("whitelist"),
    Route("GET", f"{_SPAM}/settings", settings, summary="Spam settings", scope=READ, errors=_TROUBLE),
    Route(
        "PATCH",
        f"{_SPAM}/settings",
        set_settings,
        summary="Change spam settings",
        body=SettingsBody,
        scope=WRITE,
        errors=_TROUBLE,
    ),
)
