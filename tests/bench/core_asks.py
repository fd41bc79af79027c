"""What callers of the core ask for, as prepared requests; those of one kind look for different values."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from core.store.clock import iso_millis
from tests.bench.core_rows import DAY_MS, END_MS, TENANT, domain_name
from tests.bench.core_stand import CoreStand
from tests.factories.core import raw_mail

__all__ = ["AUDIT", "DAY", "VERDICTS", "Ask", "get", "lists", "messages", "more", "query_of"]

VERDICTS, AUDIT = "/verdicts", "/audit/logs"
DAY = iso_millis(END_MS - 9 * DAY_MS)[:10]
"""A whole day of the made rows."""
_SOME = range(0, 160, 8)
_WEEK = {"from": iso_millis(END_MS - 14 * DAY_MS), "to": iso_millis(END_MS - 7 * DAY_MS)}
_SENDERS = (0, 3, 40, 500, 6_000, 30_000)
_RARE_SCORE = 18.9


@dataclass(frozen=True, slots=True)
class Ask:
    """Requests of one kind, sent in turn. `at_most_ms` is the target for p99."""

    name: str
    requests: tuple[bytes, ...]
    at_most_ms: float | None = None


def query_of(path: str, query: Mapping[str, Any]) -> str:
    return f"/api/v1{path}?{urlencode(query)}" if query else f"/api/v1{path}"


def get(stand: CoreStand, path: str, **query: Any) -> bytes:
    """One GET below `/api/v1`."""
    return _request(stand, "GET", query_of(path, query))


def _request(stand: CoreStand, method: str, target: str, body: bytes = b"") -> bytes:
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stand.key}\r\n{length}\r\n"
    )
    return head.encode() + body


def lists(stand: CoreStand) -> Iterator[Ask]:
    """First pages (100 rows) of every list, whole and narrowed."""
    for path, name, filters in ((VERDICTS, "verdicts", _VERDICT_FILTERS), (AUDIT, "audit", _AUDIT_FILTERS)):
        yield Ask(f"{name}, first page", (get(stand, path),), _FIRST_MS)
        for narrowed, queries in filters.items():
            yield Ask(
                f"{name}, by {narrowed}", tuple(get(stand, path, **query) for query in queries), _FILTER_MS
            )


def more(stand: CoreStand, verdict_ids: Sequence[str]) -> Iterator[Ask]:
    """What is no list of a million rows."""
    one = tuple(get(stand, f"{VERDICTS}/{each}") for each in verdict_ids)
    yield Ask("verdict by id", one, _FIRST_MS)
    yield Ask("quarantine, first page", (get(stand, "/quarantine"),), _FIRST_MS)
    domains = tuple(get(stand, "/quarantine", domain=domain_name(TENANT, at)) for at in _SOME)
    yield Ask("quarantine, by domain", domains, _FIRST_MS)
    people = tuple(get(stand, "/quarantine", recipient=f"user{at}@{domain_name(TENANT, at)}") for at in _SOME)
    yield Ask("quarantine, by recipient", people, _FIRST_MS)
    period = {"from": iso_millis(END_MS - 7 * DAY_MS), "to": iso_millis(END_MS)}
    yield Ask("stats of a week by day", (get(stand, "/stats", interval="day", **period),), None)
    of_one = tuple(get(stand, "/stats", domain=domain_name(TENANT, at), **period) for at in _SOME)
    yield Ask("stats of a domain", of_one, _FIRST_MS)
    yield Ask("domains, first page", (get(stand, "/domains"),), None)


def messages(stand: CoreStand) -> Ask:
    """Messages to be judged only."""
    return Ask("messages, dry run", tuple(_message(stand, at) for at in range(200)))


def _message(stand: CoreStand, number: int) -> bytes:
    domain = domain_name(TENANT, number)
    raw = raw_mail(
        f"See you at noon, number {number}.\r\n" * 40, To=f"user@{domain}", Subject=f"Order {number}"
    )
    envelope = {
        "mail_from": f"jo@sender{number}.example",
        "rcpt_to": [f"user@{domain}"],
        "client_ip": "192.0.2.9",
    }
    body = {"message": base64.b64encode(raw).decode(), "envelope": envelope, "dry_run": True}
    return _request(stand, "POST", "/api/v1/messages", json.dumps(body).encode())


_FIRST_MS, _FILTER_MS = 25.0, 50.0
_Queries = Sequence[Mapping[str, Any]]
_VERDICT_FILTERS: Mapping[str, _Queries] = {
    "period": [_WEEK],
    "domain": [{"domain": domain_name(TENANT, at)} for at in _SOME],
    "verdict": [{"verdict": word} for word in ("clean", "tag", "quarantine", "reject")],
    "sender": [{"sender": f"person{at}@sender{at % 4000}.example"} for at in _SENDERS],
    "sender's domain": [{"sender": f"sender{at % 4000}.example"} for at in _SENDERS],
    "recipient": [{"recipient": f"user7@{domain_name(TENANT, at)}"} for at in _SOME],
    "rare score": [{"min_score": _RARE_SCORE}],
    "domain, verdict, period": [
        {"domain": domain_name(TENANT, at), "verdict": "reject", **_WEEK} for at in _SOME
    ],
}
_AUDIT_FILTERS: Mapping[str, _Queries] = {
    "period": [_WEEK],
    "actor": [{"actor": f"admin{at}@{TENANT}.example"} for at in range(20)],
    "action": [{"action": name} for name in ("quarantine.released", "domain.updated", "auth.login")],
    "resource type": [{"resource": name} for name in ("quarantine", "domain", "auth")],
    "domain": [{"domain": domain_name(TENANT, at)} for at in _SOME],
    "result": [{"result": "failure"}],
}
