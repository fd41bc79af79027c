"""From a message and its settings to a verdict and a fate for each recipient. Writes nothing."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from core.engine import scan as engine
from core.engine.fates import RecipientFate
from core.engine.lists import plain_address
from core.engine.message import Envelope
from core.engine.verdict import Action
from core.seam.plan import Delivery, Plan, Stamp
from core.seam.recipients import Addressed, routed
from core.seam.settings import Settings
from core.service.core import Core
from core.upstream.routing import Route
from hub.sql.columns import writable

__all__ = ["WORDS", "Fated", "Handed", "Judged", "authentication", "deliveries_of", "judge", "plain_symbols"]

WORDS: Final[Mapping[Action, str]] = {
    "deliver": "clean",
    "tag": "tag",
    "quarantine": "quarantine",
    "reject": "reject",
}
"""Verdicts as they are stored and shown."""
MOST_HOPS: Final = 50
_UNSEEN = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A message as it was handed in: its bytes, the envelope, and how to know it again.

    `key` is the caller's Idempotency-Key, or empty. `dry_run`: judge only.
    """

    raw: bytes = field(repr=False)
    envelope: Envelope
    key: str = field(default="", repr=False)
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fated:
    """What was decided for one recipient."""

    recipient: str
    verdict: Action
    fate: str
    detail: str = ""
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A message with its verdict, before anything is kept."""

    id: str
    handed: Handed
    to: Addressed
    verdict: engine.Verdict
    fates: tuple[Fated, ...]
    plan: Plan
    now_ms: int

    @property
    def held(self) -> tuple[Fated, ...]:
        return tuple(one for one in self.fates if one.fate == "quarantined")


async def judge(core: Core, handed: Handed, to: Addressed, settings: Settings, message_id: str) -> Judged:
    """Scan a message and follow each recipient's route."""
    envelope = replace(handed.envelope, rcpt_to=to.canonical)
    verdict = await engine.scan(handed.raw, envelope, settings.context)
    looping = len(verdict.mail.headers.get("received", ())) > MOST_HOPS
    fates = []
    for recipient, one in zip(to.recipients, verdict.recipients, strict=True):
        fated = _fated(recipient, one, routed(recipient, one.address, settings.host), looping=looping)
        fates.append(_only_said(fated) if handed.dry_run else fated)
    deliveries = tuple(each for one in fates for each in one.deliveries)
    now_ms = core.clock()
    trace = ("Received", _trace(core, handed.envelope, message_id, now_ms))
    stamps = {each.stamp for each in deliveries}
    plan = Plan(deliveries=deliveries, stamps={name: _stamp(verdict, name, trace) for name in stamps})
    return Judged(
        id=message_id,
        handed=handed,
        to=to,
        verdict=verdict,
        fates=tuple(fates),
        plan=plan,
        now_ms=now_ms,
    )


def plain_symbols(verdict: engine.Verdict) -> list[dict[str, Any]]:
    """As verdicts keep them."""
    return [{"name": one.name, "score": one.score, "detail": writable(one.detail)} for one in verdict.symbols]


def authentication(verdict: engine.Verdict) -> dict[str, Any]:
    """What SPF, DKIM, DMARC and reverse DNS said, as verdicts keep it."""
    found = asdict(verdict.authentication)
    return {name: _writable(value) for name, value in found.items()}


def _fated(recipient: str, one: RecipientFate, route: Route, *, looping: bool) -> Fated:
    """Who takes no mail gets none, whatever the verdict; nobody's mail is held."""
    key = plain_address(recipient)
    if looping:
        words = f"554 5.4.6 the message went through more than {MOST_HOPS} servers"
        return Fated(recipient=key, verdict=one.fate, fate="rejected", detail=words)
    if route.fate == "refuse":
        return Fated(recipient=key, verdict=one.fate, fate="rejected", detail=f"550 5.1.1 {route.reason}")
    if one.fate == "reject":
        words = f"550 5.7.1 refused by the filter ({one.cause})"
        return Fated(recipient=key, verdict=one.fate, fate="rejected", detail=words)
    if route.fate == "discard":
        return Fated(recipient=key, verdict=one.fate, fate="discarded", detail=route.reason)
    if one.fate == "quarantine":
        return Fated(recipient=key, verdict=one.fate, fate="quarantined", detail=one.cause)
    deliveries = deliveries_of(key, route, one.address.rpartition("@")[2], recipient, one.fate)
    return Fated(recipient=key, verdict=one.fate, fate="relaying", deliveries=deliveries)


def deliveries_of(key: str, route: Route, domain: str, recipient: str, stamp: str) -> tuple[Delivery, ...]:
    """One delivery an address of a route; addresses elsewhere go by their own domain's exchangers."""
    near = {domain, recipient.rpartition("@")[2]}
    return tuple(
        Delivery(
            recipient=key,
            address=each,
            via="" if each.rpartition("@")[2].lower() in near else each.rpartition("@")[2].lower(),
            stamp=stamp,
        )
        for each in route.addresses
    )


def _only_said(one: Fated) -> Fated:
    words = f"would be {one.fate}" + (f": {one.detail}" if one.detail else "")
    return replace(one, fate="none", detail=words, deliveries=())


def _stamp(verdict: engine.Verdict, name: str, trace: tuple[str, str]) -> Stamp:
    fate: Action = "tag" if name == "tag" else "deliver"
    policy = verdict.policy
    prefix = policy.subject_prefix if policy.action == "tag" and fate == "tag" else ""
    return Stamp.of((trace, *verdict.headers(fate)), verdict.hostname, policy.headers, prefix)


def _trace(core: Core, envelope: Envelope, message_id: str, now_ms: int) -> str:
    """RFC 5321 section 4.4. What the client said of itself is shown as plain ASCII."""
    helo, rdns, ip = (
        _UNSEEN.sub("?", text)[:255] for text in (envelope.helo, envelope.rdns, envelope.client_ip)
    )
    when = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    client = f"{helo or 'unknown'} ({rdns or 'unknown'} [{ip or 'unknown'}])"
    return f"from {client}\r\n\tby {core.config.hostname} (mxhub) with HTTP id {message_id};\r\n\t{when}"


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, Mapping):
        return {key: _writable(each) for key, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, list | tuple) else value
