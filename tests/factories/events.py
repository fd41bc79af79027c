"""Made OCSF 4009 events: plausible mail traffic, the same bytes for the same `seq` and settings."""

from itertools import accumulate
from random import Random
from typing import Any

import msgspec

from hub.model.event import Entry, Header
from hub.model.ids import event_uid, uid_text

__all__ = ["NOW_MS", "SPAN_MS", "WORDS", "make_entry"]

NOW_MS = 1_760_000_000_000
"""2025-10-09T08:53:20Z; events lie in the 30 days before it."""
SPAN_MS = 30 * 86_400_000
TENANTS = 200

_WORD_LIST = """
invoice payment account meeting report order delivery urgent security update password document review
project  schedule monthly statement contract offer reminder notice request confirm transfer shipping
ticket support team  travel budget proposal survey webinar benefits training holiday release server
backup domain certificate renewal  quarterly results agenda feedback interview onboarding newsletter
discount voucher subscription billing refund  warranty maintenance outage incident policy compliance
audit signature attachment scanned voicemail fax parcel  customs tax annual declaration salary bonus
pension insurance mortgage loan crypto wallet prize winner lottery
"""
WORDS = _WORD_LIST.split()
_RARE = tuple(f"{word}{n}" for n in range(60) for word in WORDS[:50])
_VOCABULARY = (*WORDS, *_RARE)
_WORD_ODDS = tuple(accumulate(1 / (rank + 1) for rank in range(len(_VOCABULARY))))
_TENANT_ODDS = tuple(accumulate(1 / (rank + 1) for rank in range(TENANTS)))
_DOMAIN_ODDS = tuple(accumulate(1 / (rank + 1) for rank in range(3000)))
_FIRST_NAMES = (
    "anna ben carla david eva frank gina hugo ines jonas karin leo maria nils olga paul rita sven tina"
)
_LAST_NAMES = (
    "adler bauer conti dubois evans fischer garcia hansen ivanov jensen keller lopez meyer novak olsen perez"
)
_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()
_KINDS = (
    # code, activity, action, disposition, caption, severity
    ("message.delivered", 3, 1, 1, "Allowed", 1),
    ("message.tagged", 3, 4, 18, "Tagged", 2),
    ("message.rejected", 3, 2, 25, "Rejected", 3),
    ("quarantine.added", 3, 2, 3, "Quarantined", 3),
    ("quarantine.released", 99, 4, 9, "Restored", 1),
    ("quarantine.discarded", 99, 2, 5, "Deleted", 1),
)
_KIND_ODDS = tuple(accumulate((60, 15, 10, 10, 3, 2)))
_RULES = (
    "BAYES_99",
    "DKIM_INVALID",
    "DMARC_REJECT",
    "FORGED_SENDER",
    "HTML_ONLY",
    "RBL_SPAMHAUS",
    "SPF_FAIL",
    "URI_SHORT",
)


def _host(random: Random) -> str:
    rank = random.choices(range(3000), cum_weights=_DOMAIN_ODDS)[0]
    return f"{_VOCABULARY[rank % 2700]}-{rank % 97}.{('com', 'net', 'org', 'example')[rank % 4]}"


def _address(random: Random, host: str) -> str:
    return f"{random.choice(_FIRST)}.{random.choice(_LAST)}{random.randrange(40) or ''}@{host}"


def _raw(random: Random, email: dict[str, Any]) -> str:
    """What a mail filter's webhook carries, as text of roughly 1.2 KB."""
    received = [
        {
            "by": f"mx{n}.{random.randrange(16**6):06x}.example",
            "with": "ESMTPS",
            "id": f"{random.randrange(16**12):012X}",
        }
        for n in range(4)
    ]
    symbols = {rule: round(random.uniform(0.1, 6), 2) for rule in random.sample(_RULES, 6)}
    headers = {
        "from": email["from"],
        "to": email["to"],
        "subject": email["subject"],
        "message-id": email["message_uid"],
    }
    payload = {
        "headers": headers,
        "received": received,
        "symbols": symbols,
        "note": " ".join(_words(random, 30)),
    }
    return msgspec.json.encode(payload).decode()


def _words(random: Random, count: int) -> list[str]:
    return random.choices(_VOCABULARY, cum_weights=_WORD_ODDS, k=count)


def _email(random: Random, sender: str, recipients: list[str], over: dict[str, Any]) -> dict[str, Any]:
    message_id = (
        over.pop("message_id", None) or f"<{random.randrange(16**16):016x}@{sender.rpartition('@')[2]}>"
    )
    subject = over.pop("subject", None) or " ".join(_words(random, random.randint(3, 9)))
    email: dict[str, Any] = {
        "from": sender,
        "to": recipients,
        "subject": subject,
        "message_uid": message_id,
        "size": random.randrange(900, 400_000),
    }
    if random.random() < 0.15:
        name = f"{'_'.join(_words(random, 2))}.{random.choice(('pdf', 'zip', 'docx', 'xlsx'))}"
        email["files"] = [{"name": name, "type_id": 1}]
    if random.random() < 0.3:
        url = f"https://{_host(random)}/{random.choice(WORDS)}/{random.randrange(10**6)}"
        email["urls"] = [{"url_string": url}]
    return email


