"""Whether the service lives."""


async def test_health_is_open_to_all_and_bare(service_api):
    said = await service_api.call("GET", "/health", key="")
    assert said.status == 200
    assert said.body["status"] == "ok"


async def test_every_answer_names_its_request(service_api):
    said = await service_api.call("GET", "/nowhere", headers={"X-Request-Id": "req_1"})
    assert (said.status, said.headers["X-Request-Id"]) == (404, "req_1")
    assert said.error["code"] == "NOT_FOUND"
