"""A query compiled for one data file: an expression for the full-text index, and conditions on columns."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from hub.archive.extract import address, message_id_form
from hub.archive.query import Query
from hub.archive.sqlite.keys import domain_key, kind_key, origin_key, whole_key
from hub.archive.sqlite.pool import Session
from hub.archive.sqlite.schema import SEQ_BITS
from hub.archive.words import ip_word, phrases, whole, words
from hub.model.ocsf_classes import DISPOSITIONS

__all__ = ["Conditions", "compile_query"]

MAX_TERMS = 64
"""Alternatives that the index is asked for; more are a broad condition, which columns answer faster."""
RARE_SHARE = 0.05
"""Where fewer of a file's events match, the index finds them; more, and walking the rows is faster
(measured).
"""


@dataclass(slots=True)
class Conditions:
    """What a row of one file must satisfy."""

    match: str = ""
    """FTS5 expression over letters, digits and our own keys only: nothing that a user typed can be syntax."""
    where: list[str] = field(default_factory=list)
    """Conditions on `events e` (and `bodies b` where `needs_body`)."""
    args: list[object] = field(default_factory=list)
    origins: tuple[int, ...] | None = None
    kinds: tuple[int, ...] | None = None
    needs_body: bool = False

    @property
    def only_groups(self) -> bool:
        """Only origin and kind are asked for: the roll-ups can answer."""
        return not self.match and not self.where

    def rows(self) -> tuple[str, list[object]]:
        """Origin, kind and the rest as SQL over `e` and `b`, each with a leading AND."""
        parts, args = list(self.where), list(self.args)
        for column, numbers in (("origin", self.origins), ("kind", self.kinds)):
            if numbers is not None:
                parts.append(f"e.{column} IN ({', '.join('?' * len(numbers))})")
                args.extend(numbers)
        return "".join(f" AND {part}" for part in parts), args


def _any(column: str, terms: Iterable[str]) -> str:
    return f"{column} : ({' OR '.join(terms)})"


def compile_query(session: Session, query: Query, *, by_columns: bool = False) -> Conditions | None:
    """Conditions for the session's file, `None` when nothing in it can match (times aside).

    `by_columns` keeps origins and kinds out of the index when nothing else needs it: for counting by
    roll-ups.
    """
    found = Conditions()
    match: list[str] = []
    if not (_groups(session, query, found) and _texts(query, match) and _domains(session, query, match)):
        return None
    _wholes(query, match, found)
    _without(session, query, found)
    _recorded(session, query, found)
    share = _share(session, found)
    if share == 0:
        return None
    if match or (share < RARE_SHARE and not (by_columns and not found.where)):
        _groups_by_index(match, found)
    found.match = " AND ".join(match)
    return found


def _groups(session: Session, query: Query, found: Conditions) -> bool:
    """Origins and kinds that match; false when there are none."""
    wanted = {text.casefold() for text in query.disposition}
    wanted |= {DISPOSITIONS[int(text)].casefold() for text in wanted if text in _DISPOSITION_IDS}
    if query.tenant or query.source:
        found.origins = _numbers(session, "origins", {"tenant": query.tenant, "source": query.source})
    if query.class_uid or query.code or query.severity or wanted:
        fields: dict[str, Sequence[object]] = {"class": query.class_uid, "code": query.code}
        fields |= {"severity": query.severity, "fold(disposition)": tuple(wanted)}
        found.kinds = _numbers(session, "kinds", fields)
    return found.origins != () and found.kinds != ()


_DISPOSITION_IDS = {str(number) for number in DISPOSITIONS}


def _numbers(session: Session, table: str, fields: Mapping[str, Sequence[object]]) -> tuple[int, ...]:
    parts, args = [], []
    for column, values in fields.items():
        if values:
            parts.append(f"{column} IN ({', '.join('?' * len(values))})")
            args.extend(_bindable(values))
    rows = session.connection.execute(f"SELECT id FROM {table} WHERE {' AND '.join(parts)}", args)
    return tuple(row[0] for row in rows)


def _bindable(values: Sequence[object]) -> list[object]:
    """Text as SQLite can take it; a number beyond 64 bits matches nothing."""
    return [
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else _int64(value)
        for value in values
    ]


def _int64(value: object) -> object:
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _texts(query: Query, match: list[str]) -> bool:
    """Words of `q` and `subject`; false when a text has no word that could be found."""
    for text, condition in ((query.q, _word_anywhere), (query.subject, _word_of_subject)):
        cut = phrases(text)
        if text.strip() and not cut:
            return False
        match.extend(map(condition, dict.fromkeys(cut)))
    return True


def _word_of_subject(text: str) -> str:
    return f'subject : "{words(text)}"'


def _word_anywhere(text: str) -> str:
    """An IP address has two forms: one word as an attribute, cut like any text within a sentence."""
    if (one := whole(text)) is not None:
        return _any("keys", [whole_key(one)])
    forms = dict.fromkeys((words(text), words(ip_word(text))))
    return _any("{text subject}", (f'"{form}"' for form in forms))


def _domains(session: Session, query: Query, match: list[str]) -> bool:
    if not query.domain:
        return True
    marks = ", ".join("?" * len(query.domain))
    names = _bindable([domain.strip().lower() for domain in query.domain])
    rows = session.connection.execute(f"SELECT id FROM domains WHERE domain IN ({marks})", names)
    keys = [domain_key(row[0]) for row in rows]
    if keys:
        match.append(_any("keys", keys))
    return bool(keys)


def _without(session: Session, query: Query, found: Conditions) -> None:
    """By numbers of the file's domains, of which it has few; there may be many names."""
    if not query.not_domain:
        return
    names = orjson.dumps(_bindable(query.not_domain)).decode()
    sql = "SELECT id FROM domains WHERE domain IN (SELECT value FROM json_each(?))"
    numbers = [row[0] for row in session.connection.execute(sql, [names])]
    if numbers:
        found.where.append("e.domain NOT IN (SELECT value FROM json_each(?))")
        found.args.append(orjson.dumps(numbers).decode())


