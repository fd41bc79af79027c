"""Verdicts, one a recipient, as they are read: by place in time, whatever they are narrowed to."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, select

from core.engine.lists import plain_address
from core.paging.keyset import Keyset
from core.store.tables import verdicts

__all__ = ["BY", "DOMAIN", "Filter", "Verdict", "by_id", "of", "select_from"]

_row = verdicts.c
BY = Keyset(_row.at_ms, _row.id)
"""The order of pages."""
DOMAIN = _row.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about a message for one recipient.

    `verdict` is clean, tag, quarantine or reject; `score` is unbounded, as the engine adds it up. `fate` is
    relaying, relayed, quarantined, rejected, failed, or none after a dry run; `fate_detail` the downstream's
    own words.
    """

    id: str
    tenant: str
    domain: str
    message: str
    at_ms: int
    sender: str
    recipient: str
    subject: str
    message_id: str
    client_ip: str
    verdict: str
    score: float
    symbols: tuple[Any, ...]
    reason: str
    authentication: Mapping[str, Any] | None
    fate: str
    fate_detail: str
    quarantine_id: str
    size_bytes: int
    mailing_list: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a listing is narrowed to; bounds are inclusive. `sender` is an address or a domain; `refused`:
    whether the server did not take the message, whatever the verdict.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    domain: str | None = None
    verdict: str | None = None
    sender: str | None = None
    recipient: str | None = None
    min_score: float | None = None
    max_score: float | None = None
    refused: bool | None = None

    def as_dict(self) -> Mapping[str, Any]:
        return asdict(self)


def select_from(tenant: str, narrow: Filter, *, first: bool, by_domain: bool = False) -> Select[Any]:
    """Verdicts of a tenant for `core.paging`; rows become verdicts by `of`.

    `first`: no cursor is given. After one, the end of the period says nothing that its place does not, and
    SQLite would begin each page at the wrong one of the two. `by_domain`: the caller adds domains.
    """
    return select(verdicts).where(
        _row.tenant == tenant, *_conditions(narrow, first=first), *_judged(narrow, by_domain=by_domain)
    )


def by_id(verdict_id: str) -> Select[Any]:
    return select(verdicts).where(_row.id == verdict_id)


def of(row: RowMapping) -> Verdict:
    """The verdict of a row."""
    fields = dict(zip(_FIELDS, _values(row), strict=True))
    fields["symbols"] = tuple(fields["symbols"])
    return Verdict(**fields)


_FIELDS = tuple(Verdict.__dataclass_fields__)
_values = itemgetter(*_FIELDS)


def _conditions(narrow: Filter, *, first: bool) -> list[ColumnElement[bool]]:
    table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (narrow.from_ms, _row.at_ms.__ge__),
        (narrow.to_ms if first else None, _row.at_ms.__le__),
        (narrow.domain, _row.domain.__eq__),
        (narrow.sender, _from),
        (narrow.recipient, lambda asked: _row.recipient == plain_address(asked)),
        (narrow.min_score, _row.score.__ge__),
        (narrow.max_score, _row.score.__le__),
        (narrow.refused, lambda asked: _row.fate == "rejected" if asked else _row.fate != "rejected"),
    )
    return [compare(value) for value, compare in table if value is not None]


def _judged(narrow: Filter, *, by_domain: bool) -> list[ColumnElement[bool]]:
    """There are four verdicts and many of everything else: SQLite, which does not know, must not go by it."""
    if narrow.verdict is None:
        return []
    better = by_domain or any(one is not None for one in (narrow.domain, narrow.sender, narrow.recipient))
    return [(_row.verdict.concat("") if better else _row.verdict) == narrow.verdict]


def _from(asked: str) -> ColumnElement[bool]:
    local, _, domain = plain_address(asked).rpartition("@")
    return _row.sender == plain_address(asked) if local else _row.sender_domain == domain
