import aiohttp
import pytest

from tests.web.conftest import AUTH


async def test_a_stream_goes_out_whole(client):
    answer = await client.get("/api/v1/stream", headers=AUTH)

    assert await answer.text() == "first\nsecond\n"
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x.csv"'
    assert answer.headers["X-Request-Id"].startswith("req_")


async def test_trouble_before_the_first_piece_is_an_envelope(client):
    answer = await client.get("/api/v1/stream?word=early", headers=AUTH)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "7"
    assert (await answer.json())["error"]["message"] == "not now"


async def test_trouble_later_cuts_the_connection(client):
    answer = await client.get("/api/v1/stream?word=late", headers=AUTH)

    with pytest.raises(aiohttp.ClientError):
        await answer.read()
