"""A back-up of the whole hub, streamed while it works."""

from hub.api.services import services_of
from hub.web.errors import Conflict, ServiceUnavailable
from hub.web.route import Call, Route, Stream

__all__ = ["ROUTES"]

_ELSEWHERE = (
    "The log of this hub is on a server of its own (redis_url), which only its own means can copy: stop"
    " mxhub, save that server and copy the data directory, start again."
)


async def backup(call: Call[None, None]) -> Stream:
    backups = services_of(call.request).backups
    if backups is None:
        raise Conflict(_ELSEWHERE)
    return Stream(chunks=backups.stream(), media_type="application/x-tar", filename="mxhub-backup.tar")


ROUTES = (
    Route(
        "GET",
        "/api/v1/backup",
        backup,
        summary="Everything the hub holds as one file, for `mxhub restore`; one at a time",
        media_types=("application/x-tar",),
        errors=(Conflict, ServiceUnavailable),
    ),
)
