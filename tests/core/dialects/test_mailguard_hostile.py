import asyncio
import random
import zlib
from io import BytesIO

import pytest
from yarl import URL

from core.dialects.mailguard.app import MAILGUARD

MAX_BODY_BYTES = MAILGUARD.max_body_bytes

# ruff: noqa: E501 - tables of hostile pieces
PIECES = (
    "audit", "logs", "mail", "quarantine", "node-1", "00000001", "release", "discard", "retrain", "body", "auth",
    "api-keys", "1", "revoke", "license", "domains", "openapi.yaml", "..", "%2e%2e", "%00", "%ff", "%ED%A0%80",
    "'; DROP TABLE audit --", "%2F", "\u202e", "x" * 300, "-1", "99999999999999999999", "",
)  # fmt: skip
NAMES = (
    "from",
    "to",
    "actor",
    "resource",
    "cursor",
    "limit",
    "offset",
    "domain",
    "sender",
    "since",
    "min_score",
)
VALUES = (
    "", "0", "-1", "1e400", "nan", "%00", "%ff", "%ED%A0%80", "2026-05-01T07:42:13Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "x" * 1500, "' OR 1=1 --", "AAAA", "%F0%9F%92%A9", "9" * 400,
)  # fmt: skip
BODIES = (
    b"", b"{}", b"[" * 50_000, b"{" * 50_000, b'{"class": "ham"', b"\xff\xfe", b'{"class": "\\ud800"}', b"null",
    b'{"name": "\\ud800", "scope": "read-only"}', b'{"name": "x", "scope": "read-only", "expires_at": "1e9"}',
    b'{"name": "x", "scope": "read-only", "rate_limit_per_minute": 1e400}', b"x" * (MAX_BODY_BYTES + 1), b'"' * 999,
    b'{"name": "x", "scope": "domain-admin", "domain": "\\u0000"}',
)  # fmt: skip
HEADERS = (
    {},
    {"Content-Type": "application/xml"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "deflate"},
    {"Content-Encoding": "nonsense"},
    {"Expect": "100-continue"},
    {"Range": "bytes=0-1"},
)


def random_request(rng):
    path = "/".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 7)))
    if rng.random() < 0.7:
        path = rng.choice(
            (
                "audit/logs",
                "mail/quarantine",
                "auth/api-keys",
                "domains",
                "mail/quarantine/node-1/00000001/retrain",
            )
        )
    query = "&".join(f"{rng.choice(NAMES)}={rng.choice(VALUES)}" for _ in range(rng.randrange(0, 4)))
    method = rng.choice(("GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"))
    body = rng.choice(BODIES) if method in {"POST", "PUT", "DELETE"} else None
    return method, f"/api/v1/{path}?{query}", body, rng.choice(HEADERS)


@pytest.mark.parametrize("seed", range(4))
async def test_hostile_requests_get_the_error_form_and_never_a_server_error(api, seed):
    rng = random.Random(seed)
    statuses = set()
    await api.hold()
    for _ in range(150):
        api.clock.advance(1)
        method, path, body, headers = random_request(rng)
        url = URL(api.url + path.replace(" ", "%20"), encoded=True)
        data = None if body is None else BytesIO(body)
        async with api.session.request(
            method, url, data=data, headers={"X-API-Key": api.keys["full-admin"], **headers}
        ) as response:
            statuses.add(response.status)
            assert response.status < 500, (method, path, body)
            if method != "HEAD" and response.content_type == "application/json":
                assert {"data", "error", "message"} <= set(await response.json())

    assert {200, 400, 404, 405} <= statuses


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /api/v1/domains HTTP/1.1\r\nHost: x\r\nX-API-Key: a\r\n b\r\n\r\n",
        b"POST /api/v1/auth/api-keys HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        b"POST /api/v1/auth/api-keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_broken_http_leaves_the_server_serving(api, raw):
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    await writer.drain()
    writer.write_eof()
    answer = await reader.read(200)
    writer.close()
    await writer.wait_closed()

    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert (await api.call("GET", "/domains"))[0] == 200


async def test_a_compressed_body_is_inflated_to_the_limit_and_no_further(api):
    bomb = zlib.compress(b" " * (50 * 1024 * 1024))
    assert len(bomb) < MAX_BODY_BYTES
    status, _, body = await api.call(
        "POST", "/auth/api-keys", data=bomb, headers={"Content-Encoding": "deflate"}
    )

    assert (status, body["error"]) == (413, "The request body is too large.")
    assert (await api.call("GET", "/domains"))[0] == 200
