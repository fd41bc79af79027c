"""Over real HTTP: keys, sessions and limits at the door."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.access.limiter import Limiter
from hub.access.plans import Limits
from hub.access.principal import Grant
from hub.access.sessions import COOKIE, csrf_token
from hub.store.client import Client
from hub.web.access import StaticToken, authorize
from hub.web.client import trust
from hub.web.gate import CSRF_HEADER, Gate, everywhere, tell_limits
from hub.web.idempotency import MemoryIdempotency
from hub.web.middleware import answers
from hub.web.mount import mount
from hub.web.route import Call, Reply, Route, Stream
from tests.factories.access import (
    ACTOR,
    PASSWORD,
    READ,
    access,
    access_template,
    access_template_postgresql,
    access_url,
    bucket_server,
    buckets,
    people,
)

__all__ = [
    "access",
    "access_template",
    "access_template_postgresql",
    "access_url",
    "bucket_server",
    "buckets",
    "people",
]
TOKEN = "the admin token"
UNKNOWN = 6
"""Requests a minute of an address."""
TIED = {"tied.example": "key_of_somebody_else"}


async def me(call: Call[None, None]) -> Reply:
    assert call.principal is not None
    return Reply(
        data={"name": call.principal.name, "tenant": call.principal.tenant, "kind": call.principal.kind}
    )


async def rules(call: Call[None, None]) -> Reply:
    assert call.principal is not None
    domain = call.path["domain"]
    authorize(call.principal, "rules:read", domain, held_by=TIED.get(domain))
    return Reply(data=[])


async def add_rule(call: Call[None, None]) -> Reply:
    return Reply(data=None)


async def export(call: Call[None, None]) -> Stream:
    return Stream(chunks=_chunks(), media_type="text/csv", filename="x.csv")


async def _chunks() -> AsyncIterator[bytes]:
    yield b"a\n"


async def open_to_all(call: Call[None, None]) -> Reply:
    return Reply(data="ok")


ROUTES = (
    Route("GET", "/api/v1/me", me, summary="Me", scope="verdicts:read"),
    Route("GET", "/api/v1/domains/{domain}/rules", rules, summary="Rules", scope="rules:read"),
    Route("POST", "/api/v1/domains/{domain}/rules", add_rule, summary="Add", scope="rules:write"),
    Route("GET", "/api/v1/export", export, summary="All", scope="audit:read", media_types=("text/csv",)),
    Route("GET", "/api/v1/keys", me, summary="Keys", scope="keys:read"),
    Route("GET", "/api/v1/health", open_to_all, summary="Alive", scope=None),
)


@pytest.fixture
async def door(people, buckets):
    """A client of the application."""
    limiter, token, few = Limiter(buckets), StaticToken(lambda: TOKEN), Limits(per_minute=UNKNOWN)
    gate = Gate(people.keyring, people.sessions, limiter, token=token, unknown=few)
    app = web.Application(middlewares=[answers(lambda error: None), everywhere(lambda: gate, "/api/")])
    mount(app, ROUTES, authenticate=gate, idempotency=MemoryIdempotency())
    tell_limits(app)
    trust(app, ["127.0.0.0/8"])
    async with TestClient(TestServer(app)) as client:
        yield client


async def key(people, *grants, **values):
    made, text = await people.keyring.make(
        ACTOR, **{"tenant": "acme", "grants": list(grants) or [READ], "description": "bot", **values}
    )
    return made, text


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


async def session(people, *grants, **values):
    jo = await people.person(**values)
    await people.directory.delegate(ACTOR, "acme", jo.id, list(grants))
    return (await people.signed_in()).cookie


async def code(answer):
    return answer.status, (await answer.json())["error"]["code"]


@pytest.mark.parametrize("header", [bearer, lambda text: {"X-API-Key": text}])
async def test_a_key_opens_the_door_in_either_header(door, people, header):
    _, text = await key(people)

    answer = await door.get("/api/v1/me", headers=header(text))

    assert answer.status == 200
    assert (await answer.json())["data"] == {"name": "bot", "tenant": "acme", "kind": "key"}


@pytest.mark.parametrize(
    "headers", [{}, bearer("mfk_live_wrong"), {"X-API-Key": "x"}, {"Cookie": f"{COOKIE}=x"}]
)
async def test_without_a_key_or_session_that_holds_it_is_401(door, headers):
    answer = await door.get("/api/v1/me", headers=headers)

    assert await code(answer) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_401_with_the_next_request(door, people):
    made, text = await key(people)
    assert (await door.get("/api/v1/me", headers=bearer(text))).status == 200
    await people.keyring.revoke(ACTOR, "acme", made.id)

    assert await code(await door.get("/api/v1/me", headers=bearer(text))) == (401, "UNAUTHORIZED")


async def test_a_missing_scope_is_403(door, people):
    _, text = await key(people, Grant.of(["quarantine-only"]))

    assert await code(await door.get("/api/v1/me", headers=bearer(text))) == (403, "FORBIDDEN")


async def test_a_full_admin_key_may_not_list_keys_unless_it_was_allowed_to(door, people):
    _, plain = await key(people, Grant.of(["full-admin"]))
    _, allowed = await key(people, Grant.of(["full-admin"]), allow_key_admin=True)

    assert await code(await door.get("/api/v1/keys", headers=bearer(plain))) == (403, "FORBIDDEN")
    assert (await door.get("/api/v1/keys", headers=bearer(allowed))).status == 200


async def test_a_domain_of_no_grant_is_403_for_every_route_that_names_one(door, people):
    _, text = await key(people, Grant.of(["domain-admin"], ["a.example"]))

    assert (await door.get("/api/v1/domains/A.Example/rules", headers=bearer(text))).status == 200
    for path in ("/api/v1/domains/b.example/rules", "/api/v1/domains/b.example/rules?x=1"):
        assert await code(await door.get(path, headers=bearer(text))) == (403, "FORBIDDEN")


async def test_a_domain_is_the_same_however_a_path_writes_it(door, people):
    _, text = await key(people, Grant.of(["domain-admin"], ["xn--bcher-kva.example"]))

    for written in ("b%C3%BCcher.example", "XN--BCHER-KVA.Example", "xn--bcher-kva.example."):
        assert (await door.get(f"/api/v1/domains/{written}/rules", headers=bearer(text))).status == 200


async def test_a_domain_that_is_tied_to_another_key_is_404(door, people):
    _, text = await key(people, Grant.of(["full-admin"]))

    answer = await door.get("/api/v1/domains/tied.example/rules", headers=bearer(text))

    assert await code(answer) == (404, "NOT_FOUND")


async def test_a_session_reads_without_and_writes_with_its_csrf_token(door, people):
    cookie = await session(people, Grant.of(["spam"], ["a.example"]))
    mine = {"Cookie": f"{COOKIE}={cookie}"}
    path = "/api/v1/domains/a.example/rules"

    assert (await door.get(path, headers=mine)).status == 200
    assert await code(await door.post(path, headers=mine)) == (403, "CSRF_FAILED")
    assert await code(await door.post(path, headers={**mine, CSRF_HEADER: "x"})) == (403, "CSRF_FAILED")
    assert (await door.post(path, headers={**mine, CSRF_HEADER: csrf_token(cookie)})).status == 200


async def test_a_key_needs_no_csrf_token(door, people):
    _, text = await key(people, Grant.of(["spam"], ["a.example"]))

    assert (await door.post("/api/v1/domains/a.example/rules", headers=bearer(text))).status == 200


async def test_a_wrong_key_is_not_made_good_by_a_cookie(door, people):
    cookie = await session(people, admin=True)
    headers = {**bearer("mfk_live_wrong"), "Cookie": f"{COOKIE}={cookie}"}

    assert (await door.get("/api/v1/me", headers=headers)).status == 401


async def test_the_admin_token_of_the_configuration_still_opens_everything(door):
    answer = await door.get("/api/v1/keys", headers=bearer(TOKEN))

    assert answer.status == 200
    assert (await answer.json())["data"]["kind"] == "token"


async def test_every_answer_tells_the_limits_refusals_errors_and_streams_too(door, people):
    _, text = await key(people, limits={"per_minute": 3, "burst": 1})
    paths = ["/api/v1/export", "/api/v1/keys", "/api/v1/me", "/api/v1/me"]

    found = [await door.get(path, headers=bearer(text)) for path in paths]

    assert [answer.status for answer in found] == [200, 403, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in found] == ["2", "1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in found} == {"3"}
    assert all(answer.headers["X-RateLimit-Reset"].isdecimal() for answer in found)


async def test_over_the_limit_is_429_and_says_when_to_come_back(door, people):
    _, text = await key(people, limits={"per_minute": 1, "burst": 1})
    await door.get("/api/v1/me", headers=bearer(text))

    answer = await door.get("/api/v1/me", headers=bearer(text))

    assert await code(answer) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_over_the_tenants_limit_is_503_for_all_its_keys(door, people):
    limits = {"tenant_per_second": 1, "per_minute": 1000}
    _, one = await key(people, limits=limits)
    _, other = await key(people, limits=limits)

    calls = [door.get("/api/v1/me", headers=bearer(text)) for text in (one, other) * 10]
    found = await asyncio.gather(*calls)

    assert {answer.status for answer in found} == {200, 503}
    assert {answer.headers.get("Retry-After") for answer in found} == {None, "1"}


def figures(answer):
    return int(answer.headers["X-RateLimit-Limit"]), int(answer.headers["X-RateLimit-Remaining"])


async def test_a_key_pays_for_whatever_it_asks_paths_and_methods_that_miss_too(door, people):
    _, text = await key(people, limits={"per_minute": 5, "burst": 1})
    asked = [("GET", "me"), ("GET", "nothing/there"), ("PUT", "me"), ("GET", "health"), ("GET", "keys")]

    found = [await door.request(verb, f"/api/v1/{path}", headers=bearer(text)) for verb, path in asked]
    over = [await door.request(verb, f"/api/v1/{path}", headers=bearer(text)) for verb, path in asked]

    assert [answer.status for answer in found] == [200, 404, 405, 200, 403]
    assert [figures(answer) for answer in found] == [(5, left) for left in (4, 3, 2, 1, 0)]
    assert {answer.status for answer in over} == {429}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in over)


@pytest.mark.parametrize("path", ["me", "nothing/there", "health"])
async def test_wrong_keys_are_counted_by_address_and_refused_beyond_its_window(door, path):
    wrong = [bearer("mfk_live_wrong"), {"X-API-Key": "x"}, {"Cookie": f"{COOKIE}=x"}]
    found = [await door.get(f"/api/v1/{path}", headers=wrong[n % 3]) for n in range(UNKNOWN + 1)]

    assert [figures(answer) for answer in found] == [(UNKNOWN, n) for n in (*range(UNKNOWN - 1, -1, -1), 0)]
    assert {answer.status for answer in found[:-1]} == {
        {"me": 401, "nothing/there": 404, "health": 200}[path]
    }
    assert await code(found[-1]) == (429, "RATE_LIMITED")
    assert 1 <= int(found[-1].headers["Retry-After"]) <= 60


async def test_beyond_the_window_of_an_address_its_keys_and_what_is_open_still_answer(door, people):
    _, text = await key(people)
    for _ in range(UNKNOWN):
        await door.get("/api/v1/me")

    assert (await door.get("/api/v1/me")).status == 429
    assert (await door.get("/api/v1/me", headers=bearer(text))).status == 200
    for headers in ({}, {"Cookie": f"{COOKIE}=ended"}):
        assert (await door.get("/api/v1/health", headers=headers)).status == 200


async def test_behind_a_trusted_proxy_the_address_is_the_clients(door):
    for given in ("198.51.100.7", "2001:db8:1:2::7, 198.51.100.7", "10.0.0.1, 198.51.100.7, 127.0.0.9"):
        last = await door.get("/api/v1/me", headers={"X-Forwarded-For": given})
    other = await door.get("/api/v1/me", headers={"X-Forwarded-For": "198.51.100.8"})
    odd = await door.get("/api/v1/me", headers={"X-Forwarded-For": "198.51.100.7, <script>"})

    assert figures(last) == (UNKNOWN, UNKNOWN - 3)
    assert figures(other) == figures(odd) == (UNKNOWN, UNKNOWN - 1)


async def test_an_ipv6_client_is_its_network_whose_addresses_it_may_choose_from(door):
    for host in ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8"):
        last = await door.get("/api/v1/me", headers={"X-Forwarded-For": host})

    assert figures(last) == (UNKNOWN, UNKNOWN - 2)


async def test_a_person_has_the_minute_of_the_tenants_plan_in_all_sessions_together(door, people):
    await people.keyring.set_plan(ACTOR, "acme", "free", {"per_minute": 4, "per_day": 1})
    cookies = [await session(people, READ), (await people.signed_in()).cookie]
    found = [
        await door.request(verb, "/api/v1/me", headers={"Cookie": f"{COOKIE}={cookie}"})
        for verb, cookie in zip(("GET", "GET", "POST", "DELETE", "GET"), cookies * 3, strict=False)
    ]

    assert [answer.status for answer in found] == [200, 200, 405, 405, 429]
    assert [figures(answer) for answer in found] == [(4, left) for left in (3, 2, 1, 0, 0)]
    assert int(found[-1].headers["Retry-After"]) > 0


async def test_a_session_pays_for_a_request_without_its_csrf_token(door, people):
    cookie = await session(people, Grant.of(["spam"], ["a.example"]))
    answer = await door.post("/api/v1/domains/a.example/rules", headers={"Cookie": f"{COOKIE}={cookie}"})

    assert await code(answer) == (403, "CSRF_FAILED")
    assert figures(answer) == (1000, 999)


async def test_the_admin_token_is_not_limited(door):
    answer = await door.get("/api/v1/me", headers=bearer(TOKEN))

    assert answer.status == 200
    assert "X-RateLimit-Limit" not in answer.headers


async def test_without_the_buckets_what_is_open_answers_and_what_is_refused_stays_refused(people):
    nowhere = Client.from_url("unix:///nowhere/at/all")
    gate = Gate(people.keyring, people.sessions, Limiter(nowhere), unknown=Limits(per_minute=1))
    app = web.Application(middlewares=[answers(lambda error: None), everywhere(lambda: gate)])
    mount(app, ROUTES, authenticate=gate, idempotency=MemoryIdempotency())

    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/api/v1/health")).status == 200
        assert (await client.get("/api/v1/me")).status == 401
    await nowhere.aclose()


async def test_when_requests_cannot_be_counted_the_answer_is_503(people):
    nowhere = Client.from_url("unix:///nowhere/at/all")
    app = web.Application(middlewares=[answers(lambda error: None)])
    gate = Gate(people.keyring, people.sessions, Limiter(nowhere))
    mount(app, ROUTES, authenticate=gate, idempotency=MemoryIdempotency())
    _, text = await key(people)

    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/api/v1/me", headers=bearer(text))

        assert await code(answer) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"]
    await nowhere.aclose()


async def test_no_key_cookie_or_password_is_in_any_log(door, people, caplog):
    caplog.set_level(logging.DEBUG)
    _, text = await key(people)
    cookie = await session(people, READ)
    headers = [bearer(text), bearer(text[:-1] + "!"), {"Cookie": f"{COOKIE}={cookie}"}]
    for each in headers:
        await door.get("/api/v1/me", headers=each)

    assert caplog.records
    for secret in (text[20:-1], cookie, csrf_token(cookie), PASSWORD):
        assert secret not in caplog.text
