"""The store and this process's part in it: one of the replicas that share its streams, or its only owner."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from bridge import __version__
from bridge.clock import boottime
from bridge.composition.store import make_store
from bridge.errors import StoreUnavailable
from bridge.joining import join
from bridge.leases import Holdings
from bridge.ops.ownership_telemetry import OwnershipTelemetry
from bridge.ops.service_telemetry import BridgeTelemetry, StoreTelemetry
from bridge.ops.state import BridgeState
from bridge.ownership import BEATS_OF_A_LEASE, Ownership, OwnershipObserver
from bridge.ports import Clock
from bridge.processes import this_process
from bridge.retry import Backoff
from bridge.settings import Receivers, Settings
from bridge.store import SqlLeases, Stores


async def opened_store(
    settings: Settings, resources: AsyncExitStack, telemetry: BridgeTelemetry, receivers: Receivers, clock: Clock
) -> tuple[Stores, Ownership]:
    """The store, its schema up to date, and our part in it, as soon as it lets itself be opened.

    Raises ConfigurationError where only one replica may be and another is.
    """
    attempt, backoff = 0, Backoff()
    while True:
        holdings = Holdings()
        async with AsyncExitStack() as opened:
            try:
                stores = await opened.enter_async_context(make_store(settings, clock, holdings=holdings))
                ownership = await _joined(
                    settings, stores, holdings, wanted=receivers.current, observer=telemetry.ownership, clock=clock
                )
            except StoreUnavailable as error:
                telemetry.store.failed(error)
            else:
                telemetry.store.worked()
                resources.push_async_callback(opened.pop_all().aclose)
                return stores, ownership
        await clock.sleep(backoff.delay_s(attempt))
        attempt += 1


@asynccontextmanager
async def visited_store(settings: Settings, clock: Clock, *, is_owner: bool) -> AsyncIterator[tuple[Stores, Ownership]]:
    """The store for a command that changes what streams run from: as one more replica, which serves nothing and calls
    for what it needs. `is_owner`: as `open_store` says.

    Raises ConfigurationError where only one replica may be and another is, and StoreUnavailable.
    """
    holdings, stop = Holdings(), asyncio.Event()
    state = BridgeState(clock, __version__)
    observer = OwnershipTelemetry(state, StoreTelemetry(state))
    async with make_store(settings, clock, is_owner=is_owner, holdings=holdings) as stores:
        ownership = await _joined(settings, stores, holdings, wanted=dict, observer=observer, clock=clock)
        running = asyncio.create_task(ownership.run(stop), name="ownership")
        try:
            yield stores, ownership
        finally:
            stop.set()
            await running


async def _joined(
    settings: Settings,
    stores: Stores,
    holdings: Holdings,
    *,
    wanted: Callable[[], Mapping[str, frozenset[int]]],
    observer: OwnershipObserver,
    clock: Clock,
) -> Ownership:
    heartbeat_s, is_shared = settings.cluster.heartbeat_s, stores.database.is_shared
    lease_s = BEATS_OF_A_LEASE * heartbeat_s
    leases = SqlLeases(stores.for_leases, lease_s=lease_s)
    me, process = uuid4().hex, this_process()
    await join(leases, me=me, process=process, is_shared=is_shared, lease_s=lease_s, clock=clock)
    return Ownership(
        leases,
        holdings,
        me=me,
        process=process,
        heartbeat_s=heartbeat_s,
        wanted=wanted,
        is_shared=is_shared,
        clock=clock,
        boottime=boottime,
        observer=observer,
    )
