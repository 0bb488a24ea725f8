"""A range of the feed that is read once more, apart from every stream: to count what lies in it, or to replay it."""

from collections.abc import AsyncIterator, Collection

from bridge.errors import SourceUnavailable
from bridge.nhn.answers import Problem, ReceiversRefused
from bridge.nhn.decode import Item
from bridge.nhn.feed import Feed
from bridge.nhn.page import check


class Past:
    """The notifications of some receivers with offsets in (after, up_to], as the API shows them now."""

    def __init__(self, feed: Feed, her_ids: Collection[int], *, after: int, up_to: int) -> None:
        self.her_ids = sorted(her_ids)
        """Those that are asked for: the API takes them, as far as it was asked."""
        self.refused: dict[int, Problem] = {}
        """Those that the API refuses: of them nothing is read from then on."""
        self.position = after
        """The offset up to which all is read."""
        self.highest = after
        """The highest offset that the feed has shown, beyond `up_to` too."""
        self._feed = feed
        self._up_to = up_to
        self._shown: set[tuple[int, str]] = set()
        self.is_read = after >= up_to
        """Whether nothing is left to be read."""

    async def pages(self) -> AsyncIterator[tuple[Item, ...]]:
        """The items page by page, in offset order, each once; items without an offset where the API put them.

        Raises TransientError; another call goes on at the page that failed.
        """
        while not self.is_read and self.her_ids:
            try:
                pages = await self._feed.poll(self.her_ids, self.position)
            except ReceiversRefused as error:
                await self._leave_out_refused(error.problem)
                continue
            checked = check(
                pages,
                position=self.position,
                cursor=self.position,
                recent=(),
                published=self._shown,
                limit=self._up_to,
            )
            if "no-progress" in checked.anomalies:
                raise SourceUnavailable("the API gave a full page with nothing after the offset that was asked for")
            self.highest = max(self.highest, *(item.offset or 0 for page, _ in pages for item in page), 0)
            self.is_read = checked.reached_limit or not checked.is_full
            self._shown |= checked.shown
            self.position = self._up_to if self.is_read else checked.position
            yield checked.items

    async def _leave_out_refused(self, problem: Problem) -> None:
        only = self.her_ids[0] if len(self.her_ids) == 1 else None
        refused = {only: problem} if only is not None else await self._feed.find_refused(self.her_ids, self.position)
        self.refused |= refused
        self.her_ids = [her_id for her_id in self.her_ids if her_id not in refused]
