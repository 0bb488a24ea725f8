"""A store in memory that can be told to fail."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from bridge.checkpoints import Advance, Detach, Enrol, Join, NhnCheckpoint, StreamState, merged, seek
from bridge.errors import InvariantViolation, StoreUnavailable


class FakeStore:
    """The port `Store`; passes the contract suite. A failed commit changed nothing, as everywhere."""

    def __init__(self) -> None:
        self._streams: dict[str, StreamState] = {}
        self._retired: dict[str, dict[int, int]] = {}
        self.failures_to_come = 0
        """So many of the next writes raise StoreUnavailable before they change anything."""
        self.failed: list[NhnCheckpoint] = []
        """Checkpoints refused with StoreUnavailable, in order."""
        self.committed: list[NhnCheckpoint] = []
        """Every checkpoint stored, in order."""

    async def streams(self, tenant: str) -> Sequence[StreamState]:
        return [state for _, state in sorted(self._streams.items()) if state.tenant == tenant]

    async def retired(self, tenant: str) -> dict[int, int]:
        return dict(self._retired.get(tenant, {}))

    async def retire(self, tenant: str, her_ids: frozenset[int]) -> None:
        await self._answer()
        for state in await self.streams(tenant):
            leaving = {
                her_id: state.cursor if own is None else own
                for her_id, own in state.receivers.items()
                if her_id in her_ids
            }
            staying = {her_id: own for her_id, own in state.receivers.items() if her_id not in leaving}
            self._retired.setdefault(tenant, {}).update(leaving)
            floors = {her_id: floor for her_id, floor in state.floors.items() if her_id in staying}
            self._streams[state.name] = msgspec.structs.replace(state, receivers=staying, floors=floors)

    async def merge(self, tenant: str, *, dissolved: str, into: str) -> None:
        await self._answer()
        gone, state = self._state(dissolved), self._state(into)
        if not gone.receivers:
            return
        if gone.cursor > state.cursor or {gone.tenant, state.tenant} != {tenant}:
            raise InvariantViolation(f"{dissolved} cannot become part of {into}")
        self._streams[into] = merged(state, gone)
        self._streams[dissolved] = StreamState(name=gone.name, tenant=gone.tenant, cursor=gone.cursor, receivers={})

    async def seek(self, cursors: Mapping[str, Mapping[int, int]]) -> None:
        await self._answer()
        if any(at < 0 for to in cursors.values() for at in to.values()):
            raise InvariantViolation("a cursor is under 0")
        for tenant, to in cursors.items():
            states = await self.streams(tenant)
            for state in states:
                moving = {her_id: at for her_id, at in to.items() if her_id in state.receivers}
                if moving:
                    self._seek(state, moving)
            placed = {her_id for state in states for her_id in state.receivers}
            kept = {her_id: at for her_id, at in to.items() if her_id not in placed}
            retired = self._retired.setdefault(tenant, {})
            self._forget_unnumbered(tenant, {her_id for her_id, at in kept.items() if at < retired.get(her_id, 0)})
            retired.update(kept)

    def _forget_unnumbered(self, tenant: str, her_ids: set[int]) -> None:
        for name, state in self._streams.items():
            if state.tenant == tenant:
                kept = frozenset(item for item in state.unnumbered if item[0] not in her_ids)
                self._streams[name] = msgspec.structs.replace(state, unnumbered=kept)

    def _seek(self, state: StreamState, to: Mapping[int, int]) -> None:
        sought = seek(state.cursor, state.receivers, to)
        self._streams[state.name] = msgspec.structs.replace(
            state,
            cursor=sought.cursor,
            receivers={**state.receivers, **sought.receivers},
            floors={
                her_id: floor for her_id, floor in state.floors.items() if sought.keeps_window and her_id not in to
            },
            recent=state.recent if sought.keeps_window else (),
            unnumbered=frozenset(item for item in state.unnumbered if item[0] not in sought.repeated),
        )

    async def commit(self, checkpoint: NhnCheckpoint) -> None:
        try:
            await self._answer()
        except StoreUnavailable:
            self.failed.append(checkpoint)
            raise
        match checkpoint:
            case Advance():
                self._advance(checkpoint)
            case Enrol():
                self._enrol(checkpoint)
            case Detach():
                self._move(checkpoint, None, checkpoint.cursor, 0)
            case Join():
                self._move(checkpoint, checkpoint.cursor, None, None)
        self.committed.append(checkpoint)

    async def _answer(self) -> None:
        # A real store always lets others run first.
        await asyncio.sleep(0)
        if self.failures_to_come > 0:
            self.failures_to_come -= 1
            raise StoreUnavailable("The store was told to fail")

    def _advance(self, step: Advance) -> None:
        state = self._state(step.stream)
        if step.cursor < step.previous:
            raise InvariantViolation(f"{step.stream}: its cursor would go back")
        if step.stragglers is None:
            if state.cursor != step.previous:
                raise InvariantViolation(f"{step.stream}: its cursor is not {step.previous}")
            state = msgspec.structs.replace(state, cursor=step.cursor)
        else:
            state = _moved(state, step.stragglers, step.previous, step.cursor, step.floor)
        kept = [page for page in (*state.recent, *step.recent) if page.read_at >= step.forget_recent_before]
        self._streams[step.stream] = msgspec.structs.replace(
            state,
            unnumbered=(state.unnumbered - step.unnumbered_gone) | step.unnumbered_added,
            recent=tuple(sorted(kept, key=lambda page: page.read_at)),
        )

    def _enrol(self, step: Enrol) -> None:
        if not step.cursors:
            return
        members = {
            her_id for state in self._streams.values() if state.tenant == step.tenant for her_id in state.receivers
        }
        if members & step.cursors.keys() or min(step.cursors.values()) < 0:
            raise InvariantViolation(f"{step.stream}: a receiver is in a stream, or its cursor is under 0")
        state = self._streams.get(step.stream) or StreamState(
            name=step.stream, tenant=step.tenant, cursor=min(step.cursors.values()), receivers={}
        )
        if state.tenant != step.tenant:
            raise InvariantViolation(f"{step.stream} belongs to another tenant")
        self._streams[step.stream] = msgspec.structs.replace(
            state, receivers={**state.receivers, **_own_cursors(step.cursors, None if state.recent else state.cursor)}
        )
        self._bring_unnumbered(step)
        for her_id in step.cursors:
            self._retired.get(step.tenant, {}).pop(her_id, None)

    def _bring_unnumbered(self, step: Enrol) -> None:
        theirs: set[tuple[int, str]] = set()
        for name, state in self._streams.items():
            if state.tenant == step.tenant:
                moved = {item for item in state.unnumbered if item[0] in step.cursors}
                theirs |= moved
                self._streams[name] = msgspec.structs.replace(state, unnumbered=state.unnumbered - moved)
        state = self._streams[step.stream]
        self._streams[step.stream] = msgspec.structs.replace(state, unnumbered=state.unnumbered | theirs)

    def _move(self, step: Detach | Join, previous: int | None, cursor: int | None, floor: int | None) -> None:
        state = self._state(step.stream)
        if state.cursor != step.cursor:
            raise InvariantViolation(f"{step.stream}: its cursor is not {step.cursor}")
        self._streams[step.stream] = _moved(state, step.her_ids, previous, cursor, floor)

    def _state(self, name: str) -> StreamState:
        if name not in self._streams:
            raise InvariantViolation(f"{name} is not there")
        return self._streams[name]


def _moved(
    state: StreamState, her_ids: frozenset[int], previous: int | None, cursor: int | None, floor: int | None
) -> StreamState:
    absent = object()
    if any(state.receivers.get(her_id, absent) != previous for her_id in her_ids):
        raise InvariantViolation(f"{state.name}: a receiver does not stand at {previous}")
    floors = {her_id: at for her_id, at in state.floors.items() if her_id not in her_ids}
    if cursor is not None and floor is not None and floor != cursor:
        floors |= dict.fromkeys(her_ids, floor)
    receivers = {**state.receivers, **dict.fromkeys(her_ids, cursor)}
    return msgspec.structs.replace(state, receivers=receivers, floors=floors)


def _own_cursors(cursors: Mapping[int, int], shared: int | None) -> dict[int, int | None]:
    return {her_id: None if cursor == shared else cursor for her_id, cursor in cursors.items()}
