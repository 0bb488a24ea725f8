"""Time limits: no check may keep the others, or a person, waiting."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bridge.check.report import Finding, failed

T = TypeVar("T")


async def within(seconds: float, check: Awaitable[T], otherwise: T) -> T:
    """What the check returns, or `otherwise` where it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await check
    except TimeoutError:
        return otherwise


def late(subject: str, seconds: float, *, name: str = "") -> Finding:
    """What to tell of a check that took longer."""
    fix = "Run the check again; if it stays, find what is slow there: the network, the host, its disk."
    return failed(subject, f"not done within {seconds:g} s", name=name, fix=fix)
