"""The scan: one message with its envelope in, one verdict with a fate per recipient out.

Read the message (a thread), ask DNS (one deadline), verify and weigh (a thread), then lists and limits.
"""

from dataclasses import dataclass, replace

from core.engine.auth import Authentication
from core.engine.authres import header_text
from core.engine.context import MAX_MESSAGE_BYTES, ScanContext
from core.engine.fates import RecipientFate, fate_for
from core.engine.lookups import gather
from core.engine.message import Envelope, Mail, parse
from core.engine.opinion import Opinion, weigh
from core.engine.policy import DomainPolicy
from core.engine.signals import Symbol, symbol
from core.engine.signatures import Signature, find_signatures
from core.engine.stamp import headers_for, stamp
from core.engine.verdict import Action, Reason, reason_of

__all__ = ["MAX_MESSAGE_BYTES", "RecipientFate", "ScanContext", "Verdict", "scan"]

_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a message. `recipients` are in the envelope's order.

    `score` is the sum of the symbols' scores; lists may decide otherwise for a recipient. `reason` is None
    while nothing speaks against the message. `degraded`: DNS could not tell everything, so nothing was
    refused for its score. A check that ended in an error of ours is left out, and `SCAN_INCOMPLETE` among the
    symbols says which error.
    """

    mail: Mail
    score: float
    reason: Reason | None
    symbols: tuple[Symbol, ...]
    recipients: tuple[RecipientFate, ...]
    authentication: Authentication
    authentication_results: str
    spam_probability: float | None
    degraded: bool
    policy: DomainPolicy
    hostname: str

    def headers(self, fate: Action) -> tuple[tuple[str, str], ...]:
        """The headers to put on top of the message for a fate, in order; values may be folded with CRLF."""
        named = (("Authentication-Results", self.authentication_results),)
        return named + headers_for(fate, self.score, self.symbols, self.policy)

    def stamped(self, message: bytes, fate: Action) -> bytes:
        """The message as it goes on to a recipient of that fate; see `core.engine.stamp.stamp`."""
        prefix = self.policy.subject_prefix if self.policy.action == "tag" and fate != "deliver" else ""
        return stamp(message, self.headers(fate), self.hostname, self.policy.headers, prefix)


async def scan(message: bytes, envelope: Envelope, context: ScanContext) -> Verdict:
    """Judge a message. Raises nothing but being cancelled, whatever the message and its envelope hold."""
    if len(message) > context.max_bytes:
        return await _refused(message, envelope, context)
    mail, signatures = await context.workers.run(_read, message, envelope)
    found = await gather(mail, signatures, context.resolver, deadline_s=context.dns_deadline_s)
    if found.rdns.name:
        mail = replace(mail, envelope=replace(envelope, rdns=found.rdns.name))
    opinion = await context.workers.run(weigh, message, mail, signatures, found, context)
    fates = [
        fate_for(address, mail, opinion.score, opinion.authentication, context)
        for address in envelope.rcpt_to
    ]
    return _verdict(mail, opinion, fates, context)


def _read(message: bytes, envelope: Envelope) -> tuple[Mail, tuple[Signature, ...]]:
    return parse(message, envelope), find_signatures(message)


async def _refused(message: bytes, envelope: Envelope, context: ScanContext) -> Verdict:
    mail, _ = await context.workers.run(_read, message[:_HEAD_BYTES], envelope)
    opinion = Opinion(symbols=(symbol("TOO_LARGE", f"{len(message)} of {context.max_bytes} bytes"),))
    fates = [RecipientFate(address=one, fate="reject", cause="size") for one in envelope.rcpt_to]
    return _verdict(replace(mail, size_bytes=len(message)), opinion, fates, context)


def _verdict(mail: Mail, opinion: Opinion, fates: list[RecipientFate], context: ScanContext) -> Verdict:
    symbols = (*opinion.symbols, *_list_symbols(fates))
    return Verdict(
        mail=mail,
        score=opinion.score,
        reason=reason_of(symbols) if any(one.score > 0 for one in symbols) else None,
        symbols=symbols,
        recipients=tuple(fates),
        authentication=opinion.authentication,
        authentication_results=header_text(context.hostname, opinion.authentication),
        spam_probability=opinion.probability,
        degraded=opinion.authentication.degraded,
        policy=context.policy,
        hostname=context.hostname,
    )


def _list_symbols(fates: list[RecipientFate]) -> list[Symbol]:
    """One symbol a kind of decision, whoever it was made for; recipients' addresses stay out of headers."""
    names = [
        "LISTED_SAFE" if one.entry.kind == "safe" else "LISTED_BLOCKED"
        for one in fates
        if one.entry is not None
    ]
    names += ["UNFILTERED" for one in fates if one.cause == "unfiltered"]
    return [symbol(name) for name in dict.fromkeys(names)]
