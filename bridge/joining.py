"""Coming to a store where other bridges are or were: the dead make room at once, a living one keeps what only one may
have.
"""

from bridge.errors import ConfigurationError
from bridge.leases import STORE, Process, Replica, Snapshot
from bridge.ports import Clock, Leases
from bridge.processes import is_alive

LOOKS_A_LEASE = 12


async def join(leases: Leases, *, me: str, process: Process, is_shared: bool, lease_s: float, clock: Clock) -> None:
    """Be known as a replica, and free what processes of this host that have died hold: nobody has to wait for that.

    Where the store is for one bridge alone (not `is_shared`) we take its lease; of several that come at the same moment
    one gets it. Another bridge has it: ConfigurationError, at once where that one is known to live, else once it gave a
    sign of life. One that cannot be judged from here (on another host, in another container) and gives none makes room
    within a lease. Raises StoreUnavailable.
    """
    here = Replica(id=me, process=process, serves=frozenset() if is_shared else frozenset({STORE}))
    looks = 0
    while True:
        snapshot = await leases.beat(here, wanted=None)
        for replica in snapshot.replicas:
            if replica.id != me and _fate(replica.process, process) is False:
                await leases.leave(replica.id)
        if is_shared or await leases.take(me, [STORE]):
            return
        owner = _owner(await leases.look())
        if owner is not None and (looks > LOOKS_A_LEASE or _fate(owner.process, process)):
            await leases.leave(me)
            raise ConfigurationError(
                f"BRIDGE_STORE__URL: another bridge ({owner.process}) owns this store. Stop it first; several "
                "can share one with postgresql://"
            )
        looks += 1
        await clock.sleep(lease_s / LOOKS_A_LEASE)


def _owner(snapshot: Snapshot) -> Replica | None:
    """Who has the store for itself."""
    owner = snapshot.owner_of(STORE)
    return next((replica for replica in snapshot.replicas if replica.id == owner), None)


def _fate(process: Process, here: Process) -> bool | None:
    """A bridge that this very process ran before is over."""
    return False if process == here else is_alive(process, here=here)
