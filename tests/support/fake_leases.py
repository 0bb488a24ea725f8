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
        self._leases: dict[str, tuple[Lease, float]] = {}
        self.is_away = False
        """Every call raises StoreUnavailable."""

    async def beat(
        self, me: Replica, *, held: Collection[str], wanted: Mapping[str, frozenset[int]] | None
    ) -> Snapshot:
        self._answer()
        self._replicas[me.id] = (me, self._now() + self._lease_s)
        if wanted is not None:
            self._wanted[me.id] = wanted
        self._add(me.serves)
        for name in held:
            lease, _ = self._leases[name]
            if lease.owner == me.id:
                self._leases[name] = (lease, self._now() + self._lease_s)
        return await self.look()

    async def look(self) -> Snapshot:
        self._answer()
        return Snapshot(
            replicas=[replica for _, (replica, ends_at) in sorted(self._replicas.items()) if ends_at > self._now()],
            leases={
                name: lease if ends_at > self._now() else msgspec.structs.replace(lease, owner=None)
                for name, (lease, ends_at) in self._leases.items()
            },
        )

    async def take(self, me: str, names: Collection[str]) -> dict[str, int]:
        self._answer()
        taken = {}
        for name in names:
            lease, ends_at = self._leases.get(name, (None, 0.0))
            if lease is not None and (lease.owner is None or ends_at <= self._now()):
                taken[name] = lease.epoch + 1
                self._put(lease, owner=me, epoch=lease.epoch + 1)
        return taken

    async def give_back(self, me: str, name: str, *, call_is_over: bool = False) -> None:
        self._answer()
        lease, _ = self._leases[name]
        if lease.owner == me:
            lease = self._put(lease, owner=None)
        if call_is_over and lease.called_by == me:
            self._put(lease, called_by=None)

    async def call(self, me: str, names: Collection[str]) -> None:
        self._answer()
        self._add(names)
        for name in names:
            self._put(self._leases[name][0], called_by=me)

    async def declare(self, prefix: str, streams: Collection[str]) -> None:
        self._answer()
        self._add(streams)
        for name, (lease, _) in list(self._leases.items()):
            if name.startswith(prefix):
                self._put(lease, is_stream=name in streams)

    async def leave(self, me: str) -> None:
        self._answer()
        self._replicas.pop(me, None)
        for lease, _ in list(self._leases.values()):
            owner = None if lease.owner == me else lease.owner
            called_by = None if lease.called_by == me else lease.called_by
            self._put(lease, owner=owner, called_by=called_by)

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
            self._leases.setdefault(name, (Lease(name=name, epoch=0), 0.0))

    def _put(self, lease: Lease, **changes: object) -> Lease:
        """Change it. A new owner has it for one lease's time; else its end stays."""
        _, ends_at = self._leases[lease.name]
        changed = msgspec.structs.replace(lease, **changes)
        is_taken = changed.owner is not None and changed.epoch != lease.epoch
        self._leases[lease.name] = (changed, self._now() + self._lease_s if is_taken else ends_at)
        return changed
