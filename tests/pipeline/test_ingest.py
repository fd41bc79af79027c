"""The door as a plain function: every answer it may give."""

import gzip
import hashlib
import hmac
import time
import zlib

import orjson
import pytest

from hub.pipeline.ingest import Door, Ingest, IngestLimits
from hub.registry import Registry
from hub.store.base import Full, RolledBack, Unavailable

SECRET = b"s3cret"
SPEC = Registry().source("mailguard")
NOW_MS = 1_777_620_133_000


class Watcher:
    def __init__(self):
        self.accepted_by, self.refusals = [], []

    def accepted(self, door, items, fresh):
        self.accepted_by.append((door.source, len(items), sum(fresh)))

    def refused(self, source, answer, headers, body):
        self.refusals.append((source, answer.code))


class Keeping:
    """Stands for the recorder: keeps what it is given, or fails as told."""

    def __init__(self):
        self.events, self.error = [], None

    async def __call__(self, make):
        events = make()
        if self.error:
            raise self.error
        known = {event.uid for event in self.events}
        fresh = [event.uid not in known for event in events]
        self.events += events
        return fresh


@pytest.fixture
def watcher():
    return Watcher()


@pytest.fixture
def record():
    return Keeping()


@pytest.fixture
def ingest(record, watcher):
    door = Door(source="mg", tenant="acme", spec=SPEC, schemes=SPEC.schemes, secrets=(b"old", SECRET))
    limits = IngestLimits(max_body_bytes=20_000, max_inflated_bytes=50_000, max_events=20)
    return Ingest({"mg": door}, record, watcher, limits=limits, now_ms=lambda: NOW_MS)


def body(n=1, **data):
    item = {
        "node_id": "node-1",
        "queue_id": f"{n:08X}",
        "sender": "a@b.example",
        "recipients": ["u@acme.example"],
        "subject": "x",
        "score": 9.1,
        "reason": "spam",
        "arrived_at": "2026-05-01T07:42:13Z",
    } | data
    return orjson.dumps(
        {"id": f"evt_{n}", "event": "quarantine.added", "timestamp": "2026-05-01T07:42:14Z", "data": item}
    )


