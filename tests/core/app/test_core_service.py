"""A whole process of the core: it opens, answers, and leaves its state behind."""

import aiohttp

from core.app.service import CoreService
from core.config import CoreConfig


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