def _metadata(random: Random, uid: bytes, header: Header) -> dict[str, Any]:
    return {
        "version": "1.8.0",
        "profiles": ["host", "security_control"],
        "product": {"name": "MailGuard", "vendor_name": "MailGuard", "version": "4.2"},
        "uid": uid_text(uid),
        "tenant_uid": header.tenant,
        "event_code": header.code,
        "log_provider": header.source,
        "logged_time": header.recorded_ms,
        "original_event_uid": f"{random.randrange(16**10):010X}",
    }


def _verdict(random: Random, kind: tuple[Any, ...]) -> dict[str, Any]:
    _, _, action, disposition, caption, _ = kind
    return {
        "direction_id": 1,
        "direction": "Inbound",
        "action_id": action,
        "action": ("Unknown", "Allowed", "Denied", "Observed", "Modified")[action],
        "disposition_id": disposition,
        "disposition": caption,
        "email_auth": {name: random.choice(("pass", "fail", "none")) for name in ("spf", "dkim", "dmarc")},
        "unmapped": {"score": round(random.uniform(-2, 25), 2), "rules": random.sample(_RULES, 3)},
    }


def _email_activity(
    random: Random, *, uid: bytes, header: Header, kind: tuple[Any, ...], raw_data: bool, over: dict[str, Any]
) -> dict[str, Any]:
    code, activity, *_, caption, severity = kind
    sender = over.pop("sender", None) or _address(random, _host(random))
    recipients = list(over.pop("recipients", None) or [_address(random, header.domain or "example.org")])
    ip = ".".join(str(random.randrange(1, 255)) for _ in range(4))
    email = _email(random, sender, recipients, over)
    body: dict[str, Any] = {
        "class_uid": header.class_uid,
        "category_uid": 4,
        "activity_id": activity,
        "activity_name": "Scan" if activity == 3 else code.rpartition(".")[2].title(),
        "type_uid": header.class_uid * 100 + activity,
        "severity_id": header.severity,
        "severity": ("Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal")[severity],
        "time": header.time_ms,
        "message": f"Message from {sender} {caption.lower()} by node mx{random.randrange(1, 5)}",
        "metadata": _metadata(random, uid, header),
        "from": sender,
        "to": recipients,
        "email": email,
        "src_endpoint": {"ip": ip},
        "observables": [
            {"name": "email.from", "type_id": 5, "value": sender},
            {"name": "src_endpoint.ip", "type_id": 2, "value": ip},
        ],
    }
    if raw_data:
        body["raw_data"] = _raw(random, email)
    return body | _verdict(random, kind) | over


def make_entry(
    seq: int,
    *,
    uid: bytes | None = None,
    tenant: str | None = None,
    source: str | None = None,
    class_uid: int = 4009,
    code: str | None = None,
    severity: int | None = None,
    domain: str | None = None,
    time_ms: int | None = None,
    recorded_ms: int | None = None,
    body: bytes | None = None,
    raw_data: bool = False,
    salt: str = "",
    **over: Any,
) -> Entry:
    """Entry number `seq`. Every part can be set: the header's fields by name, `body` as bytes, and through
    `over` the body's `sender`, `recipients` (list), `subject`, `message_id` or any top-level OCSF attribute.

    `raw_data=True` adds the vendor's payload (a body of some 2.5 KB instead of 1.3 KB); another `salt` makes
    another world.
    """
    random = Random(f"{salt}{seq}")
    kind = random.choices(_KINDS, cum_weights=_KIND_ODDS)[0]
    number = random.choices(range(TENANTS), cum_weights=_TENANT_ODDS)[0]
    uid = uid or event_uid(("made", salt, str(seq)))
    time = NOW_MS - random.randrange(SPAN_MS) if time_ms is None else time_ms
    header = Header(
        tenant=tenant if tenant is not None else f"tenant-{number}",
        source=source if source is not None else f"mailguard-{number}",
        class_uid=class_uid,
        code=code if code is not None else kind[0],
        severity=kind[5] if severity is None else severity,
        domain=domain if domain is not None else f"customer{number}.example",
        time_ms=time,
        recorded_ms=time + random.randrange(60_000) if recorded_ms is None else recorded_ms,
    )
    if body is None:
        made = _email_activity(random, uid=uid, header=header, kind=kind, raw_data=raw_data, over=dict(over))
        body = msgspec.json.encode(made)
    return Entry(seq=seq, uid=uid, header=header, body=body)
