"""Accidents of a store on SQLite: its disk hangs, or something happens at a given statement."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from sqlalchemy import event

from bridge.store import AltinnStore, NhnStore, engine

EVENTS_A_STATEMENT = ("before_cursor_execute", "commit")
"""What SQLAlchemy tells before each statement of a transaction is given to the driver, its end included."""


@contextmanager
def hanging(store: NhnStore | AltinnStore, moment: str) -> Iterator[threading.Event]:
    """Until the block ends the disk hangs at `moment` (`begin` or `commit`) of a transaction; set once it does.

    Meanwhile the store's patience is short.
    """
    is_hanging, is_well = threading.Event(), threading.Event()

    def hang(_connection: object) -> None:
        is_hanging.set()
        is_well.wait()

    # It stays: SQLAlchemy may be calling it in the store's thread, and does not bear that it is removed meanwhile.
    event.listen(store._database.engine, moment, hang)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._database, "_timeout_s", 0.7)
        patch.setattr(engine, "GIVE_UP_S", 0.1)
        try:
            yield is_hanging
        finally:
            is_well.set()


@contextmanager
def at_statement(store: NhnStore | AltinnStore, number: int, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` on the event loop before the driver is given statement `number` of those to come, counted from 1."""
    statements, loop, target = count(1), asyncio.get_running_loop(), store._database.engine

    async def on_the_loop() -> None:
        act()

    def before_statement(*_: object) -> None:
        if next(statements) == number:
            asyncio.run_coroutine_threadsafe(on_the_loop(), loop).result()

    for name in EVENTS_A_STATEMENT:
        event.listen(target, name, before_statement)
    try:
        yield
    finally:
        for name in EVENTS_A_STATEMENT:
            event.remove(target, name, before_statement)
