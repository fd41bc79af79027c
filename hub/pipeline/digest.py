"""Digests: alerts that a connector is told of by their number, counted here and made into one event.

`stale`: dropped, too old to wake somebody. `storm:<group>`: delivered as part of a storm. The log keeps the
counts (`hub.store.base.Log.settle`, `seal`, `digested`); here is what they mean.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import orjson

from hub.model.event import Entry
from hub.pipeline.normalise import normalise
from hub.pipeline.storm import Group, Storms
from hub.sdk.source import Item, SourceSpec
from hub.store.base import Digest, Tally

__all__ = ["STALE", "Teller", "stale_tally", "storm_tallies"]

STALE: Final = "stale"
"""Key of the one tally of old alerts, and the reason under which they are dropped."""
_UNKNOWN_SEVERITY: Final = 99


def stale_tally(entries: Sequence[Entry], *, max_age_ms: int, due_ms: int) -> Tally:
    """Count alerts that are too old."""
    return _tally(STALE, entries, {"max_age_ms": max_age_ms}, due_ms)


def storm_tallies(counted: Sequence[tuple[Entry, Group | None]], storms: Storms, now_ms: int) -> list[Tally]:
    """Count each storm's alerts; those of no storm are left out."""
    by_group: dict[Group, list[Entry]] = {}
    for entry, group in counted:
        if group is not None:
            by_group.setdefault(group, []).append(entry)
    return [
        _tally(
            group.key,
            entries,
            {"tenant": group.tenant, "kind": group.kind, group.by: group.name},
            storms.due_ms(group, now_ms),
        )
        for group, entries in by_group.items()
    ]


def _tally(key: str, entries: Sequence[Entry], about: dict[str, Any], due_ms: int) -> Tally:
    severities = [entry.header.severity for entry in entries]
    times = [entry.header.recorded_ms for entry in entries]
    return Tally(
        key=key,
        n=len(entries),
        due_ms=due_ms,
        first_ms=min(times),
        last_ms=max(times),
        severity=max((one for one in severities if one != _UNKNOWN_SEVERITY), default=0),
        about=_text(about),
        parts=Counter(entry.header.code for entry in entries),
    )


def _text(about: dict[str, Any]) -> str:
    """JSON; what UTF-8 cannot say (a lone surrogate from a hostile body) is replaced."""
    return orjson.dumps(
        {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in about.items()
        }
    ).decode()


class Teller:
    """Makes a digest an event of the hub's own source: the same id and the same body each time."""

    def __init__(self, own: SourceSpec, *, source: str, tenant: str) -> None:
        """`tenant`: whose event a digest is that concerns no single one."""
        self._own = own
        self._source = source
        self._tenant = tenant

    def entry(self, digest: Digest) -> Entry:
        """As a connector is given it. It stands in no log: its seq is 0."""
        about = [orjson.loads(text) for text in digest.about]
        code = "hub.digest" if digest.key == STALE else "hub.storm"
        payload = {
            "code": code,
            "connector": digest.name,
            "number": digest.number,
            "time_ms": digest.sealed_ms,
            "count": digest.n,
            "first_ms": digest.first_ms,
            "last_ms": digest.last_ms,
            "severity_id": digest.severity,
            "codes": dict(digest.parts),
            "storms": digest.tallies,
            "about": about,
        }
        item = Item(code=code, payload=payload, raw=orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))
        tenants = {one.get("tenant") for one in about}
        single = tenants.pop() if digest.tallies == len(tenants) == 1 else None
        event = normalise(
            self._own,
            tenant=single or self._tenant,
            source=self._source,
            item=item,
            received_ms=digest.sealed_ms,
        ).event
        return Entry(0, event.uid, event.header, event.body)
