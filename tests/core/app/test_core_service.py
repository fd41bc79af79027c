"""A whole process of the core: it opens, answers, and leaves its state behind."""

import asyncio

import aiohttp

from core.app.dialects import DialectConfig
from core.app.service import CoreService
from core.config import CoreConfig
from core.service import expiry
from hub.sdk.lasting import lasting
from hub.telemetry.metrics import METRICS


async def ask(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def test_a_service_answers_from_its_own_folder_and_starts_again(tmp_path, buckets):
    for _ in range(2):
        async with CoreService(
            CoreConfig(listen="127.0.0.1:0"), tmp_path / "core", buckets, environ={}
        ) as service:
            status, body = await ask(service.url + "/health")
            assert (status, body["status"]) == (200, "ok")
    assert {path.name for path in (tmp_path / "core").iterdir()} >= {"core.sqlite3", "audit.key"}


async def spoken(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return answer.status


async def test_each_dialect_has_a_listener_of_its_own(tmp_path, buckets):
    dialects = {"mailguard": DialectConfig(listen="127.0.0.1:0")}
    async with CoreService(
        CoreConfig(listen="127.0.0.1:0"), tmp_path / "core", buckets, environ={}, dialects=dialects
    ) as service:
        answers = [await ask(service.urls[name] + "/health") for name in ("api", "mailguard")]

    assert service.urls["api"] != service.urls["mailguard"]
    assert [status for status, _ in answers] == [200, 200]


async def test_its_metrics_count_the_answers_of_each_listener(tmp_path, buckets):
    before = [METRICS.value("mxhub_core_requests_total", name, "2xx") for name in ("api", "mailguard")]
    dialects = {"mailguard": DialectConfig(listen="127.0.0.1:0")}
    async with CoreService(
        CoreConfig(listen="127.0.0.1:0"), tmp_path / "core", buckets, environ={}, dialects=dialects
    ) as service:
        for name in ("api", "mailguard"):
            await ask(service.urls[name] + "/health")
        async with aiohttp.ClientSession() as session, session.get(service.url + "/metrics") as answer:
            told = await answer.text()
    after = [METRICS.value("mxhub_core_requests_total", name, "2xx") for name in ("api", "mailguard")]

    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1]
    assert 'mxhub_core_requests_total{api="mailguard",status="2xx"}' in told
    assert "mxhub_core_anchored_timestamp_seconds 1" in told


async def test_the_admin_token_opens_it_and_the_hubs_only_a_tenants_events(tmp_path, buckets):
    async with CoreService(
        CoreConfig(listen="127.0.0.1:0"),
        tmp_path / "core",
        buckets,
        environ={},
        admin_token=lambda: "the-admin-token",
    ) as service:
        of_hub = service.tokens.holder(service.tokens.of("acme"))
        verdicts = f"{service.url}/api/v1/verdicts"

        assert await spoken(verdicts, "the-admin-token") == 200
        assert await spoken(verdicts, service.tokens.of("acme")) == 403
        assert await spoken(verdicts, service.tokens.of("acme") + "x") == 401
        assert (of_hub.tenant, of_hub.is_full_admin) == ("acme", False)


async def test_the_first_start_gives_a_token_for_an_administrator_later_ones_none(tmp_path, buckets):
    tokens = []
    for made in (False, True, True):
        async with CoreService(
            CoreConfig(listen="127.0.0.1:0"), tmp_path / "core", buckets, environ={}
        ) as service:
            tokens.append(service.first_token)
            if made and tokens[-1]:
                body = {"token": tokens[-1], "login": "jo@example.com", "password": "correct horse battery"}
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(service.url + "/api/v1/setup", json=body) as answer,
                ):
                    assert answer.status == 201

    assert len({*tokens}) == 3
    assert tokens[2] is None


async def test_work_in_the_background_that_failed_goes_on(tmp_path, buckets, monkeypatch):
    rounds, third = [], asyncio.Event()

    async def failing(_):
        rounds.append(len(rounds))
        if len(rounds) == 3:
            third.set()
        raise RuntimeError("never seen before")

    monkeypatch.setattr(expiry, "forever", failing)
    monkeypatch.setattr(lasting, "__kwdefaults__", {"again_s": 0.01})
    async with CoreService(
        CoreConfig(listen="127.0.0.1:0"), tmp_path / "core", buckets, environ={}
    ) as service:
        async with asyncio.timeout(30):
            await third.wait()
        status, _ = await ask(service.url + "/health")

    assert status == 200
    assert len(rounds) >= 3
