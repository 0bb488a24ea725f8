"""One replay, tenant by tenant: read a page, publish it in small portions at the rate that is wanted."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from bridge.errors import TransientError
from bridge.events.message import Message
from bridge.nhn.answers import Problem
from bridge.nhn.decode import Item
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.past import Past
from bridge.ports import Clock
from bridge.replay.observer import MAX_TRIES, ReplayFailed, ReplayObserver
from bridge.replay.stretch import LeftOut, Placed, Stretch, Wants, messages_of, wants_all
from bridge.retry import Backoff

Deliver = Callable[[Sequence[Message]], Awaitable[None]]
"""Returns when all of them are confirmed and routed."""
PORTIONS_A_S = 4
"""Events are published in so many portions a second, so that what is live gets in between."""


class Pace:
    """Lets so many events through a second. A quiet time saves nothing up for a burst."""

    def __init__(self, rate_per_s: float, clock: Clock) -> None:
        """`rate_per_s` > 0."""
        self._rate_per_s = rate_per_s
        self._clock = clock
        self._open_at = float("-inf")
        self.portion = max(int(rate_per_s / PORTIONS_A_S), 1)
        """How many go at a time."""

    async def wait(self, events: int) -> None:
        """Return when so many may be published."""
        while (left_s := self._open_at - self._clock.monotonic()) > 0:
            await self._clock.sleep(left_s)
        self._open_at = self._clock.monotonic() + events / self._rate_per_s


class Replay:
    """What becomes of the stretches. However `run` ends, the fields say how far it came."""

    def __init__(
        self,
        stretches: Sequence[Stretch],
        *,
        maker: MessageMaker,
        clock: Clock,
        wants: Wants = wants_all,
        backoff: Backoff | None = None,
    ) -> None:
        self.stretches = stretches
        self.positions = {stretch.tenant: stretch.after for stretch in stretches}
        """Tenant → the offset up to which all is done."""
        self.counts: Counter[str] = Counter()
        """Event name → how many are published, or would be."""
        self.left_out = LeftOut()
        self.refused: dict[int, Problem] = {}
        """HER-id → why the API refuses it: of these not all is published."""
        self._maker = maker
        self._wants = wants
        self._clock = clock
        self._backoff = backoff or Backoff()

    async def run(
        self,
        feeds: Mapping[str, Feed],
        deliver: Deliver | None,
        *,
        pace: Pace,
        observer: ReplayObserver,
        moved: Callable[[], None],
    ) -> None:
        """Publish all of it. `feeds`: tenant → its feed. `deliver` None: only count. `moved` is called now and then.

        Raises ReplayFailed where API or broker stay away, and Unroutable.
        """
        for stretch in self.stretches:
            past = Past(feeds[stretch.tenant], stretch.ends, after=stretch.after, up_to=stretch.up_to)
            async for items in self._patiently(past, observer):
                messages = messages_of(items, stretch, self._maker, self.left_out, self._wants)
                for portion in _portions(messages, pace.portion):
                    if deliver is not None:
                        await pace.wait(len(portion))
                        await deliver([message for _, message in portion])
                        observer.moved()
                    self.counts.update(message.event for _, message in portion)
                    self.positions[stretch.tenant] = portion[-1][0]
                    moved()
                self.positions[stretch.tenant] = past.position
                moved()
            self.refused |= past.refused

    async def _patiently(self, past: Past, observer: ReplayObserver) -> AsyncIterator[tuple[Item, ...]]:
        """The pages; one that fails is asked for again."""
        pages, attempt = past.pages(), 0
        while True:
            try:
                items = await anext(pages, None)
            except TransientError as error:
                reason = str(error).rstrip(".")
                attempt += 1
                if attempt == MAX_TRIES:
                    raise ReplayFailed(f"NHN's API cannot be read: {reason}.") from error
                delay_s = self._backoff.delay_s(attempt, error.retry_after_s)
                observer.told(f"NHN's API cannot be read: {reason}; trying again in {delay_s:.0f} s.")
                await self._clock.sleep(delay_s)
                pages = past.pages()
            else:
                if items is None:
                    return
                attempt = 0
                yield items


def _portions(messages: Sequence[Placed], size: int) -> Iterator[Sequence[Placed]]:
    for start in range(0, len(messages), size):
        yield messages[start : start + size]
