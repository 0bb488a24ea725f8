"""One order and all that becomes of it, as a pure function of a seed and the order's number.

A story is made again whenever it is asked for, so that of 100,000 orders only a few numbers are kept. Pure.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TypeVar

from bridge.sandbox.altinn.lives import (
    AFTER_FINAL_WAIT_S,
    EMAIL_PATHS,
    LEAST_WAIT_S,
    ORDER_PATHS,
    ORDER_WAITS_S,
    OTHER_WAIT_S,
    SMS_PATHS,
    TTL_WAIT_S,
    WAITS_S,
    EmailLife,
    OrderLife,
    Pace,
)
from bridge.sandbox.altinn.recipients import Recipient, recipient
from bridge.sandbox.altinn.statuses import TTL, Channel, OrderStatus, is_pending
from bridge.sandbox.altinn.timeline import Step, append, current, ticks
from bridge.sandbox.draws import draw

MOST_DRAWN_EMAILS = 5
_SHAPE = struct.Struct("<16s24H")
_ORDER_SHAPE = struct.Struct("<16s16s16H")
_DIGITS = (7, 6, 7, 5, 7, 6, 3, 7, 0, 7, 6, 2, 4, 7, 1, 7)
"""How many digits of a second's fraction a time is shown with, one of these by chance."""
_ENDS = frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.CONDITION_NOT_MET})
_Life = TypeVar("_Life")


class Wish(NamedTuple):
    """What an order should be like; None: drawn."""

    life: OrderLife | None = None
    emails: int | None = None
    email_paths: tuple[tuple[str, ...], ...] = ()
    """The statuses that its e-mails pass through, in turn; none: drawn."""
    sms: int | None = None
    senders_reference: str | None = None
    requested_in_s: float | None = None
    """Seconds from its creation to its requested time."""
    is_processed: bool = False
    """Its notifications are there at once."""
    late_by_s: float | None = None
    """So much later than it should, its row is in the feed."""


ANY = Wish()


class Weights(NamedTuple):
    """Lives and how often they come: drawn from by a number."""

    lives: tuple[str, ...]
    bounds: tuple[int, ...]

    @classmethod
    def of(cls, weights: Mapping[_Life, int]) -> "Weights":
        """Raises ValueError where nothing could be drawn."""
        if not weights or min(weights.values()) < 0 or not sum(weights.values()):
            raise ValueError("lives need weights of 0 or more, one at least more than 0")
        return cls(tuple(map(str, weights)), tuple(accumulate(weights.values())))

    def pick(self, number: int) -> str:
        """The life that a number of 16 bits stands for."""
        at = number * self.bounds[-1] >> 16
        return next(life for life, bound in zip(self.lives, self.bounds, strict=True) if at < bound)


@dataclass(slots=True)
class Notification:
    """One e-mail or SMS."""

    channel: Channel
    id: str
    recipient: Recipient
    steps: list[Step]

    def final_at(self) -> int | None:
        """Since when it is, or will be, final for good, though perhaps in another way later; None: never."""
        at = None
        for step in reversed(self.steps):
            if is_pending(step.status):
                break
            at = step.at
        return at


@dataclass(slots=True)
class Story:
    """All steps of an order and its notifications, those to come included."""

    order_id: str
    senders_reference: str | None
    requested_at: int
    steps: list[Step]
    notifications: list[Notification]
    late_by: int | None
    """Ticks that its row in the feed comes late by; None: it does not."""

    def generated_at(self) -> int | None:
        """When its notifications are there; None: never."""
        return next((step.at for step in self.steps if step.status == OrderStatus.PROCESSED), None)

    def shown(self, now: int) -> list[Notification]:
        """Its notifications as far as there are any by then."""
        at = self.generated_at()
        return self.notifications if at is not None and at <= now else []

    def end(self) -> tuple[OrderStatus, int] | None:
        """How and when it ends; None: never."""
        last = self.steps[-1]
        return (OrderStatus(last.status), last.at) if last.status in _ENDS else None

    def settle(self, digits: int, start_at: int) -> None:
        """Say anew when it is complete: as soon as no notification is pending."""
        if self.steps[-1].status == OrderStatus.COMPLETED:
            self.steps.pop()
        generated_at = self.generated_at()
        if generated_at is None:
            return
        ends = [notification.final_at() for notification in self.notifications]
        if None not in ends:
            at = max([generated_at, *(end for end in ends if end is not None)])
            append(self.steps, OrderStatus.COMPLETED, at, digits, start_at)

    def is_settled(self, now: int) -> bool:
        """Whether nothing changes any more by itself."""
        lines = [self.steps, *(notification.steps for notification in self.notifications)]
        return all(steps[-1].at <= now for steps in lines)


class _Plot(NamedTuple):
    """What an order's notifications need to know of it."""

    number: int
    life: OrderLife
    wish: Wish
    generated_at: int
    requested_at: int


