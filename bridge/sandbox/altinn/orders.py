"""All orders: created, changed by hand, ended, found again, forgotten. Pure; times are ticks, and callers say which.

Of an order only what cannot be told from its number is kept.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import msgspec

from bridge.sandbox.altinn.ends import Ends
from bridge.sandbox.altinn.queries import FeedQuery
from bridge.sandbox.altinn.records import AltinnPlan, OrderRecord
from bridge.sandbox.altinn.reports import report
from bridge.sandbox.altinn.shelf import Shelf
from bridge.sandbox.altinn.statuses import OrderStatus
from bridge.sandbox.altinn.stories import Story
from bridge.sandbox.altinn.teller import Teller, Weights, Wish
from bridge.sandbox.altinn.timeline import Calendar, append, current, cut, ticks

_ALL_DIGITS = 7


class Unknown(ValueError):
    """There is no such order, or no such notification."""


class _Order(msgspec.Struct):
    created_at: int
    organisation: str
    wish: Wish
    ends_as: OrderStatus | None
    late_by: int | None
    has_ended: bool = False


class Orders:
    """Numbered from 1 in the order of their creation."""

    def __init__(self, *, seed: int, plan: AltinnPlan, calendar: Calendar) -> None:
        """Raises ValueError where the plan has no lives to draw from."""
        self._calendar = calendar
        self._max_orders = plan.max_orders
        self._feed_delay = ticks(plan.feed_delay_s)
        self._teller = Teller(
            seed=seed,
            pace=plan.pace,
            order_lives=Weights(plan.order_lives),
            email_lives=Weights(plan.email_lives),
            late=(plan.late_share, plan.late_by_s),
            start_at=calendar.start_at,
        )
        self._orders: dict[int, _Order] = {}
        self._numbers: dict[str, int] = {}
        self._shelf = Shelf()
        self._ends = Ends(seed=seed)
        self.created = 0
        self.forgotten = 0
        self.ended: Counter[str] = Counter()
        """By how."""

    @property
    def last_sequence_number(self) -> int:
        """The highest that was given away, 0 before the first."""
        return self._ends.last_number

    def add(self, at: int, wish: Wish, organisation: str) -> None:
        """Create the next order."""
        self.created += 1
        number = self.created
        story = self._teller.tell(number, at, wish)
        order = _Order(at, organisation, wish, None, story.late_by)
        self._orders[number] = order
        self._numbers[story.order_id] = number
        self._foresee(number, order, story)
        if len(self._orders) > self._max_orders:
            self._forget_the_oldest()

    def end_until(self, at: int) -> None:
        """End what has ended by then, and give each its number, in the order of their ends."""
        for ended_at, number in self._ends.take(at):
            order = self._orders[number]
            order.has_ended = True
            self.ended[order.ends_as or ""] += 1
            if order.ends_as is not OrderStatus.CANCELLED:
                visible_at = ended_at + self._feed_delay + (order.late_by or 0)
                self._ends.add_row(number, ended_at=ended_at, visible_at=visible_at, organisation=order.organisation)

    def find(self, order_id: str, organisation: str) -> Story | None:
        """The order, if it is there and this organisation's."""
        number = self._numbers.get(order_id)
        if number is None or self._orders[number].organisation != organisation:
            return None
        return self._story(number)

    def feed(self, query: FeedQuery, organisation: str, now: int) -> list[tuple[int, Story, int]]:
        """What the feed shows: of each row its number, its order and when that ended."""
        rows = self._ends.read(query, organisation, now)
        return [(row.sequence_number, self._story(row.order), row.ended_at) for row in rows]

    def move(self, order_id: str, notification_id: str, status: str, now: int) -> None:
        """Give a notification this status; what else would have become of it does not. Raises Unknown."""
        number, story = self._to_change(order_id)
        notification = next((each for each in story.shown(now) if each.id == notification_id), None)
        if notification is None:
            raise Unknown("the order has no such notification now")
        cut(notification.steps, now)
        append(notification.steps, status, now, _ALL_DIGITS, self._calendar.start_at)
        if not self._orders[number].has_ended:
            story.settle(_ALL_DIGITS, self._calendar.start_at)
        self._keep(number, story)

    def cancel(self, order_id: str, now: int) -> None:
        """Raises Unknown, and ValueError where it is not Registered any more."""
        number, story = self._to_change(order_id)
        if current(story.steps, now).status != OrderStatus.REGISTERED:
            raise ValueError("only an order that is Registered can be cancelled")
        cut(story.steps, now)
        append(story.steps, OrderStatus.CANCELLED, now, _ALL_DIGITS, self._calendar.start_at)
        story.notifications.clear()
        self._keep(number, story)

    def records(self, first: int, count: int, now: int) -> Iterator[OrderRecord]:
        """Those from this number on that are not forgotten."""
        numbers = range(max(first, self.forgotten + 1), min(first + count, self.created + 1))
        return (self._record(number, now) for number in numbers)

    def record(self, order_id: str, now: int) -> OrderRecord:
        """Raises Unknown."""
        return self._record(self._number(order_id), now)

    def _record(self, number: int, now: int) -> OrderRecord:
        return report(
            number,
            self._story(number),
            organisation=self._orders[number].organisation,
            row=self._ends.row_of(number),
            now=now,
            calendar=self._calendar,
        )

    def _number(self, order_id: str) -> int:
        number = self._numbers.get(order_id)
        if number is None:
            raise Unknown("there is no such order")
        return number

    def _story(self, number: int) -> Story:
        story = self._shelf.get(number)
        if story is None:
            order = self._orders[number]
            story = self._teller.tell(number, order.created_at, order.wish)
            self._shelf.put(number, story)
        return story

    def _to_change(self, order_id: str) -> tuple[int, Story]:
        number = self._number(order_id)
        return number, self._story(number)

    def _keep(self, number: int, story: Story) -> None:
        self._shelf.pin(number, story)
        order = self._orders[number]
        if not order.has_ended:
            self._foresee(number, order, story)

    def _foresee(self, number: int, order: _Order, story: Story) -> None:
        end = story.end()
        order.ends_as = None if end is None else end[0]
        self._ends.foresee(number, None if end is None else end[1])

    def _forget_the_oldest(self) -> None:
        for number in list(islice(self._orders, len(self._orders) // 10)):
            del self._orders[number], self._numbers[self._teller.order_id(number)]
            self._shelf.forget(number)
            self._ends.forget(number)
            self.forgotten = number
        self._ends.sweep()
