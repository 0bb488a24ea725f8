"""The feed as a stream polls it: as many HER-ids and as large a page as the API takes. Keeps what it learnt of both."""

from collections.abc import Sequence
from typing import Protocol

from bridge.errors import RequestRejected, SourceUnavailable, TransientError
from bridge.nhn.answers import Problem, ReceiversRefused, TooManyReceivers
from bridge.nhn.api import MAX_HER_IDS, NhnApi, PageTooLarge
from bridge.nhn.decode import Item
from bridge.nhn.refusals import EverythingRefused, find_refused

Pages = list[tuple[list[Item], bool]]
"""(items, is full) of each request of a poll."""


class EveryReceiverRefused(RequestRejected):
    """None of the HER-ids is accepted: it may be the request, not they."""


class FeedObserver(Protocol):
    """What reading tells to whoever shows it: bridge.ops.telemetry."""

    def poll_failed(self, error: TransientError, *, attempt: int) -> None: ...
    def probed(self) -> None: ...


class Feed:
    """One stream's view of the API."""

    def __init__(self, api: NhnApi, *, page_size: int, retry_refused_s: float, observer: FeedObserver) -> None:
        """`page_size`: 1..1000, what is asked for as long as the API gives it. `retry_refused_s`: the pause after the
        API refused everything, seconds.
        """
        self._api = api
        self._observer = observer
        self._retry_refused_s = retry_refused_s
        self._wanted_size = self._page_size = page_size
        self._ids_a_request = MAX_HER_IDS
        self._searches = 0

    async def poll(self, her_ids: Sequence[int], offset: int) -> Pages:
        """What is there after `offset`. A page too large to be taken in is asked for again smaller, down to one item.

        Raises ReceiversRefused, and TransientError of any kind.
        """
        while True:
            try:
                pages = await self._request(her_ids, offset, self._page_size)
            except PageTooLarge as error:
                if self._page_size == 1:
                    raise
                self._page_size = max(self._page_size // 8, 1)
                self._observer.poll_failed(error, attempt=0)
            else:
                self._page_size = min(self._page_size * 2, self._wanted_size)
                return pages

    async def find_refused(self, her_ids: Sequence[int], offset: int) -> dict[int, Problem]:
        """Which of the HER-ids of a refused request are why; at least one, and not all.

        Raises EveryReceiverRefused, and TransientError of any kind.
        """
        search = find_refused(her_ids, self._searches)
        self._searches += 1
        refused: dict[int, Problem] = {}
        try:
            part = next(search)
            while True:
                problem = await self._probe(part, offset)
                self._observer.probed()
                part = search.send(problem)
        except StopIteration as found:
            refused = found.value
        except EverythingRefused as error:
            raise self._every_one_refused(error.problem) from error
        if not refused:
            raise SourceUnavailable("the API refused a request, but takes each part of it")
        return refused

    async def latest(self, her_ids: Sequence[int], *, after: int = 0) -> int:
        """The highest offset there is now for these HER-ids, `after` where there is none beyond it. There is no request
        for it: the feed is read through from there. Receivers that the API refuses are left out. Raises
        EveryReceiverRefused where it refuses all, and TransientError of any kind.
        """
        asked, offset = list(her_ids), after
        while True:
            try:
                pages = await self.poll(asked, offset)
            except ReceiversRefused as error:
                if len(asked) == 1:
                    raise self._every_one_refused(error.problem) from error
                refused = await self.find_refused(asked, offset)
                asked = [her_id for her_id in asked if her_id not in refused]
                continue
            ends = [max((item.offset or 0 for item in items), default=0) for items, _ in pages]
            full_ends = [end for end, (_, is_full) in zip(ends, pages, strict=True) if is_full]
            if not full_ends:
                return max(offset, *ends)
            if min(full_ends) <= offset:
                raise SourceUnavailable("the API gave a full page with nothing after the offset that was asked for")
            offset = min(full_ends)

    def _every_one_refused(self, problem: Problem) -> EveryReceiverRefused:
        return EveryReceiverRefused(f"the API refuses every HER-id ({problem})", retry_after_s=self._retry_refused_s)

    async def _request(self, her_ids: Sequence[int], offset: int, size: int) -> Pages:
        """One poll: a request, or several where the API does not take all HER-ids in one."""
        while True:
            step = self._ids_a_request
            try:
                pages = []
                for start in range(0, len(her_ids), step):
                    items = await self._api.notifications(her_ids[start : start + step], offset=offset, limit=size)
                    pages.append((items, len(items) >= size))
            except TooManyReceivers as error:
                if min(step, len(her_ids)) == 1:
                    raise RequestRejected("the API finds a request for one HER-id too long") from error
                self._ids_a_request = min(step, len(her_ids)) // 2
            else:
                return pages

    async def _probe(self, her_ids: Sequence[int], offset: int) -> Problem | None:
        """Whether the API refuses these HER-ids; what it answers otherwise is not used."""
        try:
            await self._request(her_ids, offset, size=1)
        except ReceiversRefused as error:
            return error.problem
        except PageTooLarge:
            return None
        return None
