"""The Authentication-Results header of a message (RFC 8601)."""

import re
from collections.abc import Iterator

from core.engine.auth import Authentication, DkimResult

__all__ = ["header_text"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@/-]+")
_UNSAFE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_MAX_VALUE_CHARS = 255


def header_text(hostname: str, found: Authentication) -> str:
    """The header's value, folded: who checked, and each method's result with what it was checked on."""
    return ";\r\n\t".join([_value(hostname), *_methods(found)])


def _methods(found: Authentication) -> Iterator[str]:
    spf, dmarc, rdns = found.spf, found.dmarc, found.rdns
    prop = "smtp.mailfrom" if spf.scope == "mailfrom" else "smtp.helo"
    yield f"spf={spf.result}" + _property(prop, spf.domain)
    yield from (_signature(one) for one in found.dkim or (DkimResult(result="none"),))
    policy = f" policy.dmarc={dmarc.policy}" if dmarc.policy else ""
    yield f"dmarc={dmarc.result}" + _property("header.from", dmarc.domain) + policy
    if rdns.result != "none":
        yield f"iprev={rdns.result}" + _property("policy.iprev", rdns.name)


def _signature(one: DkimResult) -> str:
    reason = f" reason={_value(one.reason)}" if one.reason else ""
    start = _property("header.b", one.signature)
    return (
        f"dkim={one.result}{reason}"
        + _property("header.d", one.domain)
        + _property("header.s", one.selector)
        + start
    )


def _property(name: str, value: str) -> str:
    return f" {name}={_value(value)}" if value else ""


def _value(text: str) -> str:
    """A token, or a quoted string without what could end it, break the line or leave ASCII."""
    plain = _UNSAFE.sub("?", text[:_MAX_VALUE_CHARS])
    return plain if _TOKEN.fullmatch(plain) else f'"{plain}"'
