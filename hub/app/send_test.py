"""One made, marked event through a connector's real `send`, past every queue and every book."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Literal

from hub.app.connectors import context_of, make_connector
from hub.config.model import Settings
from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from hub.registry import Registry
from hub.sdk.sample import sample
from hub.telemetry.redact import Redactor, secrets_of

__all__ = ["Tested", "send_test"]

MOST_S = 30.0
"""Whatever the connector's deadline: somebody waits for the answer."""
_REASON_CHARS = 300
_WORDS: dict[type, Literal["delivered", "retry", "rejected", "blocked"]] = {
    Delivered: "delivered",
    Retry: "retry",
    Rejected: "rejected",
    Blocked: "blocked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What became of the event."""

    connector: str
    kind: str
    """The destination's kind, e.g. `slack`."""
    event: str
    """The event's kind, e.g. `quarantine.added`."""
    event_id: str
    outcome: Literal["delivered", "retry", "rejected", "blocked"]
    reason: str
    """Empty when it was delivered. Holds no secret of the configuration."""
    took_ms: int


async def send_test(name: str, event: str, settings: Settings, registry: Registry, *, now_ms: int) -> Tested:
    """Open the connector `name` beside the one that may be running, send, close.

    Raises `KeyError` when no connector has that name, or no kind of event (`hub.sdk.alerts.KINDS`) this one.
    """
    config = settings.connectors[name]
    made = sample(event, tenant=settings.tenant, now_ms=now_ms, nonce=token_hex(8))
    limit_s = min(context_of(name, config, registry).deadline_s, MOST_S)
    began = time.monotonic()
    outcome = await _sent(name, made, settings, registry, limit_s)
    scrub = Redactor()
    scrub.register(secrets_of(config))
    reason = "" if isinstance(outcome, Delivered) else " ".join(scrub.text(outcome.reason).split())
    return Tested(
        connector=name,
        kind=config.kind,
        event=event,
        event_id=uid_text(made.uid),
        outcome=_WORDS[type(outcome)],
        reason=reason[:_REASON_CHARS],
        took_ms=int((time.monotonic() - began) * 1000),
    )


async def _sent(name: str, made: Entry, settings: Settings, registry: Registry, limit_s: float) -> Outcome:
    try:
        connector = make_connector(name, settings.connectors[name], registry)
        async with asyncio.timeout(limit_s), connector:
            return _only(await connector.send([made]))
    except TimeoutError:
        return Blocked(f"no answer within {limit_s:g} s")
    except Exception as error:  # a defect of the connector: as the pipeline does, it is told and not raised
        return Blocked(f"failed: {type(error).__name__}: {error}")


def _only(outcomes: Sequence[Outcome]) -> Outcome:
    if len(outcomes) != 1:
        return Blocked(f"answered {len(outcomes)} outcomes for 1 event")
    return outcomes[0]
