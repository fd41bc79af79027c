"""Bodies that nobody should send: what a signed sender can do wrong, what no decoder should trust."""

import gzip
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import orjson

from hub.sources.mailguard import SPEC

__all__ = ["MAX_BODY", "MAX_EVENTS", "MAX_INFLATED", "encoded", "good", "hostile_body"]

MAX_BODY = 1024 * 1024
MAX_INFLATED = 4 * MAX_BODY
MAX_EVENTS = 1000
_CODES = (*sorted(SPEC.mappers), "audit.login", "nobody.knows", "", "\x00", "*", "a" * 5000)
_FIELD_LIST = (
    "node_id queue_id sender recipients subject score symbols reason size_bytes arrived_at domain message_id "
    "user actor quarantine_id not_after serial host cert details action resource previous current members"
)
_FIELDS = _FIELD_LIST.split()
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**53, -(2**63), 2**63 - 1, 2**64 - 1, 1e308, -1e-308, "", " ", "\x00",
    "\u202e",
    "\u2028", "é" * 300, "x" * 70_000, "2026-05-01T07:42:13Z", "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "yesterday", "1e999", "%s%n", "<script>", "a@" * 500, "@", "u@" + "a." * 130 + "example",
    "=?utf-8?b?//8=?=",
    [], [[]], [None], ["a", 1], {}, {"": ""}, {"$ref": "#"}, {"a": {"b": {"c": []}}}, [{}] * 50,
)  # fmt: skip


def good(n: int) -> bytes:
    """Event number `n` as the vendor sends it."""
    data = {
        "node_id": "node-1",
        "queue_id": f"{n:08X}",
        "sender": "a@b.example",
        "recipients": ["u@acme.example"],
        "subject": "offer",
        "score": 9.1,
        "reason": "spam",
        "arrived_at": "2026-05-01T07:42:13Z",
    }
    return orjson.dumps(
        {"id": f"evt_{n}", "event": "quarantine.added", "timestamp": "2026-05-01T07:42:14Z", "data": data}
    )


def _wrong_types(rng: Random) -> bytes:
    data = {name: rng.choice(_ODD) for name in rng.sample(_FIELDS, rng.randrange(len(_FIELDS)))}
    event: dict[str, Any] = {"id": "evt", "event": rng.choice(_CODES), "timestamp": "2026-05-01T07:42:14Z"}
    event["data"] = data if rng.random() < 0.9 else rng.choice(_ODD)
    for name in rng.sample(("id", "event", "timestamp", "node_id", "extra"), rng.randrange(3)):
        event[name] = rng.choice(_ODD)
    return orjson.dumps(event)