def signed(raw, secret=SECRET, **headers):
    return {"x-mailguard-signature": "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest(), **headers}


async def post(ingest, raw, headers=None, source="mg"):
    answer = await ingest.take(source, signed(raw) if headers is None else headers, raw)
    return answer.status, orjson.loads(answer.body)


async def test_a_signed_event_is_recorded_and_accepted_with_its_id(ingest, record):
    status, said = await post(ingest, body())

    assert status == 202
    assert said == {"accepted": 1, "duplicate": 0, "ids": [record.events[0].uid.hex()]}


async def test_the_same_event_again_is_a_duplicate_with_the_same_id(ingest):
    _, first = await post(ingest, body())

    status, again = await post(ingest, body())

    assert status == 202
    assert again == {"accepted": 0, "duplicate": 1, "ids": first["ids"]}


async def test_an_array_is_as_many_events(ingest):
    raw = b"[" + b",".join(body(n) for n in range(3)) + b"]"

    status, said = await post(ingest, raw)

    assert (status, said["accepted"], len(said["ids"])) == (202, 3, 3)


async def test_either_live_secret_signs(ingest):
    raw = body()

    assert (await post(ingest, raw, signed(raw, b"old")))[0] == 202


async def test_a_bad_signature_is_401_with_a_reason_and_records_nothing(ingest, record, watcher):
    raw = body()

    status, said = await post(ingest, raw, signed(raw, b"wrong"))

    assert (status, said["error"]["code"]) == (401, "signature_mismatch")
    assert record.events == []
    assert watcher.refusals == [("mg", "signature_mismatch")]


async def test_no_signature_is_401(ingest):
    status, said = await post(ingest, body(), {})

    assert (status, said["error"]["code"]) == (401, "signature_missing")


async def test_an_unknown_source_is_404(ingest):
    status, said = await post(ingest, body(), source="nobody")

    assert (status, said["error"]["code"]) == (404, "unknown_source")


async def test_a_body_over_the_cap_is_413(ingest):
    status, said = await post(ingest, body(subject="x" * 30_000))

    assert (status, said["error"]["code"]) == (413, "body_too_large")
    assert "20000" in said["error"]["message"]


async def test_too_many_events_are_413(ingest):
    raw = b"[" + b",".join(b"{}" for _ in range(21)) + b"]"

    status, said = await post(ingest, raw)

    assert (status, said["error"]["code"]) == (413, "too_many_events")


@pytest.mark.parametrize("element", [b"{},", b"[],", b"NaN,", b'"",'])
async def test_a_body_full_of_tiny_elements_is_refused_before_any_of_them_is_mapped(ingest, element):
    ingest.limits = IngestLimits(max_body_bytes=2**20, max_events=1000)
    raw = b"[" + element * (900_000 // len(element)) + b"0]"

    begun = time.process_time()
    status, said = await post(ingest, raw)

    assert (status, said["error"]["code"]) == (413, "too_many_events")
    assert time.process_time() - begun < 0.5  # mapping them takes 10 s


async def test_a_cut_off_array_is_kept_whole_however_much_is_in_it(ingest, record):
    status, _ = await post(ingest, b"[" + b"{}," * 100)

    assert status == 202
    assert orjson.loads(record.events[0].body)["class_uid"] == 0


@pytest.mark.parametrize(
    ("source", "length", "code"),
    [("nobody", 1, "unknown_source"), ("mg", 20_001, "body_too_large"), ("mg", 20_000, ""), ("mg", None, "")],
)
async def test_what_needs_no_body_is_refused_before_it_is_read(ingest, watcher, source, length, code):
    answer = ingest.foresee(source, length)

    assert ("" if answer is None else answer.code) == code
    assert watcher.refusals == ([(source, code)] if code else [])


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_an_encoded_body_is_verified_as_sent_and_then_inflated(ingest, record, encoding, encode):
    raw = encode(body())

    status, _ = await post(ingest, raw, signed(raw, **{"content-encoding": encoding}))

    assert status == 202
    assert orjson.loads(record.events[0].body)["raw_data"] == body().decode()


async def test_an_encoded_body_signed_before_encoding_does_not_pass(ingest):
    raw = gzip.compress(body())

    status, _ = await post(ingest, raw, signed(body(), **{"content-encoding": "gzip"}))

    assert status == 401


@pytest.mark.parametrize(
    ("raw", "encoding", "expected"),
    [
        (gzip.compress(b"x" * 60_000), "gzip", (413, "inflated_too_large")),
        (b"no gzip", "gzip", (400, "bad_encoding")),
        (b"{}", "br", (415, "unsupported_encoding")),
        (b"", "", (400, "empty_body")),
    ],
    ids=["bomb", "no gzip", "brotli", "empty"],
)
async def test_a_signed_body_that_cannot_be_read_says_why(ingest, raw, encoding, expected):
    status, said = await post(ingest, raw, signed(raw, **{"content-encoding": encoding}))

    assert (status, said["error"]["code"]) == expected


async def test_a_signed_body_that_nobody_can_parse_is_kept_as_a_base_event(ingest, record):
    raw = b"\xff\x00 not json"

    status, _ = await post(ingest, raw)

    assert status == 202
    assert orjson.loads(record.events[0].body)["class_uid"] == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Full("full"), "log_full"),
        (RolledBack("went back"), "log_rolled_back"),
        (Unavailable("gone"), "log_unavailable"),
    ],
)
async def test_what_cannot_be_made_durable_is_503_with_retry_after(ingest, record, error, code):
    record.error = error

    answer = await ingest.take("mg", signed(body()), body())

    assert (answer.status, answer.code) == (503, code)
    assert int(answer.headers["Retry-After"]) > 0


async def test_below_the_disk_reserve_nothing_is_taken(record, watcher):
    door = Door(source="mg", tenant="acme", spec=SPEC, schemes=SPEC.schemes, secrets=(SECRET,))
    ingest = Ingest(
        {"mg": door},
        record,
        watcher,
        limits=IngestLimits(),
        now_ms=lambda: NOW_MS,
        closed=lambda: "12 MB are free",
    )

    status, said = await post(ingest, body())

    assert (status, said["error"]["message"]) == (503, "12 MB are free")
    assert record.events == []
