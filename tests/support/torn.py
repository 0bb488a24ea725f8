"""Accidents of a store on SQLite: its disk hangs, or something happens at a given statement."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count

import aiosqlite
import pytest
from sqlalchemy import Connection, event

from bridge.store import AltinnStore, NhnStore, engine


@contextmanager
def hanging(store: NhnStore | AltinnStore, moment: str) -> Iterator[threading.Event]:
    """Until the block ends the disk hangs at `moment` (`begin` or `commit`) of a transaction; set once it does.

    Meanwhile the store's patience is short.
    """
    is_hanging, is_well = threading.Event(), threading.Event()

    def hang() -> None:
        is_hanging.set()
        is_well.wait()

    def hang_driver(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver._tx.put_nowait((None, hang))

    target = store._database._engine.sync_engine
    event.listen(target, moment, hang_driver)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._database, "_timeout_s", 0.7)
        patch.setattr(engine, "GIVE_UP_S", 0.1)
        try:
            yield is_hanging
        finally:
            is_well.set()
            event.remove(target, moment, hang_driver)


@contextmanager
def at_statement(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` when the driver is given its call number `number`, counted from 1."""
    calls = count(1)
    execute: Callable[..., Awaitable[object]] = aiosqlite.Connection._execute

    async def counting(self: aiosqlite.Connection, *args: object) -> object:
        if next(calls) == number:
            act()
        return await execute(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.Connection, "_execute", counting)
        yield
