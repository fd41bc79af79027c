"""How long to wait before the next attempt: exponential with full jitter, and what the destination asked
for.
"""

import random
from dataclasses import dataclass

__all__ = ["PROBES", "RETRIES", "Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    first_s: float
    most_s: float

    def delay_s(self, attempts: int, asked_s: float | None = None) -> float:
        """Seconds before attempt `attempts + 1`: full jitter over the exponential, never sooner than asked
        (asked is capped at a day).
        """
        ceiling = min(self.most_s, self.first_s * 2.0 ** min(attempts, 30))
        drawn = random.uniform(ceiling / 10, ceiling)  # noqa: S311 - jitter is no secret
        return max(drawn, min(asked_s or 0.0, 86_400.0))


RETRIES = Backoff(first_s=5.0, most_s=4 * 3600.0)
"""For an event: with 20 attempts the last falls within the 75 h that an event is tried."""
PROBES = Backoff(first_s=1.0, most_s=60.0)
"""For a destination: one probe a minute at most costs it nothing and notices recovery soon."""
