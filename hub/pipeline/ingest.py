"""The door for webhooks: `(source, headers, raw body) -> answer`, a plain function that any HTTP server can
host.

It verifies, inflates, normalises and records; it needs nothing but the log. A request is verified as it comes
and normalised when its commit is next, with all others of that batch. 202 is said only when the events are
durable; whatever could not be made durable gets 503 and is the sender's to send again (re-sends are deduped).
"""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType, Protocol

import orjson

from hub.model.event import Event
from hub.model.ids import uid_text
from hub.pipeline.inflate import BadEncoding, Inflated, UnsupportedEncoding, inflate
from hub.pipeline.normalise import Normalised, TooMany, normalise_body
from hub.sdk.source import SourceSpec
from hub.sdk.verify import Refusal, Scheme, verify
from hub.store.base import Full, RolledBack, StoreError

__all__ = ["Answer", "Door", "Ingest", "IngestLimits", "Observer", "refuse"]

Trusted = NewType("Trusted", bytes)
"""Raw bytes whose signature held: the only thing that `normalise_body` is ever given."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """Machine-readable reason of a refusal, empty for 202."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestLimits:
    max_body_bytes: int = 1024 * 1024
    max_inflated_bytes: int = 4 * 1024 * 1024
    max_events: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One source's entrance."""

    source: str
    tenant: str
    spec: SourceSpec
    schemes: tuple[Scheme, ...]
    secrets: tuple[bytes, ...]
    unsigned: bool = False
    """The vendor signs nothing; whoever knows the URL may post. An operator's explicit choice."""


class Observer(Protocol):
    """Told what became of each request: counters, logs, captures."""

    def accepted(self, door: Door, items: Sequence[Normalised], fresh: Sequence[bool]) -> None: ...

    def refused(self, source: str, answer: Answer, headers: Mapping[str, str], body: bytes) -> None: ...


def refuse(status: int, code: str, message: str, **headers: str) -> Answer:
    """The one form of a refusal: `{"error": {"code", "message"}}`."""
    body = orjson.dumps({"error": {"code": code, "message": message}})
    return Answer(status, body, {k.replace("_", "-"): v for k, v in headers.items()}, code, message)


def _refuse_inflation(error: ValueError, limits: IngestLimits) -> Answer:
    if isinstance(error, UnsupportedEncoding):
        return refuse(415, "unsupported_encoding", str(error), Accept_Encoding="gzip, deflate")
    if isinstance(error, Inflated):
        return refuse(
            413,
            "inflated_too_large",
            f"{error}; the limit is ingest.max_inflated_bytes = {limits.max_inflated_bytes}",
        )
    return refuse(400, "bad_encoding", str(error))


class Ingest:
    """All sources' doors over one recorder."""

    def __init__(
        self,
        doors: Mapping[str, Door],
        commit: Callable[[Callable[[], Sequence[Event]]], Awaitable[Sequence[bool]]],
        observer: Observer,
        *,
        limits: IngestLimits,
        now_ms: Callable[[], int],
        closed: Callable[[], str | None] = lambda: None,
        erased: Container[str] = frozenset(),
    ) -> None:
        """`commit` is `Recorder.commit`, or does as it does; `erased`: tenants of which nothing is taken."""
        self.doors = doors
        self._commit = commit
        self._observer = observer
        self.limits = limits
        self._now_ms = now_ms
        self._closed = closed
        """Why nothing can be taken right now (disk reserve), or `None`."""
        self._erased = erased

    def foresee(self, source: str, length: int | None) -> Answer | None:
        """The refusal that needs no body: an unknown source, a closed door, a length over the cap."""
        if source not in self.doors:
            answer = refuse(404, "unknown_source", f"no source {source[:63]!r} is configured")
        elif self.doors[source].tenant in self._erased:
            answer = refuse(
                410, "tenant_erased", "the data of this customer was erased: do not send it again"
            )
        elif (why := self._closed()) is not None:
            answer = refuse(503, "not_accepting", why, Retry_After="30")
        elif length is not None and length > self.limits.max_body_bytes:
            answer = self.too_large()
        else:
            return None
        return self.refused(source, answer)

    async def take(self, source: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one delivery. `headers` have lower-case names; `body` is as it came over the wire.

        Never raises on anything a client can send.
        """
        if (refusal := self.foresee(source, len(body))) is not None:
            return refusal
        door = self.doors[source]
        admitted = self._admit(door, headers, body)
        if isinstance(admitted, Answer):
            return self.refused(source, admitted, headers, body)
        return await self._keep(door, admitted, headers, body)

    def refused(
        self, source: str, answer: Answer, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Count and show a refusal of a source that is configured, or an `unknown_source`."""
        self._observer.refused(source, answer, headers or {}, body)
        return answer

    def _admit(self, door: Door, headers: Mapping[str, str], body: bytes) -> Trusted | Answer:
        if not door.unsigned:
            verdict = verify(door.schemes, door.secrets, headers, body, self._now_ms() / 1000)
            if isinstance(verdict, Refusal):
                return refuse(401, verdict.code, verdict.message)
        encoding = headers.get("content-encoding", "")
        if encoding:
            try:
                body = inflate(body, encoding, self.limits.max_inflated_bytes)
            except (UnsupportedEncoding, BadEncoding, Inflated) as error:
                return _refuse_inflation(error, self.limits)
        if not body:
            return refuse(400, "empty_body", "the body is empty; send one JSON object or an array of them")
        return Trusted(body)

    def too_large(self) -> Answer:
        """What a body over the cap is answered, whoever notices it."""
        limit = self.limits.max_body_bytes
        return refuse(413, "body_too_large", f"the body is larger than ingest.max_body_bytes = {limit}")

    async def _keep(self, door: Door, content: Trusted, headers: Mapping[str, str], body: bytes) -> Answer:
        delivery = _Delivery(door, content, self._now_ms(), self.limits.max_events)
        try:
            fresh = await self._commit(delivery.events)
        except TooMany as error:
            message = f"{error}; the limit is ingest.max_events = {self.limits.max_events}"
            return self.refused(door.source, refuse(413, "too_many_events", message), headers, body)
        except Full:
            answer = refuse(
                503,
                "log_full",
                "the log is at its limit; it drains as the archive and the router go on",
                Retry_After="10",
            )
            return self.refused(door.source, answer, headers, b"")
        except RolledBack as error:
            return self.refused(door.source, refuse(503, "log_rolled_back", str(error), Retry_After="60"))
        except StoreError as error:
            answer = refuse(
                503, "log_unavailable", f"the events could not be made durable: {error}", Retry_After="5"
            )
            return self.refused(door.source, answer, headers, b"")
        self._observer.accepted(door, delivery.items, fresh)
        accepted = sum(fresh)
        ids = [uid_text(item.event.uid) for item in delivery.items]
        return Answer(
            202, orjson.dumps({"accepted": accepted, "duplicate": len(fresh) - accepted, "ids": ids})
        )


@dataclass(slots=True)
class _Delivery:
    """A verified body that waits for its commit."""

    door: Door
    content: Trusted
    received_ms: int
    max_events: int
    items: Sequence[Normalised] = ()

    def events(self) -> list[Event]:
        """Normalise it. Raises `TooMany`."""
        door = self.door
        self.items = normalise_body(
            door.spec,
            door.tenant,
            door.source,
            self.content,
            self.received_ms,
            max_events=self.max_events,
        )
        return [item.event for item in self.items]
