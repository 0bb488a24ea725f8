"""One owner at a time for each stream (G7): this replica's part in it.

    say that we are alive, see who holds what -> take our share of what is free, hand over what is not ours any more

While a lease is held its work runs. When it is to be handed over the work drains first; when it is lost, or when
nothing was heard of the store for too long, the work is cut off at once: by then somebody else may do it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from math import inf
from typing import Protocol

from bridge.errors import StoreUnavailable
from bridge.leases import STORE, Holdings, Process, Proof, Replica, Snapshot, assigned
from bridge.ports import Clock, Leases
from bridge.supervisor import end, unless_stopped
from bridge.tenure import Run, Tenure

BEATS_OF_A_LEASE = 3
"""A lease lasts so many heartbeats."""
BEATS_WITHOUT_ANSWER = 2
"""After so many without one its owner stops by itself: a heartbeat before anybody else can take over."""
LOOKS_A_BEAT = 4
"""How often a heartbeat it is seen what others gave back."""

GIVE_BACK_S = 2.0
"""Longest that giving a lease back may keep what ends from ending."""


class OwnershipObserver(Protocol):
    """What is told of it: bridge.ops.service_telemetry."""

    def seen(self, snapshot: Snapshot, me: str) -> None: ...
    def heartbeat_failed(self, error: StoreUnavailable) -> None: ...
    def taken(self, name: str, epoch: int) -> None: ...
    def given_back(self, name: str) -> None: ...
    def lost(self, name: str, reason: str) -> None: ...


class Ownership:
    """The leases of this process. `run` is a service of its own beside those that use it."""

    def __init__(
        self,
        leases: Leases,
        holdings: Holdings,
        *,
        me: str,
        process: Process,
        heartbeat_s: float,
        wanted: Callable[[], Mapping[str, frozenset[int]]],
        is_shared: bool,
        clock: Clock,
        boottime: Callable[[], float],
        observer: OwnershipObserver,
    ) -> None:
        """`me`: a name that no other process has or had. `boottime`: seconds, counting also while the host or this
        process is suspended (CLOCK_BOOTTIME). `wanted`: tenant → the receivers that this process was given.
        `is_shared`: others may take over once a lease has ended, so this process has to stop before; where nobody does
        (a file of SQLite, whose owner is alive) it only waits for the store.
        """
        self._leases = leases
        self._holdings = holdings
        self._me = me
        self._process = process
        self._heartbeat_s = heartbeat_s
        self._wanted = wanted
        self._clock = clock
        self._is_shared = is_shared
        self._boottime = boottime
        self._observer = observer
        self._wants: dict[str, list[Tenure]] = {}
        self._snapshot = Snapshot()
        self._changed = asyncio.Event()
        self._answered_at = boottime()
        self._beat_at = float("-inf")
        self._announced: Mapping[str, frozenset[int]] | None = None
        self._is_leaving = False
        self._seen = asyncio.Event()
        """Set at the next look; each look waits behind one of its own."""

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the leases until `stop`, and until everything under them has drained; then leave."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(), name="lease watch")
            while not (stop.is_set() and not self._wants):
                if stop.is_set() and not self._is_leaving:
                    self._is_leaving = True
                    self._changed.set()
                await self._look()
                await self._wait(stop)
            watching.cancel()
        try:
            await self._leases.leave(self._me)
        except StoreUnavailable as error:
            self._observer.heartbeat_failed(error)  # what we held ends by itself

    async def while_owned(self, name: str, stop: asyncio.Event, run: Run) -> None:
        """Run the work whenever this process holds the lease, until `stop`.

        The event that `run` gets is set when it is to drain. It is cancelled at once when the lease is lost. Raises
        what `run` raises, but Deposed, which says that it was lost.
        """
        want = Tenure(name)
        with self._wanting(want):
            while not stop.is_set():
                if await unless_stopped(stop, want.obtained.wait()):
                    try:
                        deposed = await want.work(stop, run)
                    finally:
                        await self._give_back(want)
                    if deposed is not None:
                        self._observer.lost(name, str(deposed))

    @asynccontextmanager
    async def called(self, names: Collection[str]) -> AsyncIterator[None]:
        """Hold all these leases, for a moment: whoever runs their streams drains and hands them over.

        Raises StoreUnavailable. Where one is lost meanwhile, commits under it raise Deposed.
        """
        wants = [Tenure(name, is_call=True) for name in sorted(names)]
        with ExitStack() as wanted:
            for want in wants:
                wanted.enter_context(self._wanting(want))
            try:
                await self._leases.call(self._me, names)
                self._changed.set()
                for want in wants:
                    await want.obtained.wait()
                yield
            finally:
                for want in wants:
                    await self._give_back(want, call_is_over=True)

    async def declare(self, prefix: str, streams: Collection[str]) -> None:
        """Tell all replicas which streams there are now whose names begin so."""
        await self._leases.declare(prefix, streams)
        self._changed.set()

    async def wanted(self, tenant: str) -> frozenset[int]:
        """The receivers of a tenant that this or any other live replica was given. Raises StoreUnavailable.

        Ours are not left to the store, which may take us for dead after it was away.
        """
        return await self._leases.wanted(tenant) | self._wanted().get(tenant, frozenset())

    def streams(self, prefix: str) -> frozenset[str]:
        """The streams that there are, whoever runs them, whose names begin so."""
        return frozenset(
            name for name, lease in self._snapshot.leases.items() if lease.is_stream and name.startswith(prefix)
        )

    def sharers(self, prefix: str) -> int:
        """How many live replicas serve leases whose names begin so, as far as is known: at least 1, this one."""
        serving = [each for each in self._snapshot.replicas if any(name.startswith(prefix) for name in each.serves)]
        return max(len(serving), 1)

    async def looked(self) -> None:
        """Return when it was seen anew who holds what."""
        await self._seen.wait()

    def holds(self, name: str) -> bool:
        """Whether what is done under this lease may still be done: it is held, and not for too long unheard of."""
        return name in self._holdings and self._boottime() < self._deadline

    @property
    def _deadline(self) -> float:
        return self._answered_at + BEATS_WITHOUT_ANSWER * self._heartbeat_s if self._is_shared else inf

    @contextmanager
    def _wanting(self, want: Tenure) -> Iterator[None]:
        """The want is known to `run` within the block; one that calls goes before the others."""
        wants = self._wants.setdefault(want.name, [])
        wants.insert(0 if want.is_call else len(wants), want)
        self._changed.set()
        try:
            yield
        finally:
            wants.remove(want)
            if not wants:
                del self._wants[want.name]
            self._changed.set()

    async def _wait(self, stop: asyncio.Event) -> None:
        """Until the next look is due, or something here has changed."""
        waiting = {
            asyncio.create_task(self._changed.wait()),
            asyncio.create_task(self._clock.sleep(self._heartbeat_s / LOOKS_A_BEAT)),
        }
        if not stop.is_set():
            waiting.add(asyncio.create_task(stop.wait()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(waiting)

    async def _look(self) -> None:
        """See who holds what, in a heartbeat where one is due, and act on it. What fails is tried at the next look."""
        began, has_changed = self._boottime(), self._changed.is_set()
        self._changed.clear()
        try:
            if has_changed or began - self._beat_at >= self._heartbeat_s:
                await self._beat(began)
            else:
                self._snapshot = await self._leases.look()
            self._observer.seen(self._snapshot, self._me)
            self._tell_seen()
            await self._adjust(self._snapshot)
        except StoreUnavailable as error:
            self._beat_at = float("-inf")
            self._observer.heartbeat_failed(error)

    def _tell_seen(self) -> None:
        seen, self._seen = self._seen, asyncio.Event()
        seen.set()

    async def _beat(self, began: float) -> None:
        wanted = self._wanted()
        serves = frozenset() if self._is_leaving else frozenset(self._wants)
        self._snapshot = await self._leases.beat(
            Replica(id=self._me, process=self._process, serves=serves),
            wanted=None if wanted == self._announced else wanted,
        )
        self._announced = wanted
        # What was renewed holds from some moment after this one.
        self._answered_at = self._beat_at = began

    async def _adjust(self, snapshot: Snapshot) -> None:
        target = assigned(snapshot)
        for want in self._holders():
            lease = snapshot.leases.get(want.name)
            if lease is None or want.proof is None:
                continue
            if lease.epoch != want.proof.epoch or lease.owner not in {None, self._me}:
                self._lose(want, "another process took it over")
            elif target.get(want.name) != self._me or self._wants[want.name][0] is not want:
                want.to_hand_over.set()
        await self._tidy(snapshot)
        held = {want.name for want in self._holders()}
        free = [name for name in self._wants.keys() - held if self._may_take(name, target, snapshot)]
        if free:
            for name, epoch in (await self._leases.take(self._me, free)).items():
                self._obtain(name, epoch)

    def _may_take(self, name: str, target: Mapping[str, str], snapshot: Snapshot) -> bool:
        return target.get(name) == self._me and name in snapshot.leases and snapshot.owner_of(name) is None

    async def _tidy(self, snapshot: Snapshot) -> None:
        """Give back what the store says is ours though nothing here holds it: an answer was lost."""
        held = {want.name for want in self._holders()} | {STORE}  # whoever joined keeps that one
        for name, lease in snapshot.leases.items():
            is_called_here = any(want.is_call for want in self._wants.get(name, ()))
            is_left_over = lease.owner == self._me and name not in held
            if is_left_over or (lease.called_by == self._me and not is_called_here):
                await self._leases.give_back(self._me, name, call_is_over=not is_called_here)
                self._changed.set()

    def _obtain(self, name: str, epoch: int) -> None:
        wants = self._wants.get(name)
        if not wants:
            return  # no longer wanted: the next look gives it back
        proof = Proof(self._me, epoch)
        self._holdings.put(name, proof)
        wants[0].begin(proof)
        self._observer.taken(name, epoch)

    def _holders(self) -> list[Tenure]:
        return [want for wants in self._wants.values() for want in wants if want.proof is not None]

    async def _watch(self) -> None:
        """Cut off everything here when nothing was heard of the store for so long that others may soon take over."""
        while True:
            if self._boottime() >= self._deadline:
                for want in self._holders():
                    self._lose(want, f"the store has not answered for {BEATS_WITHOUT_ANSWER} heartbeats")
            await self._clock.sleep(self._heartbeat_s / LOOKS_A_BEAT)

    def _lose(self, want: Tenure, why: str) -> None:
        if not want.lost.is_set():
            self._holdings.drop(want.name)
            want.lost.set()
            self._observer.lost(want.name, why)

    async def _give_back(self, want: Tenure, *, call_is_over: bool = False) -> None:
        """Let others have it at once. Where the store does not answer it ends by itself."""
        is_held = want.is_over()
        if is_held:
            self._holdings.drop(want.name)
        if is_held or call_is_over:
            try:
                async with asyncio.timeout(GIVE_BACK_S):
                    await self._leases.give_back(self._me, want.name, call_is_over=call_is_over)
            except (StoreUnavailable, TimeoutError):
                return  # `_tidy` does it later
            self._observer.given_back(want.name)
        self._changed.set()
