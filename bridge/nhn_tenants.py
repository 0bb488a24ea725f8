"""The NHN source as one service: a service a tenant, begun and ended as the settings come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from bridge.ports import Clock
from bridge.settings import Tenant
from bridge.supervisor import unless_stopped

LOOK_S = 2.0
"""Between two looks at the tenants: a file's `stat`."""


class TenantsObserver(Protocol):
    """What is told of it: bridge.ops.service_telemetry."""

    def tenant_began(self, tenant: str) -> None: ...
    def tenant_ended(self, tenant: str) -> None: ...


class _Served(msgspec.Struct, frozen=True):
    tenant: Tenant
    withdrawn: asyncio.Event
    task: asyncio.Task[None]

    def signs_in_as(self, tenant: Tenant) -> bool:
        return (tenant.orgnr_parent, tenant.orgnr_child) == (self.tenant.orgnr_parent, self.tenant.orgnr_child)


class NhnTenants:
    """Serves every tenant that is wanted."""

    def __init__(
        self,
        tenants: Callable[[], Sequence[Tenant]],
        serve: Callable[[Tenant, asyncio.Event], Awaitable[None]],
        *,
        has_streams: Callable[[str], bool],
        observer: TenantsObserver,
        clock: Clock,
    ) -> None:
        """`tenants`: those that the settings name now. `serve`: serves one until the event is set, then drains.
        `has_streams`: whether a tenant of this name has streams with receivers, whoever runs them.
        """
        self._tenants = tenants
        self._serve = serve
        self._has_streams = has_streams
        self._observer = observer
        self._clock = clock
        self._served: dict[str, _Served] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve them until `stop`, then drain. A Service of the supervisor. Raises what serving one dies of."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._look(tasks)
                await unless_stopped(stop, self._clock.sleep(LOOK_S))
            for served in self._served.values():
                served.withdrawn.set()

    def _look(self, tasks: asyncio.TaskGroup) -> None:
        wanted = {tenant.name: tenant for tenant in self._tenants()}
        for name, served in list(self._served.items()):
            if served.task.done():
                del self._served[name]
                self._observer.tenant_ended(name)
            elif name not in wanted:
                # It is served on until its receivers have left their streams: by then no replica wants them any more.
                if not self._has_streams(name):
                    served.withdrawn.set()
            elif not served.signs_in_as(wanted[name]):
                served.withdrawn.set()
        for name, tenant in wanted.items():
            if name not in self._served:
                withdrawn = asyncio.Event()
                task = tasks.create_task(self._run(tenant, withdrawn), name=f"nhn/{name}")
                self._served[name] = _Served(tenant, withdrawn, task)
                self._observer.tenant_began(name)

    async def _run(self, tenant: Tenant, withdrawn: asyncio.Event) -> None:
        await self._serve(tenant, withdrawn)
