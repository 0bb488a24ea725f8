"""Who runs what among several replicas: what the store says of that, and which share of it each replica takes. Pure.

A *lease* says that one replica runs one thing (a stream, or the enrolment of a tenant) until its lease ends. Its epoch
grows with every new owner; a commit that carries an older one is refused. A replica that needs a stream for itself for
a moment (to change who is in it) *calls* it: whoever runs it drains and hands it over.
"""

from collections.abc import Mapping, Sequence

import msgspec

from bridge.errors import Deposed

STORE = "store"
"""Name of the lease of a store that is for one bridge alone: held as long as that bridge is one of its replicas."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica says of itself, so that people and others on its host can find it."""

    host: str
    pid: int
    boot_id: str = ""
    """Differs after each start of the host's kernel; empty where that cannot be known."""
    namespace: str = ""
    """Where its pid means something: of containers each has its own."""
    started: str = ""
    """When the process started, as its kernel counts: tells it from a later one with the same pid."""

    def __str__(self) -> str:
        return f"{self.host}, pid {self.pid}"


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge that is alive: it was heard of less than a lease ago."""

    id: str
    process: Process
    serves: frozenset[str] = frozenset()
    """Names of leases that it can take; none while it drains."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One lease as the store has it now."""

    name: str
    epoch: int
    owner: str | None = None
    """Id of the replica that holds it; None where it was given back or has ended."""
    called_by: str | None = None
    """Id of the replica that needs it for itself."""
    is_stream: bool = True
    """Whether it is a stream that has receivers, and not something else that one replica at a time does."""


class Proof(msgspec.Struct, frozen=True):
    """What a commit shows for itself: who makes it, under which epoch."""

    owner: str
    epoch: int


class Holdings:
    """The leases that this process holds now: written by whoever takes and gives them back, read by every commit."""

    def __init__(self) -> None:
        self._proofs: dict[str, Proof] = {}

    def put(self, name: str, proof: Proof) -> None:
        """The lease is held from now on."""
        self._proofs[name] = proof

    def drop(self, name: str) -> None:
        """The lease is held no more."""
        self._proofs.pop(name, None)

    def proof(self, name: str) -> Proof:
        """What a commit under this lease shows. Raises Deposed where it is not held."""
        proof = self._proofs.get(name)
        if proof is None:
            raise Deposed(f"{name}: this process does not own it")
        return proof

    def __contains__(self, name: object) -> bool:
        return name in self._proofs


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    replicas: Sequence[Replica] = ()
    """Those that are alive."""
    leases: Mapping[str, Lease] = {}
    """By name."""

    def owner_of(self, name: str) -> str | None:
        """Who holds it; None where nobody does, or nobody has ever."""
        lease = self.leases.get(name)
        return None if lease is None else lease.owner


def assigned(snapshot: Snapshot) -> dict[str, str]:
    """Lease → the replica that is to hold it; every replica that sees the same snapshot finds the same.

    Who holds one keeps it, as far as that is fair: among replicas that serve the same, no one has two streams more than
    another, nor two more of what is no stream, which is less work. One that is called goes to whoever called it. What
    nobody alive serves is left out.
    """
    serving = {replica.id: replica.serves for replica in sorted(snapshot.replicas, key=lambda each: each.id)}
    callers = {
        name: lease.called_by
        for name, lease in snapshot.leases.items()
        if lease.called_by is not None and lease.called_by in serving
    }
    names = {name for served in serving.values() for name in served} - callers.keys()
    streams = {name for name in names if name in snapshot.leases and snapshot.leases[name].is_stream}
    return _shared(streams, serving, snapshot) | _shared(names - streams, serving, snapshot) | callers


def _shared(names: set[str], serving: Mapping[str, frozenset[str]], snapshot: Snapshot) -> dict[str, str]:
    shares: dict[str, set[str]] = {replica: set() for replica in serving}
    free = []
    for name in sorted(names):
        owner = snapshot.owner_of(name)
        if owner is not None and name in serving.get(owner, ()):
            shares[owner].add(name)
        else:
            free.append(name)
    for name in free:
        able = [replica for replica in shares if name in serving[replica]]
        shares[min(able, key=lambda replica: len(shares[replica]))].add(name)
    _balance(shares, serving)
    return {name: replica for replica, share in shares.items() for name in share}


def _balance(shares: Mapping[str, set[str]], serving: Mapping[str, frozenset[str]]) -> None:
    """Move one at a time from whoever has two more than another that serves it."""
    while (move := _next_move(shares, serving)) is not None:
        name, giver, taker = move
        shares[giver].remove(name)
        shares[taker].add(name)


def _next_move(shares: Mapping[str, set[str]], serving: Mapping[str, frozenset[str]]) -> tuple[str, str, str] | None:
    for giver in sorted(shares, key=lambda replica: -len(shares[replica])):
        for taker in sorted(shares, key=lambda replica: len(shares[replica])):
            movable = shares[giver] & serving[taker]
            if movable and len(shares[giver]) - len(shares[taker]) > 1:
                return max(movable), giver, taker
    return None
