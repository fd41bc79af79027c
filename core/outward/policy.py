"""How long, how often, how much."""

from dataclasses import dataclass, field

from hub.delivery import Backoff, Lane, Limits

__all__ = ["Policy", "lane"]

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The defaults are what `docs/reference/webhooks-out.md` promises."""

    timeout_s: float = 10.0
    """One request."""
    give_up_ms: int = 24 * _HOUR_MS
    """So long one event is tried, and so long an endpoint may fail before it is disabled."""
    retries: Backoff = field(default_factory=lambda: Backoff(first_s=5.0, most_s=3600.0))
    """Of one event that the endpoint did not take while it took others."""
    probes: Backoff = field(default_factory=lambda: Backoff(first_s=2.0, most_s=300.0))
    """Of an endpoint that takes nothing: its oldest event, again."""
    idle_s: float = 1.0
    """How often the outbox is looked at without news."""
    settle_s: float = 5.0
    """How often what was settled is written to the database, and long failures are looked for."""
    keep_ms: int = 30 * 24 * _HOUR_MS
    """Events and the log of deliveries."""
    parallel: int = 8
    """Requests at once to one endpoint."""
    batch_events: int = 64
    allow_networks: tuple[str, ...] = ()
    """Networks (CIDR) that may be sent into besides public addresses."""


def lane(name: str, kind: str, policy: Policy) -> Lane:
    """How a row of the engine is served. The deadline covers a batch: its last request may begin late."""
    return Lane(
        name=name,
        kind=kind,
        batch_events=policy.batch_events,
        deadline_s=policy.timeout_s * 3,
        limits=Limits(attempts=60, age_ms=policy.give_up_ms, backoff=policy.retries),
        probes=policy.probes,
    )
