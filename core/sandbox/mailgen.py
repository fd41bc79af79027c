"""A seeded stream of made mail: RFC 5322 bytes with their SMTP envelope.

Every kind is a recipe in `core.sandbox.recipes`; what the filter thinks of a message is never written down
here, it comes from reading the bytes.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from core.engine.message import Envelope
from core.sandbox.recipes import RECIPES, Draft, Scene

__all__ = ["DOMAINS", "Made", "MailGenerator"]

DOMAINS: tuple[str, ...] = ("acme.example", "nordwind.example", "praxis-linden.example")
"""Tenants' domains of the sandbox."""

_WEIGHTS: Mapping[str, int] = {
    "legit": 34,
    "reply": 14,
    "newsletter": 14,
    "discussion": 8,
    "spam": 12,
    "phishing": 8,
    "lookalike": 4,
    "malware": 3,
    "botnet": 3,
}


@dataclass(frozen=True, slots=True)
class Made:
    """One message as an SMTP client would hand it over."""

    kind: str
    raw: bytes
    envelope: Envelope


class MailGenerator:
    """The same seed and the same clock give the same mail."""

    def __init__(self, seed: int, domains: tuple[str, ...] = DOMAINS) -> None:
        self._rng = random.Random(seed)  # noqa: S311 -- repeatable mail, no secret
        self._domains = domains
        self._number = 0

    def make(self, now_ms: int, kind: str | None = None) -> Made:
        """The next message, of a random kind or the one asked for.

        Raises `KeyError` for a kind without a recipe.
        """
        rng = self._rng
        chosen = kind or rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        self._number += 1
        scene = Scene(rng=rng, domain=rng.choice(self._domains), number=self._number)
        draft = RECIPES[chosen](scene)
        return Made(chosen, _message(draft, now_ms, scene).as_bytes(), draft.envelope)


def _message(draft: Draft, now_ms: int, scene: Scene) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    sent = datetime.fromtimestamp(now_ms // 1000 - scene.rng.randrange(2, 90), UTC)
    date = format_datetime(sent + draft.date_shift)
    envelope = draft.envelope
    by = f"mx1.{scene.domain}"
    seen = envelope.rdns or "unknown"
    message["Received"] = (
        f"from {envelope.helo} ({seen} [{envelope.client_ip}]) by {by} with ESMTPS; {format_datetime(sent)}"
    )
    message["From"] = draft.sender
    message["To"] = ", ".join(envelope.rcpt_to)
    message["Subject"] = draft.subject
    message["Date"] = date
    if draft.message_id:
        message["Message-ID"] = draft.message_id
    for name, value in draft.headers.items():
        message[name] = value
    _fill(message, draft, scene)
    return message


def _fill(message: EmailMessage, draft: Draft, scene: Scene) -> None:
    if draft.text:
        message.set_content(draft.text)
    if draft.html:
        add = message.add_alternative if draft.text else message.set_content
        add(draft.html, subtype="html")
    for name, content_type in draft.attachments:
        main, _, sub = content_type.partition("/")
        payload = scene.rng.randbytes(scene.rng.randrange(400, 3000))
        message.add_attachment(payload, maintype=main, subtype=sub, filename=name)
    if message.is_multipart():
        # The stdlib's own boundary comes from an unseeded generator.
        message.set_boundary(f"=_{scene.rng.getrandbits(64):016x}")
    for index, part in enumerate(message.walk()):
        if part is not message and part.is_multipart():
            part.set_boundary(f"=_{index}_{scene.rng.getrandbits(64):016x}")
