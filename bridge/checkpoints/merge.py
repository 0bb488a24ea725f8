"""Two streams of a tenant become one: what the store remembers afterwards. Pure; every store does as it says."""

from collections.abc import Iterator

import msgspec

from bridge.checkpoints.nhn import RecentPage, StreamState


def merged(into: StreamState, dissolved: StreamState) -> StreamState:
    """`into` with the receivers of `dissolved`, which stands no further on.

    All of them are stragglers where they stood: each cohort joins at exactly the same offset, by the way that every
    straggler goes. The two windows become one page, which is done with no sooner than either would have been; below
    where its own stream's window began it tells nothing of a receiver: that is its floor.
    """
    pages = (*into.recent, *dissolved.recent)
    offsets = {into.cursor, *(offset for page in pages for offset in page.offsets)}
    places = {her_id: place for state in (into, dissolved) for her_id, place in _places(state)}
    return msgspec.structs.replace(
        into,
        receivers={her_id: cursor for her_id, (cursor, _) in sorted(places.items())},
        floors={her_id: floor for her_id, (cursor, floor) in sorted(places.items()) if floor != cursor},
        unnumbered=into.unnumbered | dissolved.unnumbered,
        recent=(RecentPage(max(page.read_at for page in pages), tuple(sorted(offsets))),) if pages else (),
    )


def _places(state: StreamState) -> Iterator[tuple[int, tuple[int, int]]]:
    """HER-id, cursor and floor of each receiver."""
    for her_id, own in state.receivers.items():
        cursor = state.cursor if own is None else own
        floor = 0 if own is None else state.floors.get(her_id, own)
        yield her_id, (cursor, max(floor, min(state.reread_from, cursor)))