def _wholes(query: Query, match: list[str], found: Conditions) -> None:
    """An address or message id is found by its key; the row tells whether it stands in the field named."""
    if query.sender:
        sender = address(query.sender)
        match.append(_any("keys", [whole_key(sender)]))
        found.where.append("e.sender = ?")
        found.args.extend(_bindable([sender]))
    if query.recipient:
        recipient = address(query.recipient)
        match.append(_any("keys", [whole_key(recipient)]))
        found.where.append("instr(char(10) || e.recipients || char(10), ?) > 0")
        found.args.extend(_bindable([f"\n{recipient}\n"]))
    if query.message_id:
        message_id = message_id_form(query.message_id)
        match.append(_any("keys", [whole_key(message_id)]))
        found.where.append("message_id_of(b.body) = ?")
        found.args.extend(_bindable([message_id]))
        found.needs_body = True


def _recorded(session: Session, query: Query, found: Conditions) -> None:
    recorded = f"(e.key >> {SEQ_BITS}) + {session.file.base_ms} + e.lag_ms"
    if query.recorded_since_ms is not None:
        found.where.append(f"{recorded} >= ?")
        found.args.append(_clipped(query.recorded_since_ms))
    if query.recorded_until_ms is not None:
        found.where.append(f"{recorded} < ?")
        found.args.append(_clipped(query.recorded_until_ms))


def _clipped(number: int) -> int:
    return max(-(2**63), min(2**63 - 1, number))


def _share(session: Session, found: Conditions) -> float:
    """Share of the file's events that have the origins and kinds asked for, by the roll-ups."""
    if found.origins is None and found.kinds is None:
        return 1.0
    sql, args = Conditions(origins=found.origins, kinds=found.kinds).rows()
    row = session.connection.execute(
        f"SELECT coalesce(sum(events), 0) FROM totals e WHERE true{sql}", args
    ).fetchone()
    return float(row[0] / max(1, session.file.events or 1))


def _groups_by_index(match: list[str], found: Conditions) -> None:
    """Move origins and kinds from columns to index terms, where there are not too many."""
    if found.origins is not None and len(found.origins) <= MAX_TERMS:
        match.append(_any("keys", map(origin_key, found.origins)))
        found.origins = None
    if found.kinds is not None and len(found.kinds) <= MAX_TERMS:
        match.append(_any("keys", map(kind_key, found.kinds)))
        found.kinds = None