def _damaged(rng: Random) -> bytes:
    body = bytearray(good(rng.randrange(1000)))
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(body))
        body[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
    return bytes(body)


def _cut(rng: Random) -> bytes:
    body = good(1)
    return body[: rng.randrange(1, len(body))]


def _noise(rng: Random) -> bytes:
    return rng.randbytes(rng.choice((1, 2, 17, 300, 9000)))


def _nested(rng: Random) -> bytes:
    depth = rng.choice((10, 33, 200, 1001, 5000, 100_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    inner = opening * depth + b"1" + closing * (depth if rng.random() < 0.8 else depth // 2)
    return inner if rng.random() < 0.5 else b'{"event":"quarantine.added","data":{"x":%b}}' % inner


def _numbers(rng: Random) -> bytes:
    number = rng.choice(
        (
            b"9" * 400,
            b"9" * 5000,
            b"-" + b"9" * 30,
            b"1e400",
            b"-1e400",
            b"1e-400",
            b"NaN",
            b"Infinity",
            b"-0",
        )
    )
    field = rng.choice((b"timestamp", b"id", b"score", b"arrived_at", b"size_bytes")).decode().encode()
    return b'{"event":"quarantine.added","%b":%b,"data":{"%b":%b}}' % (field, number, field, number)


def _surrogates(rng: Random) -> bytes:
    text = rng.choice(
        (rb"\ud800", rb"\udfff\ud800", rb"\u0000", rb"\uD83D", rb"\ud83d\ude00", b"\xed\xa0\x80")
    )
    name = rng.choice((b"event", b"id", b"timestamp", text))
    data = b'{"subject":"%b","%b":"%b","recipients":["%b@x"]}' % (text, text, text, text)
    return b'{"event":"quarantine.added","%b":"%b","data":%b}' % (name, text, data)


def _duplicate_keys(rng: Random) -> bytes:
    pairs = b",".join(b'"%b":%d' % (rng.choice((b"id", b"event", b"data")), n) for n in range(50))
    return b'{"event":"quarantine.added","event":"cert.expiring",%b}' % pairs


def _arrays(rng: Random) -> bytes:
    n = rng.choice((0, 1, MAX_EVENTS // 20, MAX_EVENTS + 1, 5 * MAX_EVENTS))
    element = rng.choice((b"{}", b"1", b"null", b"[]", b'"x"', b'{"event":"quarantine.added"}'))
    return b"[" + b",".join([element] * n) + rng.choice((b"]", b"]", b"", b",]", b"]]"))


def _many_arrays(rng: Random) -> bytes:
    element = rng.choice((b"{},", b"[],", b'"",', b"1,", b"NaN,"))
    return b"[" + element * ((MAX_BODY - 8) // len(element)) + b"0]"


def _scalars(rng: Random) -> bytes:
    return rng.choice(
        (b"", b" ", b"null", b"1", b'"x"', b"true", b"{", b"}", b"[", b"\xef\xbb\xbf{}", b"{}{}", b"\x00")
    )


def _long_string(rng: Random) -> bytes:
    size = rng.choice((100_000, MAX_BODY - 100, MAX_BODY))
    letter = rng.choice((b"x", b"\\u0000", b"\xc3\xa9", b"%", b"<", b"@", b"a@b,"))
    field = rng.choice((b"subject", b"sender", b"queue_id", b"reason"))
    filler = letter * ((size - 60) // len(letter))
    return b'{"event":"quarantine.added","data":{"%b":"%b"}}' % (field, filler)


_SMALL: tuple[Callable[[Random], bytes], ...] = (
    _wrong_types, _wrong_types, _damaged, _damaged, _cut, _noise, _numbers, _surrogates, _duplicate_keys,
    _scalars,
)  # fmt: skip
_LARGE = (_nested, _arrays, _long_string, _many_arrays)


def hostile_body(rng: Random, *, large: float = 0.02) -> tuple[str, bytes]:
    """`(kind, body)`; a share of `large` is up to 1 MiB, or costly to take apart."""
    make = rng.choice(_LARGE if rng.random() < large else _SMALL)
    return make.__name__.strip("_"), make(rng)


def encoded(rng: Random) -> tuple[str, str, bytes]:
    """`(kind, Content-Encoding, body)`: bombs, broken streams, encodings that nobody reads."""
    plain = good(rng.randrange(1000))
    packed = gzip.compress(plain)
    cases: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
        ("fine", "gzip", lambda: packed),
        ("fine", "deflate", lambda: zlib.compress(plain)),
        ("bomb", "gzip", lambda: gzip.compress(bytes(MAX_INFLATED + 1))),
        ("bomb", "gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(64 * MAX_BODY)))),
        ("cut", "gzip", lambda: packed[: rng.randrange(len(packed))]),
        ("cut", "deflate", lambda: zlib.compress(plain)[:-3]),
        ("trailing", "gzip", lambda: packed + b"rest"),
        ("flipped", "gzip", lambda: bytes(b ^ (rng.random() < 0.02) for b in packed)),
        ("lie", "gzip", lambda: plain),
        ("unknown", rng.choice(("br", "zstd", "compress", "x" * 3000, "\x7f", "gzip;q=1")), lambda: plain),
        ("layers", ", ".join(["gzip"] * 900), lambda: packed),
        ("commas", "," * 2000, lambda: plain),
    )
    kind, name, make = rng.choice([case for case in cases if case[0] != "bomb" or rng.random() < 0.1])
    return kind, name, make()
