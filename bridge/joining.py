"""Coming to a store where other bridges are or were: the dead make room at once, a living one keeps what only one may
have.
"""

from bridge.errors import ConfigurationError
from bridge.leases import Process, Replica
from bridge.ports import Clock, Leases
from bridge.processes import is_alive

LOOKS_A_LEASE = 12


async def join(leases: Leases, *, me: str, process: Process, is_shared: bool, lease_s: float, clock: Clock) -> None:
    """Be known as a replica, and free what processes of this host that have died hold: nobody has to wait for that.

    Where the store is for one bridge alone (not `is_shared`) and another one has it: ConfigurationError, at once where
    that one is known to live, else once it gave a sign of life. One that cannot be judged from here (on another host,
    in another container) and gives none makes room within a lease. Raises StoreUnavailable.
    """
    looks = 0
    while True:
        snapshot = await leases.beat(Replica(id=me, process=process), wanted=None)
        others = [replica for replica in snapshot.replicas if replica.id != me]
        fates = {replica.id: _fate(replica.process, process) for replica in others}
        for replica in others:
            if fates[replica.id] is False:
                await leases.leave(replica.id)
        living = [replica for replica in others if fates[replica.id] is not False]
        if is_shared or not living:
            return
        if looks > LOOKS_A_LEASE or any(fates[replica.id] for replica in living):
            await leases.leave(me)
            raise ConfigurationError(
                f"BRIDGE_STORE__URL: another bridge ({living[0].process}) owns this store. Stop it first; several "
                "can share one with postgresql://"
            )
        looks += 1
        await clock.sleep(lease_s / LOOKS_A_LEASE)


def _fate(process: Process, here: Process) -> bool | None:
    """A bridge that this very process ran before is over."""
    return False if process == here else is_alive(process, here=here)
