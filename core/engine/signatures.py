"""DKIM (RFC 6376) by dkimpy: keys are fetched first, so that DNS trouble is told from a bad signature.

The library reads headers and bodies in ways that hostile ones make quadratic; here it gets them read already.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from core.dns.answers import Answer
from core.engine.auth import DkimResult, DkimWord
from core.engine.bodyhash import body_hash

__all__ = ["Signature", "find_signatures", "verify"]

MAX_SIGNATURES = 5
MAX_SIGNATURE_BYTES = 8192
MAX_HEADERS = 1000
MAX_HEADER_BYTES = 256 * 1024
MIN_KEY_BITS = 1024

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
_DOMAIN = re.compile(rb"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){1,40}\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One DKIM-Signature header: which key it needs, or what is wrong with it already."""

    index: int
    domain: str = ""
    selector: str = ""
    start: str = ""
    problem: str = ""

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    def result(self, word: DkimWord, reason: str = "") -> DkimResult:
        return DkimResult(
            result=word,
            domain=self.domain,
            selector=self.selector,
            signature=self.start,
            reason=reason,
        )


def find_signatures(raw: bytes) -> tuple[Signature, ...]:
    """The first signatures of a message, topmost first."""
    headers = _headers(raw)
    if headers is None:
        return ()
    values = [value for name, value in headers if name.lower() == b"dkim-signature"]
    return tuple(_signature(index, value) for index, value in enumerate(values[:MAX_SIGNATURES]))


def verify(raw: bytes, signatures: Sequence[Signature], keys: Mapping[str, Answer]) -> tuple[DkimResult, ...]:
    """Check each signature with the keys that were fetched. Slow for a large message: not for the event
    loop.
    """
    return tuple(_verify_one(raw, one, keys.get(one.key_name, Answer(state="failed"))) for one in signatures)


def _signature(index: int, value: bytes) -> Signature:
    if len(value) > MAX_SIGNATURE_BYTES:
        return Signature(index=index, problem="signature header too long")
    try:
        tags = parse_tag_value(value)
        domain, selector = tags[b"d"], tags[b"s"]
    except (InvalidTagValueList, KeyError, IndexError):
        return Signature(index=index, problem="signature header is not readable")
    if not (_DOMAIN.fullmatch(domain) and _DOMAIN.fullmatch(selector + b".x")):
        return Signature(index=index, problem="no usable d= or s=")
    start = re.sub(rb"[^A-Za-z0-9+/]", b"", tags.get(b"b", b"")[:40])[:8].decode()
    named = domain.decode().lower().rstrip(".")
    return Signature(index=index, domain=named, selector=selector.decode().lower(), start=start)


def _verify_one(raw: bytes, signature: Signature, key: Answer) -> DkimResult:
    if signature.problem:
        return signature.result("permerror", signature.problem)
    if key.state == "failed":
        return signature.result("temperror", "key could not be looked up")
    if not key.values:
        return signature.result("permerror", "no key for signature")
    text = key.values[0].encode("ascii", "replace")
    try:
        dkim.evaluate_pk(signature.key_name, text)
    except dkim.NaClNotFoundError:
        return signature.result("neutral", "ed25519 is not supported")
    except Exception:  # the library raises many kinds on a broken key
        return signature.result("permerror", "unusable key")
    return _verify_with(raw, signature, text)


def _verify_with(raw: bytes, signature: Signature, key: bytes) -> DkimResult:
    verifier = dkim.DKIM(None, minkey=MIN_KEY_BITS)
    verifier.headers = [list(pair) for pair in _headers(raw) or []]
    try:
        tags, names, fields = verifier.verify_headerprep(signature.index)
        if not _body_matches(raw, tags):
            return signature.result("fail", "body hash mismatch")
        del tags[b"bh"]  # checked; the library would do it once more, and all at once
        valid = verifier.verify_sig(tags, names, fields[signature.index], lambda *_, **__: key)
    except dkim.KeyFormatError as broken:
        return signature.result("permerror", str(broken))
    except dkim.ValidationError as wrong:
        return signature.result("fail", str(wrong).partition("(")[0].strip())
    except Exception:  # the library's other errors, and the corners that hostile tags reach
        return signature.result("permerror", "signature is not readable")
    return signature.result("pass") if valid else signature.result("fail", "signature did not verify")


def _body_matches(raw: bytes, tags: Mapping[bytes, bytes]) -> bool:
    """Raises `ValueError` for tags that are none."""
    canon = tags.get(b"c", b"simple/simple").partition(b"/")[2] or b"simple"
    if canon not in {b"simple", b"relaxed"}:
        raise ValueError("no such canonical form")
    length = int(tags[b"l"]) if b"l" in tags else None
    algorithm = tags[b"a"].decode("ascii").partition("-")[2]
    found = body_hash(_body(raw), algorithm=algorithm, relaxed=canon == b"relaxed", length=length)
    return found is not None and found == b64decode(re.sub(rb"\s+", b"", tags[b"bh"]))


def _headers(raw: bytes) -> list[tuple[bytes, bytes]] | None:
    """Name and value of each header, values with their line ends as CRLF; None when there are too many."""
    end = _HEADERS_END.search(raw, 0, MAX_HEADER_BYTES)
    if end is None and len(raw) > MAX_HEADER_BYTES:
        return None
    lines = raw[: end.start() if end else len(raw)].replace(b"\r\n", b"\n").split(b"\n")
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in lines:
        name = _NAME.match(line)
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1][1].append(line)
        elif name is not None:
            fields.append((name[1], [line[name.end() :]]))
    if len(fields) > MAX_HEADERS:
        return None
    return [(name, b"".join(line + b"\r\n" for line in value)) for name, value in fields]


def _body(raw: bytes) -> bytes:
    end = _HEADERS_END.search(raw, 0, MAX_HEADER_BYTES)
    return raw[end.end() :] if end else b""
