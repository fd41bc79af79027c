"""The query model: what `mxhub events`, the API, export and replay all speak."""

from dataclasses import dataclass

__all__ = ["MAX_LIMIT", "Query"]

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """All given conditions must hold; several values of one field mean any of them.

    Times are epoch milliseconds, `since` inclusive, `until` exclusive. Addresses, domains and message ids
    compare exactly, case and angle brackets apart; `subject` and `q` are words, a phrase in quotes.
    """

    q: str = ""
    tenant: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    class_uid: tuple[int, ...] = ()
    code: tuple[str, ...] = ()
    severity: tuple[int, ...] = ()
    sender: str = ""
    recipient: str = ""
    domain: tuple[str, ...] = ()
    not_domain: tuple[str, ...] = ()
    """Nothing of these, whatever else is asked for; lower case."""
    subject: str = ""
    message_id: str = ""
    disposition: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    recorded_since_ms: int | None = None
    recorded_until_ms: int | None = None
    limit: int = 100
    cursor: str | None = None
    after_seq: int | None = None
    """Oldest first in record order, after this seq (the feed, `--follow`); excludes `cursor`."""
