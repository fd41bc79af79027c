import re

import pytest

from tests.web.conftest import AUTH, made


async def test_success_has_every_member_of_the_envelope(client):
    answer = await client.get("/api/v1/things?word=a", headers=AUTH)
    said = await answer.json()

    assert answer.status == 200
    assert said == {
        "success": True,
        "data": {"word": "a", "many": [], "limit": 5},
        "error": None,
        "message": "ok",
        "meta": {
            "request_id": answer.headers["X-Request-Id"],
            "pagination": {"next_cursor": "n", "has_more": True, "limit": 5},
        },
    }


async def test_a_typed_error_becomes_its_envelope(client):
    answer = await client.get("/api/v1/things/x", headers=AUTH)
    said = await answer.json()

    assert answer.status == 404
    assert said["success"] is False
    assert said["data"] is None
    assert said["error"] == {"code": "NOT_FOUND", "message": "no x", "details": []}
    assert said["message"] == "no x"
    assert said["meta"]["pagination"] is None


async def test_an_unknown_path_is_enveloped(client):
    answer = await client.get("/api/v1/nowhere", headers=AUTH)

    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "NOT_FOUND"


async def test_a_wrong_method_names_the_right_ones(client):
    answer = await client.delete("/api/v1/things", headers=AUTH)

    assert answer.status == 405
    assert (await answer.json())["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_a_body_over_the_limit_is_enveloped_and_nothing_is_made(client):
    answer = await client.post("/api/v1/things", data=b"x" * 2000, headers=AUTH)

    assert answer.status == 413
    assert (await answer.json())["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert made == []


async def test_a_defect_is_enveloped_without_its_detail(client, capsys):
    answer = await client.get("/api/v1/things/broken", headers=AUTH)
    text = await answer.text()

    assert answer.status == 500
    assert "INTERNAL_ERROR" in text
    assert "secret detail" not in text
    assert "secret detail" in capsys.readouterr().out


async def test_a_foreign_error_is_translated(client):
    answer = await client.get("/api/v1/things/gone", headers=AUTH)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert (await answer.json())["error"]["code"] == "SERVICE_UNAVAILABLE"


async def test_outside_the_api_errors_are_bare(client):
    answer = await client.get("/nowhere")

    assert answer.status == 404
    assert set(await answer.json()) == {"error"}


async def test_a_sane_request_id_is_taken_over(client):
    answer = await client.get("/api/v1/things", headers={**AUTH, "X-Request-Id": "abc-1"})

    assert answer.headers["X-Request-Id"] == "abc-1"
    assert (await answer.json())["meta"]["request_id"] == "abc-1"


async def test_an_odd_request_id_is_replaced(client):
    answer = await client.get("/api/v1/things", headers={**AUTH, "X-Request-Id": 'a"b' + "x" * 200})

    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/api/v1/things", "/ping", "/api/v1/stream?word=late"])
async def test_head_answers_without_a_body(client, path):
    answer = await client.head(path, headers=AUTH)

    assert answer.status == 200
    assert await answer.read() == b""


async def test_a_bare_answer_goes_out_as_it_is(client):
    answer = await client.get("/ping")

    assert await answer.text() == "pong"
    assert answer.headers["X-Request-Id"].startswith("req_")
