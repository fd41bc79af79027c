from datetime import date

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.web.access import Trusted
from hub.web.deprecated import Deprecated
from hub.web.idempotency import MemoryIdempotency
from hub.web.middleware import answers
from hub.web.mount import mount
from hub.web.openapi import describe
from hub.web.route import Reply, Route

OLD = Deprecated(since=date(2026, 1, 1), sunset=date(2027, 1, 1), instead="/api/v1/new")


@pytest.mark.parametrize("sunset", [date(2026, 6, 30), date(2025, 12, 1)])
def test_less_than_six_months_of_notice_is_refused(sunset):
    with pytest.raises(ValueError, match="2026-01-01"):
        Deprecated(since=date(2026, 1, 1), sunset=sunset)


async def old(call):
    return Reply(data=None)


async def new(call):
    return Reply(data=None)


ROUTES = (
    Route("GET", "/api/v1/old", old, summary="Old", deprecated=OLD),
    Route("GET", "/api/v1/new", new, summary="New"),
)


async def test_every_answer_of_a_route_that_will_go_says_when():
    app = web.Application(middlewares=[answers(lambda _: None)])
    mount(app, ROUTES, authenticate=Trusted(), idempotency=MemoryIdempotency())
    async with TestClient(TestServer(app)) as client:
        done, refused = await client.get("/api/v1/old"), await client.get("/api/v1/old?nope=1")
        other = await client.get("/api/v1/new")

    assert (done.status, refused.status) == (200, 400)
    for answer in (done, refused):
        assert answer.headers["Deprecation"] == "@1767225600"
        assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert answer.headers["Link"] == '</api/v1/new>; rel="successor-version"'
    assert "Deprecation" not in other.headers


def test_the_description_marks_it():
    paths = describe(ROUTES, title="t", version="1", summary="s")["paths"]

    assert paths["/api/v1/old"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v1/new"]["get"]
