"""The real clock behind the port."""

import asyncio
import time
from datetime import UTC, datetime


def boottime() -> float:
    """Seconds since the host started, counting those in which it, or this process, was suspended; where the system
    does not say (it is Linux's), those of the monotonic clock.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SystemClock:
    """Wall clock, monotonic clock and sleep of this process."""

    def now(self) -> datetime:
        """UTC now, aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; does not count suspension."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in the running event loop."""
        await asyncio.sleep(seconds)
