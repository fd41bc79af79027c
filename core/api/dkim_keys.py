"""`/dkim-keys`: which are in use since when."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment
from core.api.services import asked
from core.service import dkim_keys
from core.store.clock import iso_seconds
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_LABEL = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_Selector = Annotated[str, Field(max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]


class NewKey(BaseModel):
    """A key whose age is to be watched."""

    model_config = ConfigDict(extra="forbid")

    domain: Domain
    selector: _Selector = Field(description="The labels before `._domainkey`, in lower case.")
    public_key: str = Field(
        "", max_length=4096, description="The record, or the base64 of its p=; empty: only its age is known."
    )
    created_at: Moment = Field(None, description="Since when it is in use (ISO 8601); without: now.")
    rotate: bool = Field(default=False, description="Retire the domain's other keys.")


class KeyView(BaseModel):
    """A key; `retired_at` null: it is in use."""

    domain: str
    selector: str
    public_key: str
    created_at: str
    rotate_by: str
    retired_at: str | None
    warned: bool = Field(description="Its rotation was announced.")

    @classmethod
    def of(cls, key: dkim_keys.DkimKey) -> "KeyView":
        return cls(
            domain=key.domain,
            selector=key.selector,
            public_key=key.public_key,
            created_at=iso_seconds(key.created_ms),
            rotate_by=iso_seconds(dkim_keys.rotate_by_ms(key)),
            retired_at=iso_seconds(key.retired_ms),
            warned=key.warned,
        )


async def listing(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=[KeyView.of(key) for key in await dkim_keys.listing(tx, by)])


async def add(call: Call[None, NewKey]) -> Reply:
    core, by = asked(call)
    body = call.body
    async with core.database.begin() as tx:
        key = await dkim_keys.add(
            core,
            tx,
            by,
            domain=body.domain,
            selector=body.selector,
            public_key=body.public_key,
            created_ms=body.created_at,
            rotate=body.rotate,
        )
    return Reply(data=KeyView.of(key), message="The key is watched.")


async def retire(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await dkim_keys.retire(core, tx, by, call.path["domain"], call.path["selector"])
    return Reply(data=None, message="The key is retired.")


ROUTES = (
    Route(
        "GET",
        "/api/v1/dkim-keys",
        listing,
        summary="DKIM keys, those in use first, the oldest first",
        response=list[KeyView],
        scope=dkim_keys.READ,
    ),
    Route(
        "POST",
        "/api/v1/dkim-keys",
        add,
        summary="Watch a DKIM key, or rotate to it",
        body=NewKey,
        response=KeyView,
        status=201,
        scope=dkim_keys.WRITE,
        errors=(NotFound, Conflict),
        creates=True,
    ),
    Route(
        "DELETE",
        "/api/v1/dkim-keys/{domain}/{selector}",
        retire,
        summary="Retire a DKIM key",
        scope=dkim_keys.WRITE,
        errors=(NotFound,),
    ),
)
