"""A small application over a made-up route table."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hub.web.access import Authenticate, StaticToken
from hub.web.errors import ApiError, Conflict, NotFound, ServiceUnavailable
from hub.web.idempotency import MemoryIdempotency
from hub.web.middleware import answers
from hub.web.mount import mount
from hub.web.route import Bare, Call, Reply, Route, Stream

TOKEN = "correct horse"
AUTH = {"Authorization": f"Bearer {TOKEN}"}


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str = ""
    many: tuple[int, ...] = ()
    limit: Annotated[int, Field(ge=1, le=10)] = 5


def _lower(name: str) -> str:
    if name != name.lower():
        raise ValueError("is written in lower case")
    return name


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(_lower)]
    size: int = 1


class Gone(Exception):
    """A foreign error that the application translates."""


made: list[str] = []


async def search(call: Call[Search, None]) -> Reply:
    page = {"next_cursor": "n", "has_more": True, "limit": call.query.limit}
    return Reply(data=call.query.model_dump(), pagination=page)


async def create(call: Call[None, Thing]) -> Reply:
    if call.body.name == "taken":
        raise Conflict("That name is taken.")
    made.append(call.body.name)
    return Reply(data={"name": call.body.name, "number": len(made)})


async def one(call: Call[None, None]) -> Reply:
    if call.path["name"] == "gone":
        raise Gone
    if call.path["name"] == "broken":
        raise RuntimeError("secret detail")
    raise NotFound(f"no {call.path['name']}")


async def ping(call: Call[None, None]) -> Bare:
    return Bare(body=b"pong", media_type="text/plain; charset=utf-8")


async def stream(call: Call[Search, None]) -> Stream:
    return Stream(chunks=_chunks(call.query.word), media_type="text/csv", filename="x.csv")


async def _chunks(word: str) -> AsyncIterator[bytes]:
    if word == "early":
        raise ServiceUnavailable("not now", retry_after_s=7)
    yield b"first\n"
    if word == "late":
        raise RuntimeError("half way")
    yield b"second\n"


ROUTES = (
    Route("GET", "/api/v1/things", search, summary="Search", query=Search, response=Search),
    Route(
        "POST", "/api/v1/things", create, summary="Make", body=Thing, response=Thing, status=201, creates=True
    ),
    Route("GET", "/api/v1/things/{name}", one, summary="One", response=Thing, errors=(NotFound,)),
    Route("GET", "/api/v1/stream", stream, summary="Stream", query=Search, media_types=("text/csv",)),
    Route("GET", "/ping", ping, summary="Alive", scope=None, media_types=("text/plain",)),
)


def translate(error: Exception) -> ApiError | None:
    return ServiceUnavailable("gone for now") if isinstance(error, Gone) else None


Start = Callable[..., "TestClient[web.Request, web.Application]"]


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., object]]:
    clients: list[TestClient[web.Request, web.Application]] = []

    async def begin(authenticate: Authenticate | None = None) -> TestClient[web.Request, web.Application]:
        app = web.Application(middlewares=[answers(translate)], client_max_size=1000)
        mount(
            app,
            ROUTES,
            authenticate=authenticate or StaticToken(lambda: TOKEN),
            idempotency=MemoryIdempotency(),
        )
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    made.clear()
    yield begin
    for client in clients:
        await client.close()


@pytest.fixture
async def client(start: Callable[..., object]) -> TestClient[web.Request, web.Application]:
    return await start()  # type: ignore[misc,no-any-return]
