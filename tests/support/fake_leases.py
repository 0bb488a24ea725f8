"""Leases in memory, which can be told to fail: what replicas of one test share."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from bridge.errors import StoreUnavailable
from bridge.leases import Lease, Replica, Snapshot


class FakeLeases:
    """The port `Leases`; passes the contract suite."""

    def __init__(self, now: Callable[[], float], *, lease_s: float) -> None:
        self._now = now
        self._lease_s = lease_s
        self._replicas: dict[str, tuple[Replica, float]] = {}
        self._wanted: dict[str, Mapping[str, frozenset[int]]] = {}
        self._leases: dict[str, Lease] = {}
        self.is_away = False
        """Every call raises StoreUnavailable."""

    async def beat(self, me: Replica, *, wanted: Mapping[str, frozenset[int]] | None) -> Snapshot:
        self._answer()
        self._replicas[me.id] = (me, self._now() + self._lease_s)
        if wanted is not None:
            self._wanted[me.id] = wanted
        self._add(me.serves)
        return await self.look()

    async def look(self) -> Snapshot:
        self._answer()
        living = {replica.id: replica for replica, ends_at in self._replicas.values() if ends_at > self._now()}
        return Snapshot(
            replicas=[replica for _, replica in sorted(living.items())],
            leases={
                name: lease if lease.owner in living else msgspec.structs.replace(lease, owner=None)
                for name, lease in self._leases.items()
            },
        )

    async def take(self, me: str, names: Collection[str]) -> dict[str, int]:
        taken = {}
        for name, lease in (await self.look()).leases.items():
            if name in names and lease.owner is None:
                taken[name] = lease.epoch + 1
                self._put(name, owner=me, epoch=lease.epoch + 1)
        return taken

    async def give_back(self, me: str, name: str, *, call_is_over: bool = False) -> None:
        self._answer()
        if self._leases[name].owner == me:
            self._put(name, owner=None)
        if call_is_over and self._leases[name].called_by == me:
            self._put(name, called_by=None)

    async def call(self, me: str, names: Collection[str]) -> None:
        self._answer()
        self._add(names)
        for name in names:
            self._put(name, called_by=me)

    async def declare(self, prefix: str, streams: Collection[str]) -> None:
        self._answer()
        self._add(streams)
        for name in self._leases:
            if name.startswith(prefix):
                self._put(name, is_stream=name in streams)

    async def leave(self, me: str) -> None:
        self._answer()
        self._replicas.pop(me, None)
        for name, lease in self._leases.items():
            owner = None if lease.owner == me else lease.owner
            called_by = None if lease.called_by == me else lease.called_by
            self._put(name, owner=owner, called_by=called_by)

    async def wanted(self, tenant: str) -> frozenset[int]:
        snapshot = await self.look()
        return frozenset[int]().union(
            *(self._wanted.get(each.id, {}).get(tenant, frozenset()) for each in snapshot.replicas)
        )

    def _answer(self) -> None:
        if self.is_away:
            raise StoreUnavailable("The store was told to be away")

    def _add(self, names: Collection[str]) -> None:
        for name in names:
            self._leases.setdefault(name, Lease(name=name, epoch=0))

    def _put(self, name: str, **changes: object) -> None:
        self._leases[name] = msgspec.structs.replace(self._leases[name], **changes)
