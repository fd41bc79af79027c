"""Proof that a domain is its customer's: a TXT record with a token that only they were told."""

import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from core.dns.answers import Resolver
from core.dns.names import domain_name

__all__ = ["LABEL", "Verification", "new_token", "verify_domain"]

LABEL = "_mxhub-verify"
_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`unknown`: the DNS could not be asked, which is no reason to take a verification back."""

    state: Literal["verified", "missing", "unknown"]
    host: str
    message: str


def new_token() -> str:
    """For example `mxhub-verify=Zk0...`: the whole value of the record."""
    return f"mxhub-verify={secrets.token_urlsafe(_BYTES)}"


async def verify_domain(domain: str, token: str, resolver: Resolver, *, label: str = LABEL) -> Verification:
    """Look for the token at `<label>.<domain>`, or without label at the domain. Raises `BadName`."""
    name = domain_name(domain)
    host = f"{label}.{name}" if label else name
    answer = await resolver.lookup(host, "TXT")
    if answer.is_failed:
        return Verification(state="unknown", host=host, message=f"Cannot be checked now: {answer.reason}")
    found = any(hmac.compare_digest(value.strip().encode(), token.encode()) for value in answer.values)
    if found and token:
        return Verification(state="verified", host=host, message="The verification record is there")
    says = "holds other values" if answer.values else "is missing"
    return Verification(state="missing", host=host, message=f"The TXT record at {host} {says}")
