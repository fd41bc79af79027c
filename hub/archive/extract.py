"""What search needs of an OCSF body: addresses, subject, disposition and the text that `q` looks through.

Only these attributes are decoded (OCSF 1.8, schema.ocsf.io/1.8.0). A body of another shape yields empty
facts: the event is stored all the same and found by id, tenant, source, class, code, severity, domain and
time.
"""

from typing import NamedTuple

import msgspec

from hub.archive.words import ip_word, whole, wholes
from hub.model.ocsf_classes import DISPOSITIONS

__all__ = ["Facts", "address", "extract", "message_id_form"]

MAX_TEXT = 8192
"""Characters of searchable text kept per event, and of the subject: a hostile body must not swell the index.
"""
MAX_RECIPIENTS = 100


class _Object(msgspec.Struct):
    """Base: attributes that are not listed are skipped undecoded."""


class _Named(_Object):
    name: str | None = None
    email_addr: str | None = None
    uid: str | None = None


class _Url(_Object):
    url_string: str | None = None


class _Endpoint(_Object):
    ip: str | None = None
    hostname: str | None = None


class _Email(_Object, rename={"from_": "from"}):
    from_: str | None = None
    to: list[str] | None = None
    cc: list[str] | None = None
    subject: str | None = None
    message_uid: str | None = None
    files: list[_Named] | None = None
    urls: list[_Url] | None = None


class _Actor(_Object):
    user: _Named | None = None
    app_name: str | None = None


class _Observable(_Object):
    value: str | None = None


class _Finding(_Object):
    title: str | None = None
    uid: str | None = None
    desc: str | None = None


class _Metadata(_Object):
    event_code: str | None = None
    original_event_uid: str | None = None


class _Evidence(_Object):
    email: _Email | None = None
    src_endpoint: _Endpoint | None = None


class _Body(_Object, rename={"from_": "from"}):
    metadata: _Metadata | None = None
    message: str | None = None
    disposition: str | None = None
    disposition_id: int | None = None
    from_: str | None = None
    to: list[str] | None = None
    email: _Email | None = None
    actor: _Actor | None = None
    user: _Named | None = None
    entity: _Named | None = None
    resources: list[_Named] | None = None
    src_endpoint: _Endpoint | None = None
    finding_info: _Finding | None = None
    evidences: list[_Evidence] | None = None
    observables: list[_Observable] | None = None


class Facts(NamedTuple):
    """The searchable side of one event."""

    sender: str = ""
    """Bare address, lower case."""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    message_id: str = ""
    """As written, without blanks around it."""
    disposition: str = ""
    """Caption, e.g. `Quarantined`."""
    message: str = ""
    wholes: tuple[str, ...] = ()
    """Every address and the message id (`message_id_form`), wherever they stand: words of their own."""
    text: str = ""
    """Everything else that `q` looks through, joined by blanks."""


_NOTHING = Facts()
_decode = msgspec.json.Decoder(_Body).decode


def address(text: str) -> str:
    """The bare address in lower case: `Ann <Ann@Example.org>` gives `ann@example.org`."""
    if text.endswith(">"):
        text = text[text.rfind("<") + 1 : -1]
    return text.strip().lower()


def message_id_form(message_id: str) -> str:
    """For comparing: filters write a Message-ID with and without its angle brackets; case does not count."""
    return message_id.strip().strip("<>").lower()


def extract(body: bytes) -> Facts:
    """Facts of a body; empty facts when it is not an OCSF event of the usual shape."""
    try:
        event = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING
    email = event.email or _first_email(event.evidences)
    sender, recipients = _correspondents(event, email)
    disposition = event.disposition or DISPOSITIONS.get(event.disposition_id or 0, "")
    if event.disposition_id is None and event.disposition is None:
        disposition = ""
    message_id = (email.message_uid or "").strip() if email else ""
    words: dict[str | None, None] = dict.fromkeys((sender, *recipients))
    if message_id and whole(message_id) != message_id_form(message_id):
        words[message_id] = None
    _collect(words, event, email)
    text = " ".join(filter(None, words))[:MAX_TEXT]
    found = dict.fromkeys((sender, *recipients, message_id_form(message_id), *wholes(text)))
    return Facts(
        sender,
        recipients,
        ((email.subject or "") if email else "")[:MAX_TEXT],
        message_id,
        disposition,
        event.message or "",
        tuple(filter(None, found)),
        text,
    )


def _first_email(evidences: list[_Evidence] | None) -> _Email | None:
    return next((e.email for e in evidences or () if e.email), None)


def _correspondents(event: _Body, email: _Email | None) -> tuple[str, tuple[str, ...]]:
    """Header and envelope together: the header's sender, else the envelope's; everybody who was to receive
    it.
    """
    if email is None:
        everybody: list[str] = event.to or []
        sender = event.from_ or ""
    else:
        sender = email.from_ or event.from_ or ""
        everybody = [*(email.to or ()), *(email.cc or ()), *(event.to or ())]
    recipients = dict.fromkeys(address(one) for one in everybody[:MAX_RECIPIENTS])
    return address(sender), tuple(filter(None, recipients))


def _collect(words: dict[str | None, None], event: _Body, email: _Email | None) -> None:
    """Add the texts of `q` in place; a dict, so that what stands in several attributes is indexed once."""
    if event.metadata:
        words[event.metadata.event_code] = words[event.metadata.original_event_uid] = None
    words[event.message] = None
    words[event.from_] = None
    _collect_email(words, email)
    _collect_endpoint(words, event.src_endpoint)
    for observable in event.observables or ():
        words[ip_word(observable.value or "")] = None
    if event.actor:
        words[event.actor.app_name] = None
        _collect_named(words, event.actor.user)
    _collect_named(words, event.user)
    _collect_named(words, event.entity)
    for resource in event.resources or ():
        _collect_named(words, resource)
    if event.finding_info:
        words[event.finding_info.title] = words[event.finding_info.desc] = words[event.finding_info.uid] = (
            None
        )
    for evidence in event.evidences or ():
        _collect_email(words, evidence.email)
        _collect_endpoint(words, evidence.src_endpoint)


def _collect_email(words: dict[str | None, None], email: _Email | None) -> None:
    if email is None:
        return
    for file in email.files or ():
        words[file.name] = None
    for url in email.urls or ():
        words[url.url_string] = None


def _collect_endpoint(words: dict[str | None, None], endpoint: _Endpoint | None) -> None:
    if endpoint:
        words[ip_word(endpoint.ip or "")] = words[endpoint.hostname] = None


def _collect_named(words: dict[str | None, None], named: _Named | None) -> None:
    if named:
        words[named.name] = words[named.email_addr] = words[named.uid] = None
