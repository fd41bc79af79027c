"""SPF (RFC 7208) by spftrace over the injected resolver."""

from dataclasses import replace
from typing import cast

from spftrace import BaseResolver, Evaluator, Limits

from core.dns.answers import Resolver
from core.engine.auth import SpfResult, SpfWord
from core.engine.domains import to_ascii
from core.engine.message import Envelope

__all__ = ["check_spf", "unknown_spf"]

_RCODES = {"found": "NOERROR", "empty": "NOERROR", "absent": "NXDOMAIN", "failed": "SERVFAIL"}
_MAX_ADDRESS_CHARS = 320


class _Transport(BaseResolver):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        answer = await self._resolver.lookup(name, rtype)
        return _RCODES[answer.state], list(answer.values)


async def check_spf(envelope: Envelope, resolver: Resolver, *, time_limit_s: float) -> SpfResult:
    """The result for MAIL FROM, or for HELO when the sender is null; `none` without a client address."""
    checked = unknown_spf(envelope)
    if not envelope.client_ip or not checked.domain:
        return replace(checked, result="none")
    local = envelope.mail_from[:_MAX_ADDRESS_CHARS].rpartition("@")[0] or "postmaster"
    evaluator = Evaluator(_Transport(resolver), Limits(time_limit=time_limit_s))
    found = await evaluator.evaluate(
        envelope.client_ip, f"{local}@{checked.domain}", to_ascii(envelope.helo[:_MAX_ADDRESS_CHARS])
    )
    return replace(checked, result=cast(SpfWord, found.result))


def unknown_spf(envelope: Envelope) -> SpfResult:
    """What is to be checked, as long as nobody could."""
    domain = to_ascii(envelope.mail_from[:_MAX_ADDRESS_CHARS].rpartition("@")[2])
    if domain:
        return SpfResult(result="temperror", domain=domain, scope="mailfrom")
    return SpfResult(result="temperror", domain=to_ascii(envelope.helo[:_MAX_ADDRESS_CHARS]), scope="helo")
