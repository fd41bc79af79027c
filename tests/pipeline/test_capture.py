"""Captures: refused requests for a limited time, for their owner's eyes, within limits."""

import base64
import os

import orjson
import pytest

from hub.pipeline import capture as module
from hub.pipeline.capture import MAX_REQUESTS, Captures


class Clock:
    def __init__(self):
        self.ms = 1_777_620_133_000

    def __call__(self):
        return self.ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def captures(tmp_path, clock):
    return Captures(tmp_path / "captures", now_ms=clock)


async def requests(captures, capture):
    return [orjson.loads(line) for line in (await captures.read(capture.id)).splitlines()]


async def test_a_refused_request_is_kept_as_it_came(captures, clock):
    capture = await captures.start("mg", 10)
    captures.refused("mg", "signature_mismatch", {"x-sig": "ab"}, b"\x00\xff{")

    (kept,) = await requests(captures, capture)

    assert kept["headers"] == {"x-sig": "ab"}
    assert base64.b64decode(kept["body_b64"]) == b"\x00\xff{"
    assert (kept["source"], kept["reason"], kept["at_ms"]) == ("mg", "signature_mismatch", clock.ms)


async def test_other_sources_and_times_without_a_capture_keep_nothing(captures, tmp_path):
    captures.refused("mg", "signature_mismatch", {}, b"x")
    capture = await captures.start("mg", 10)
    captures.refused("other", "signature_mismatch", {}, b"x")

    assert await requests(captures, capture) == []


async def test_it_ends_by_itself(captures, clock):
    capture = await captures.start("mg", 1)
    clock.ms += 60_001
    captures.refused("mg", "signature_mismatch", {}, b"x")

    assert await requests(captures, capture) == []


@pytest.mark.parametrize("minutes", [0, -1, 1441])
async def test_it_lasts_a_minute_to_a_day(captures, minutes):
    with pytest.raises(ValueError, match="1 to 1440 minutes"):
        await captures.start("mg", minutes)


async def test_only_its_owner_can_read_it(captures, tmp_path):
    capture = await captures.start("mg", 10)

    assert (tmp_path / "captures").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "captures" / f"{capture.id}.jsonl").stat().st_mode & 0o777 == 0o600


async def test_no_more_than_so_many_requests_are_kept(captures):
    capture = await captures.start("mg", 10)
    for n in range(MAX_REQUESTS + 20):
        captures.refused("mg", "signature_missing", {}, b"%d" % n)

    (listed,) = await captures.list()
    assert (listed.requests, len(await requests(captures, capture))) == (MAX_REQUESTS, MAX_REQUESTS)


async def test_no_more_than_so_many_bytes_are_kept(captures, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    capture = await captures.start("mg", 10)
    for _ in range(20):
        captures.refused("mg", "signature_missing", {}, b"x" * 1000)

    assert 5000 < len(await captures.read(capture.id)) <= 10_000


async def test_headers_that_are_no_utf8_are_kept_readable(captures):
    capture = await captures.start("mg", 10)
    captures.refused("mg", "signature_malformed", {"x-sig": "\udcff\udcfe ok"}, b"x")

    (kept,) = await requests(captures, capture)
    assert kept["headers"] == {"x-sig": "?? ok"}


async def test_a_capture_that_cannot_be_written_ends_and_the_door_goes_on(captures, tmp_path):
    capture = await captures.start("mg", 10)
    (tmp_path / "captures" / f"{capture.id}.jsonl").unlink()
    os.rmdir(tmp_path / "captures")
    for _ in range(2):
        captures.refused("mg", "signature_missing", {}, b"x")

    assert await captures.list() == []


async def test_what_is_older_than_a_day_goes_with_the_next_start(captures, clock, tmp_path):
    old = await captures.start("mg", 10)
    os.utime(tmp_path / "captures" / f"{old.id}.jsonl", (clock.ms / 1000 - 90_000, clock.ms / 1000 - 90_000))
    clock.ms += 1
    new = await captures.start("mg", 10)

    assert [one.id for one in await captures.list()] == [new.id]


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "nothing", "a\x00b"])
async def test_only_captures_can_be_read(captures, tmp_path, name):
    (tmp_path / "secret.jsonl").write_text("x")
    await captures.start("mg", 10)

    assert await captures.read(name) is None
