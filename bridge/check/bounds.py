"""Time limits: no check may keep the others, or a person, waiting."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bridge.check.report import Finding, failed
from bridge.settings import Settings

T = TypeVar("T")

MAX_TIMEOUT_S = 10.0
"""For a phase of a request; less where `HTTP__TIMEOUT_S` is less."""


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


def hurried(settings: Settings) -> Settings:
    """The settings, with no more patience than a person who waits has."""
    timeout_s = min(settings.http.timeout_s, MAX_TIMEOUT_S)
    return settings.model_copy(update={"http": settings.http.model_copy(update={"timeout_s": timeout_s})})
