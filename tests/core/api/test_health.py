"""Whether the service lives, can take mail, and what it counts."""

from core.store.database import Unavailable


async def test_health_is_open_to_all_and_bare(service_api):
    said = await service_api.call("GET", "/health", key="")
    assert said.status == 200
    assert said.body["status"] == "ok"


async def test_every_answer_names_its_request(service_api):
    said = await service_api.call("GET", "/nowhere", headers={"X-Request-Id": "req_1"})
    assert (said.status, said.headers["X-Request-Id"]) == (404, "req_1")
    assert said.error["code"] == "NOT_FOUND"


async def test_the_probes_are_open_to_all(service_api):
    alive, ready = [await service_api.call("GET", path, key="") for path in ("/healthz", "/readyz")]

    assert (alive.status, alive.body) == (200, {"status": "alive"})
    assert (ready.status, ready.body) == (200, {"status": "ready"})


async def test_without_its_database_it_is_not_ready_but_alive(service_api, monkeypatch):
    def down():
        raise Unavailable("the disk is full")

    monkeypatch.setattr(service_api.core.database, "begin", down)
    ready = await service_api.call("GET", "/readyz", key="")

    assert (ready.status, ready.body) == (503, {"status": "not ready", "reason": "the disk is full"})
    assert (await service_api.call("GET", "/healthz", key="")).status == 200


async def test_metrics_are_text_of_prometheus(service_api):
    said = await service_api.call("GET", "/metrics", key="")

    assert said.status == 200
    assert said.headers["Content-Type"].startswith("text/plain")
    assert b"mxhub_core_possible_duplicates_total" in said.raw
