"""When to try again: one policy, used by whoever repeats (the pipeline around its ports, the delivery)."""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Capped exponential backoff with full jitter: uniform in [0, min(cap_s, base_s · 2^attempt)].

    Full jitter, because many replicas lose the same broker or API at the same moment
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    base_s: float = 0.5
    cap_s: float = 30.0
    dice: random.Random = field(default_factory=random.SystemRandom)

    def delay_s(self, attempt: int, at_least_s: float | None = None) -> float:
        """Seconds to wait before try number `attempt + 1` (the first try was number 0), never under `at_least_s`."""
        ceiling = min(self.cap_s, self.base_s * 2 ** min(attempt, 32))
        return (at_least_s or 0.0) + self.dice.uniform(0.0, ceiling)
