"""What hostile clients put on the wire: whole connections, as the pieces they send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.factories.hostile_bodies import MAX_BODY, encoded, good, hostile_body
from tests.factories.hostile_signatures import SOURCES, forged, signed

__all__ = ["Attack", "attack", "slow_attack", "wellformed"]

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One connection."""

    kind: str
    pieces: tuple[bytes, ...]
    """Sent one after another."""
    requests: int = 1
    """How many it is meant to be; the count of hostile requests."""
    then: Literal["read", "half-close", "leave"] = "read"
    """What the client does after its last piece: wait for an answer, close its half first, or be gone."""
    never: frozenset[int] = frozenset()
    """Statuses that would be a hole."""
    pause_s: float = 0.0
    """Between the pieces."""


def _head(path: bytes, headers: Headers, *, method: bytes = b"POST", version: bytes = b"HTTP/1.1") -> bytes:
    lines = b"".join(b"%b: %b\r\n" % (name.encode("latin-1"), value) for name, value in headers)
    return b"%b %b %b\r\nHost: hub\r\n%b\r\n" % (method, path, version, lines)


def _request(source: str, headers: Headers, body: bytes) -> bytes:
    return _head(b"/in/" + source.encode(), [*headers, ("Content-Length", b"%d" % len(body))]) + body


def wellformed(n: int, source: str = "any") -> bytes:
    """What must always get its 202."""
    body = good(n)
    return _request(source, signed(source, body), body)


_NOT_TAKEN = frozenset({200, 202})


def _forged(rng: Random) -> Attack:
    source, body = rng.choice(SOURCES), good(rng.randrange(100))
    raw = _request(source, forged(rng, source, body), body)
    return Attack("forged", (raw,), never=_NOT_TAKEN)


def _garbage(rng: Random) -> Attack:
    source = rng.choice(SOURCES)
    kind, body = hostile_body(rng)
    return Attack(f"garbage:{kind}", (_request(source, signed(source, body), body),))


def _encoded(rng: Random) -> Attack:
    source = rng.choice(SOURCES)
    kind, name, body = encoded(rng)
    headers = [*signed(source, body), ("Content-Encoding", name.encode("latin-1"))]
    return Attack(f"encoded:{kind}", (_request(source, headers, body),))


_CHUNKS: tuple[bytes, ...] = (
    b"", b"0\r\n\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"zz\r\nabc\r\n", b"-1\r\nabc\r\n",
    b"ffffffffffffffffff\r\nabc",
    b"3;ext=" + b"e" * 9000 + b"\r\nabc\r\n0\r\n\r\n", b"3\r\nabcX\r\n0\r\n\r\n", b"3\nabc\n0\n\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 2000 + b"\r\n",
    b"3\r\nabc",
    b"7fffffffffffffff\r\n", b"1\r\n",
)  # fmt: skip


def _chunked(rng: Random) -> Attack:
    source, body = rng.choice(SOURCES), good(rng.randrange(100))
    head = _head(b"/in/" + source.encode(), [*signed(source, body), ("Transfer-Encoding", b"chunked")])
    if rng.random() < 0.3:
        size = rng.choice((1, 3, 40))
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        fine = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        return Attack("chunked:fine", (head, fine, b"0\r\n\r\n"))
    return Attack("chunked:broken", (head + rng.choice(_CHUNKS),), then=rng.choice(("half-close", "leave")))


