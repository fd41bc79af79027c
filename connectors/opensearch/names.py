"""Names of indices, chosen by event time, so that an event sent twice always meets its first copy."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta

from connectors.opensearch.options import OpenSearchOptions
from hub.model.event import Header

__all__ = ["DAY_MS", "Names", "ended_ms"]

DAY_MS = 86_400_000
_FORMATS = {"day": "%Y.%m.%d", "month": "%Y.%m", "year": "%Y"}
_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_MOST_TENANT_CHARS = 80
_PERIOD = re.compile(r"-(\d{4})(?:\.(\d\d)(?:\.(\d\d))?)?$", re.ASCII)
_MOST_CACHED = 20_000


class Names:
    """`PREFIX-YYYY.MM`, or with the tenant in between.

    A hostile or broken event time is clamped to [recorded - past, recorded + 1 day], so that it cannot make
    thousands of indices; both times are the event's own, so that the name is the same for ever.
    """

    def __init__(self, options: OpenSearchOptions) -> None:
        self.prefix = options.prefix
        self._per_tenant = options.per_tenant
        self._format = _FORMATS[options.period]
        past = options.past_days if options.keep_days is None else min(options.past_days, options.keep_days)
        self._past_ms = past * DAY_MS
        self._cache: dict[tuple[str, int], str] = {}

    def index(self, header: Header) -> str:
        """Where an event belongs."""
        lowest = max(header.recorded_ms - self._past_ms, 0)
        time_ms = min(max(header.time_ms, lowest), header.recorded_ms + DAY_MS)
        key = (header.tenant if self._per_tenant else "", time_ms // DAY_MS)
        name = self._cache.get(key)
        if name is None:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            name = self._cache[key] = self._name(*key)
        return name

    def _name(self, tenant: str, day: int) -> str:
        period = datetime.fromtimestamp(day * 86_400, UTC).strftime(self._format)
        middle = f"-{_slug(tenant)}" if self._per_tenant else ""
        return f"{self.prefix}{middle}-{period}"


def _slug(tenant: str) -> str:
    """The tenant as an index name allows it. What had to change gets a digest, to keep tenants apart."""
    if len(tenant) <= _MOST_TENANT_CHARS and _SAFE.fullmatch(tenant):
        return tenant
    digest = hashlib.sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    plain = re.sub(r"[^a-z0-9._-]+", "_", tenant.lower())[:_MOST_TENANT_CHARS].strip("._-")
    return f"{plain or 'tenant'}-{digest}"


def ended_ms(index: str) -> int | None:
    """First millisecond after the period that an index holds; `None` when its name has none."""
    found = _PERIOD.search(index)
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        after = _after(int(year), int(month) if month else None, int(day) if day else None)
    except (ValueError, OverflowError):
        return None
    return int(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp() * 1000)


def _after(year: int, month: int | None, day: int | None) -> date:
    """The first day after a year, a month or a day. Raises `ValueError` when there is no such date."""
    begin = date(year, 1 if month is None else month, 1 if day is None else day)
    if month is None:
        return begin.replace(year=year + 1)
    if day is None:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + timedelta(days=1)
