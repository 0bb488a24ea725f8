"""Bringing the store in line with the receivers that are wanted, before their streams start."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from bridge.checkpoints import Enrol, StreamState
from bridge.nhn.feed import EveryReceiverRefused, Feed
from bridge.nhn.streams import plan
from bridge.ports import Store

Start = Literal["earliest", "latest"] | int


async def enrol(tenant: str, wanted: Collection[int], *, start: Start, feed: Feed, store: Store) -> list[StreamState]:
    """The streams that serve the wanted receivers, each receiver with its cursor: its own old one where it has been
    here before, else `start`. Safe to repeat. Raises TransientError, and ReceiversRefused never.
    """
    change = plan(tenant, wanted, states := await store.streams(tenant))
    if change.retire:
        await store.retire(tenant, change.retire)
    retired = await store.retired(tenant)
    for stream, her_ids in change.enrol.items():
        cursors = await _cursors(
            her_ids, retired, start, feed, reached=max((each.cursor for each in states), default=0)
        )
        await store.commit(Enrol(stream=stream, tenant=tenant, cursors=cursors))
    if change.merge:
        await store.merge(tenant, dissolved=change.merge.dissolved, into=change.merge.into)
    return [state for state in await store.streams(tenant) if state.receivers]


async def _cursors(
    her_ids: Collection[int], retired: Mapping[int, int], start: Start, feed: Feed, *, reached: int
) -> dict[int, int]:
    """Where each receiver begins. `latest`: what is there now is passed over, so one look serves all newcomers.

    `reached`: how far any stream has come. Offsets are global: where the API refuses all newcomers, so much is there at
    least, and they begin a little early rather than late. Without a stream they wait until the API takes one of them.
    """
    newcomers = [her_id for her_id in her_ids if her_id not in retired]
    match start:
        case "earliest":
            first = 0
        case "latest":
            first = await _latest(newcomers, feed, reached=reached) if newcomers else 0
        case _:
            first = start
    return {her_id: retired.get(her_id, first) for her_id in her_ids}


async def _latest(newcomers: Sequence[int], feed: Feed, *, reached: int) -> int:
    try:
        return await feed.latest(newcomers)
    except EveryReceiverRefused:
        if not reached:
            raise
        return reached