def _over_the_cap(rng: Random) -> Attack:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = _head(b"/in/any", [("Transfer-Encoding", b"chunked")])
    return Attack("chunked:over", (head, *([chunk] * (MAX_BODY // 0x10000 + 2))), never=_NOT_TAKEN)


def _lying_length(rng: Random) -> Attack:
    source, body = rng.choice(SOURCES), good(1)
    length = rng.choice((
        b"0", b"1", b"-1", b"+5", b"5,5", b"0x10", b"1e3", b"", b"\xd9\xa1", b"9" * 30,
        b"%d" % (len(body) + 50),
        b"%d" % (len(body) - 5), b"%d" % (MAX_BODY + 1), b" 7", b"07",
    ))  # fmt: skip
    headers = [*signed(source, body), ("Content-Length", length)]
    for name, value in (("Content-Length", b"3"), ("Transfer-Encoding", b"chunked")):
        if rng.random() < 0.2:
            headers.append((name, value))
    return Attack("length", (_head(b"/in/" + source.encode(), headers) + body,), then="half-close")


_PATHS: tuple[bytes, ...] = (
    b"/in/", b"/in", b"/in/x/y", b"/in/%00", b"/in/%ff%fe", b"/in/..", b"/in/../api/v1/events",
    b"//in/any", b"/", b"*",
    b"/in/" + b"a" * 7000, b"/in/" + b"%41" * 2000, b"/in/any?" + b"q=1&" * 1500, b"http://other/in/any",
    b"/IN/any",
    b"/in/any#x", b"/in/any%2Fx", b"/in/any/", b"/in/\xc3\xa9", b"/in/%C3%A9", b"/in/%", b"/in/%zz",
    b"/in/;x", b"/api/v1/events",
    b"/api/v1/nothing", b"/healthz", b"/readyz", b"/metrics/", b"/api/v1/events/%00", b"hub:443",
    b"/in/" + b"x" * 60_000,
)  # fmt: skip
_METHODS = (
    b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"CONNECT", b"TRACE", b"PRI", b"post", b"X",
    b"PO ST", b"\xff", b"M-SEARCH",
)  # fmt: skip


def _path(rng: Random) -> Attack:
    body = good(1)
    headers = [*signed("any", body), ("Content-Length", b"%d" % len(body))]
    return Attack("path", (_head(rng.choice(_PATHS), headers) + body,))


def _method(rng: Random) -> Attack:
    path = rng.choice((b"/in/any", b"/in/nobody", b"/", rng.choice(_PATHS)))
    version = rng.choice((b"HTTP/1.1",) * 6 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"ICE/1.0", b""))
    raw = _head(path, [("Content-Length", b"0")], method=rng.choice(_METHODS), version=version)
    return Attack("method", (raw,), never=frozenset({202}))


_HEADERS: tuple[Headers, ...] = (
    [("X", b"y")] * 200, [("X-Long", b"y" * 9000)], [("N" * 9000, b"y")], [("X-Many", b"y" * 80)] * 120,
    [("", b"y")],
    [("Bad Name", b"y")], [("X-Null", b"a\x00b")], [("X-Fold", b"a\r\n b")], [("X-CR", b"a\rb")],
    [("X\xff", b"\xff\xfe")],
    [("Expect", b"100-continue")], [("Expect", b"the-moon")],
    [("Upgrade", b"websocket"), ("Connection", b"Upgrade")],
    [("Upgrade", b"h2c"), ("Connection", b"Upgrade, HTTP2-Settings"), ("HTTP2-Settings", b"x")],
    [("Connection", b"close")],
    [("Transfer-Encoding", b"gzip, chunked")], [("Transfer-Encoding", b"identity")],
    [("Content-Type", b"\xff/\xfe; a=" + b"b" * 4000)],
    [("Cookie", b"a=" + b"b" * 7000)], [("Host", b"a"), ("Host", b"b")], [("Host", b"\x01\x02")],
    [("X-Request-Id", b"\xff" * 500)],
    [("Authorization", b"Bearer " + b"\xff" * 100)], [("Idempotency-Key", b"k" * 500)],
    [("Content-Encoding", b"\xff\xfe")],
    [("X-Forwarded-For", b"1" * 5000)], [("Accept", b"text/html")],
)  # fmt: skip


def _headers(rng: Random) -> Attack:
    body = good(rng.randrange(100))
    headers = [*signed("any", body), *rng.choice(_HEADERS), ("Content-Length", b"%d" % len(body))]
    rng.shuffle(headers)
    return Attack("headers", (_head(b"/in/any", headers) + body,))


_NOT_HTTP: tuple[bytes, ...] = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n",
    b"\r\n" * 500,
    b"\x00" * 300, b"GET\r\n\r\n", b"POST /in/any\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"EHLO x\r\n",
    b"x" * 100_000, b" POST / HTTP/1.1\r\n\r\n",
    b"POST /in/any HTTP/1.1\r\n: \r\n\r\n", b"POST /in/any HTTP/1.1\nHost: x\n\n",
)  # fmt: skip


def _no_http(rng: Random) -> Attack:
    raw = rng.choice((*_NOT_HTTP, rng.randbytes(rng.randrange(1, 400))))
    return Attack("no-http", (raw,), then=rng.choice(("half-close", "leave")))


def _pipelined(rng: Random) -> Attack:
    pieces = []
    for _ in range(rng.randrange(2, 12)):
        body = good(rng.randrange(100))
        source = rng.choice(SOURCES)
        headers = forged(rng, source, body) if rng.random() < 0.5 else signed(source, body)
        pieces.append(_request(source if rng.random() < 0.9 else "nobody", headers, body))
    raw = b"".join(pieces)
    if rng.random() < 0.3:
        raw = raw[: rng.randrange(len(raw))]
    return Attack("pipelined", (raw,), requests=len(pieces), then=rng.choice(("half-close", "leave")))


def _half(rng: Random) -> Attack:
    raw = wellformed(rng.randrange(100), rng.choice(SOURCES))
    return Attack("half", (raw[: rng.randrange(1, len(raw))],), then=rng.choice(("half-close", "leave")))


def _gone(rng: Random) -> Attack:
    return Attack("gone", (wellformed(rng.randrange(100), rng.choice(SOURCES)),), then="leave")


_MAKERS: tuple[tuple[int, Callable[[Random], Attack]], ...] = (
    (300, _forged), (250, _garbage), (60, _encoded), (70, _chunked), (1, _over_the_cap), (40,
    _lying_length), (50, _path),
    (50, _method), (50, _headers), (30, _no_http), (30, _pipelined), (30, _half), (20, _gone),
)  # fmt: skip


def attack(rng: Random) -> Attack:
    """The next hostile connection."""
    makers = [make for _, make in _MAKERS]
    return rng.choices(makers, [weight for weight, _ in _MAKERS])[0](rng)


def slow_attack(rng: Random) -> Attack:
    """One that dribbles: its head, its body, or nothing at all; it lasts until the hub hangs up."""
    raw = wellformed(1)
    head = raw.index(b"\r\n\r\n") + 4
    kind, pieces = rng.choice((
        ("slow:head", tuple(raw[at : at + 1] for at in range(120))),
        ("slow:body", (raw[:head], *(raw[at : at + 1] for at in range(head, head + 60)))),
        ("slow:endless", (_head(b"/in/any", [("Transfer-Encoding", b"chunked")]), *([b"1\r\nx\r\n"] * 60))),
        ("slow:silent", (b"",)),
        ("slow:second", (raw + raw[:20], b"x")),
    ))  # fmt: skip
    return Attack(kind, pieces, pause_s=0.5)