class Teller:
    """Tells the story of an order by its number."""

    def __init__(
        self,
        *,
        seed: int,
        pace: Pace,
        order_lives: Weights,
        email_lives: Weights,
        late: tuple[float, float],
        start_at: int,
    ) -> None:
        """`late`: which share of the rows in the feed comes late, and by how many seconds. `start_at`: see `append`."""
        self._seed = seed
        self._pace = pace
        self._order_lives = order_lives
        self._email_lives = email_lives
        self._late_share, self._late_by_s = late
        self._start_at = start_at

    def order_id(self, number: int) -> str:
        """The id alone."""
        return _uuid(draw(self._seed, "order", number)[:16])

    def tell(self, number: int, created_at: int, wish: Wish = ANY) -> Story:
        """The order that was created then."""
        id_, reference, *words = _ORDER_SHAPE.unpack(draw(self._seed, "order", number))
        life = wish.life or OrderLife(self._order_lives.pick(words[0]))
        requested_at = created_at + self._requested_in(life, wish, words[1])
        steps = self._order_steps(life, created_at, requested_at, wish, words[2:])
        story = Story(
            order_id=_uuid(id_),
            senders_reference=_reference(reference, words[8])
            if wish.senders_reference is None
            else wish.senders_reference,
            requested_at=requested_at,
            steps=steps,
            notifications=[],
            late_by=self._late_by(wish, words[9]),
        )
        generated_at = story.generated_at()
        if generated_at is not None:
            plot = _Plot(number, life, wish, generated_at, requested_at)
            story.notifications += self._emails(plot, words[10])
            story.notifications += self._sms(plot, words[11])
        story.settle(_DIGITS[words[12] % 16], self._start_at)
        return story

    def _requested_in(self, life: OrderLife, wish: Wish, word: int) -> int:
        if wish.requested_in_s is not None:
            return ticks(wish.requested_in_s)
        return ticks(self._pace.expiry_s * (0.5 + word / 2**17)) if life is OrderLife.DATED_AHEAD else 0

    def _order_steps(
        self, life: OrderLife, created_at: int, requested_at: int, wish: Wish, words: Sequence[int]
    ) -> list[Step]:
        steps: list[Step] = []
        at = created_at
        for index, status in enumerate(ORDER_PATHS[life]):
            if index:
                least, most = ORDER_WAITS_S[status]
                is_first_try = status is OrderStatus.PROCESSING and index == 1
                at = max(at, requested_at if is_first_try else 0)
                at += 0 if wish.is_processed else self._wait(least, most, words[index])
            append(steps, status, at, _DIGITS[words[index] % 16], self._start_at)
        return steps

    def _emails(self, plot: _Plot, word: int) -> Iterable[Notification]:
        count = plot.wish.emails
        if count is None:
            count = 0 if plot.life is OrderLife.SMS_ONLY else word % MOST_DRAWN_EMAILS + 1
        for index in range(count):
            id_, *words = _SHAPE.unpack(draw(self._seed, f"email/{plot.number}", index))
            yield self._notification(plot, Channel.EMAIL, id_, self._email_path(plot, index, words[0]), words)

    def _sms(self, plot: _Plot, word: int) -> Iterable[Notification]:
        count = plot.wish.sms
        if count is None:
            count = word % 2 + 1 if plot.life in (OrderLife.SMS_ONLY, OrderLife.SMS_TOO) else 0
        for index in range(count):
            id_, *words = _SHAPE.unpack(draw(self._seed, f"sms/{plot.number}", index))
            yield self._notification(plot, Channel.SMS, id_, SMS_PATHS[words[0] % len(SMS_PATHS)], words)

    def _email_path(self, plot: _Plot, index: int, word: int) -> Sequence[str]:
        if plot.wish.email_paths:
            return plot.wish.email_paths[index % len(plot.wish.email_paths)]
        if plot.life is OrderLife.UNREACHABLE:
            return EMAIL_PATHS[EmailLife.RESERVED if word % 3 == 0 else EmailLife.NOT_IDENTIFIED]
        return EMAIL_PATHS[EmailLife(self._email_lives.pick(word))]

    def _notification(
        self, plot: _Plot, channel: Channel, id_: bytes, path: Sequence[str], words: Sequence[int]
    ) -> Notification:
        steps: list[Step] = []
        at = plot.generated_at
        for index, status in enumerate(path):
            word = words[4 + index % 18]
            if status == TTL:
                expiry = ticks(self._pace.expiry_s) + self._wait(*TTL_WAIT_S, word)
                at = max(at + 1, plot.requested_at + expiry)
            elif index:
                is_afterthought = not is_pending(path[index - 1])
                least, most = AFTER_FINAL_WAIT_S if is_afterthought else WAITS_S.get(status, OTHER_WAIT_S)
                at += self._wait(least, most, word)
            append(steps, status, at, _DIGITS[word % 16], self._start_at)
        return Notification(channel, _uuid(id_), recipient(channel, words[1] << 16 | words[2], path[0]), steps)

    def _wait(self, least_s: float, most_s: float, word: int) -> int:
        return ticks(max(LEAST_WAIT_S, self._pace.factor * (least_s + (most_s - least_s) * word / 2**16)))

    def _late_by(self, wish: Wish, word: int) -> int | None:
        if wish.late_by_s is not None:
            return ticks(wish.late_by_s)
        return ticks(self._late_by_s) if word < self._late_share * 2**16 else None


def at_that_time(story: Story, now: int) -> tuple[Step, list[tuple[Notification, Step]]]:
    """The order's step then, and that of each notification which is there."""
    return current(story.steps, now), [(each, current(each.steps, now)) for each in story.shown(now)]


def _reference(random: bytes, word: int) -> str | None:
    """One order in eight has none."""
    return f"ref-{random[:5].hex()}" if word % 8 else None


def _uuid(random: bytes) -> str:
    digits = random.hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
