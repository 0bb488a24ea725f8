"""What moving receivers would repeat or skip, counted in the feed: exactly, or as `at least` so many and why."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bridge.errors import TransientError
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.past import Past
from bridge.offsets.moves import Move, parties

MAX_PAGES = 100
"""So many pages are read for counting, about 100,000 notifications."""


class Effect(msgspec.Struct, kw_only=True):
    """Counted so far. What `NHN__IGNORE` names does not count: it is never published."""

    repeats: int = 0
    skips: int = 0
    because: list[str] = []
    """Why there may be more, as clauses; empty: the numbers are exact."""
    highest: int = 0
    """The highest offset that the feed has shown."""


class _Range(msgspec.Struct, frozen=True):
    before: int
    to: int


async def effect_of(moves: Sequence[Move], feeds: Mapping[str, Feed], maker: MessageMaker) -> Effect:
    """Read what lies between the offsets. Never raises for an API that does not answer: the effect says so."""
    effect, pages_left = Effect(), MAX_PAGES
    for (tenant, _), members in parties(moves).items():
        ranges = {move.her_id: _Range(move.before, move.to) for move in members if move.before is not None}
        if not ranges:
            continue
        if tenant not in feeds:
            effect.because.append(f"by these settings the feed of the tenant {tenant} cannot be read")
            continue
        ends = [end for each in ranges.values() for end in (each.before, each.to)]
        past = Past(feeds[tenant], ranges, after=min(ends), up_to=max(ends))
        pages_left = await _count(effect, past, ranges, maker, pages_left)
    effect.because = list(dict.fromkeys(effect.because))
    return effect


async def _count(effect: Effect, past: Past, ranges: Mapping[int, _Range], maker: MessageMaker, pages_left: int) -> int:
    """Count what one reading shows; returns how many pages may still be read."""
    pages = past.pages()
    try:
        while pages_left > 0 and (items := await anext(pages, None)) is not None:
            pages_left -= 1
            for item in items:
                its = ranges.get(item.receiver or 0)
                if its is not None and maker.messages([item]):
                    _note(effect, item.offset, its)
    except TransientError as error:
        effect.because.append(f"the API cannot be asked now: {str(error).rstrip('.')}")
    else:
        if not past.is_read and past.her_ids:
            effect.because.append(f"counting ends after {MAX_PAGES} pages")
    if past.refused:
        effect.because.append("the API refuses some of the HER-ids")
    effect.highest = max(effect.highest, past.highest)
    return pages_left


def _note(effect: Effect, offset: int | None, its: _Range) -> None:
    if offset is None:
        effect.because.append("some have no offset, which would tell where they lie")
    elif its.to < offset <= its.before:
        effect.repeats += 1
    elif its.before < offset <= its.to:
        effect.skips += 1


def sentences(moves: Sequence[Move], effect: Effect, *, highest_known: int) -> Iterator[str]:
    """The effect, for people. `highest_known`: the highest offset that any receiver in the store has come to."""
    back = any(move.before is not None and move.to < move.before for move in moves)
    forward = any(move.before is not None and move.to > move.before for move in moves)
    if back or forward:
        because = f" ({'; '.join(effect.because)})" if effect.because else ""
        repeats = _number(effect.repeats, is_exact=not (back and effect.because))
        skips = _number(effect.skips, is_exact=not (forward and effect.because))
        yield f"This repeats {repeats} and skips {skips}{because}."
    beyond = max(move.to for move in moves)
    if beyond > max(effect.highest, highest_known):
        yield (
            f"No notification with an offset as high as {beyond} is known: those that come with lower ones "
            "will be skipped, too."
        )


def _number(count: int, *, is_exact: bool) -> str:
    if not is_exact:
        return f"at least {count:,} notifications" if count else "an unknown number of notifications"
    return f"{count:,} notification{'' if count == 1 else 's'}" if count else "none"
