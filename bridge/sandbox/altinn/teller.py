"""Stories as a pure function of a seed and the order's number.

A story is told again whenever it is asked for, so that of 100,000 orders only a few numbers are kept.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from bridge.sandbox.altinn.lives import EMAIL_PATHS, ORDER_PATHS, SMS_PATHS, EmailLife, OrderLife, Pace
from bridge.sandbox.altinn.recipients import Recipient
from bridge.sandbox.altinn.statuses import Channel, OrderStatus
from bridge.sandbox.altinn.stories import Notification, Story, uuid
from bridge.sandbox.altinn.tempo import Stage, Tempo
from bridge.sandbox.altinn.timeline import Step, append, ticks
from bridge.sandbox.draws import draw

MOST_DRAWN_EMAILS = 5
_SHAPE = struct.Struct("<16s24H")
_ORDER_SHAPE = struct.Struct("<16s16s16H")
_DIGITS = (7, 6, 7, 5, 7, 6, 3, 7, 0, 7, 6, 2, 4, 7, 1, 7)
"""How many digits of a second's fraction a time is shown with, one of these by chance."""
_WAIT_WORDS = 18
Life = TypeVar("Life", bound=StrEnum)


class Wish(NamedTuple):
    """What an order should be like; None: drawn."""

    life: OrderLife | None = None
    emails: int | None = None
    email_paths: tuple[tuple[str, ...], ...] = ()
    """The statuses that its e-mails pass through, in turn; none: drawn."""
    recipients: tuple[Recipient, ...] = ()
    """Of its e-mails, in turn; none: made up."""
    sms: int | None = None
    senders_reference: str | None = None
    requested_in_s: float | None = None
    """Seconds from its creation to its requested time."""
    is_processed: bool = False
    """Its notifications are there at its requested time."""
    late_by_s: float | None = None
    """So much later than it should, its row is in the feed."""


ANY = Wish()


class Weights(Generic[Life]):
    """Lives and how often they come: drawn from by a number."""

    def __init__(self, weights: Mapping[Life, int]) -> None:
        """Raises ValueError where nothing could be drawn."""
        if not weights or min(weights.values()) < 0 or not sum(weights.values()):
            raise ValueError("lives need weights of 0 or more, at least one of them more than 0")
        self._lives = tuple(weights)
        self._bounds = tuple(accumulate(weights.values()))

    def pick(self, number: int) -> Life:
        """The life that a number of 16 bits stands for."""
        return self._lives[bisect_right(self._bounds, number * self._bounds[-1] >> 16)]


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
        order_lives: Weights[OrderLife],
        email_lives: Weights[EmailLife],
        late: tuple[float, float],
        start_at: int,
    ) -> None:
        """`late`: which share of the rows in the feed comes late, and by how many seconds. `start_at`: see `append`."""
        self._seed = seed
        self._tempo = Tempo(pace)
        self._order_lives = order_lives
        self._email_lives = email_lives
        self._late_share, self._late_by_s = late
        self._start_at = start_at

    def order_id(self, number: int) -> str:
        """The id alone."""
        return uuid(draw(self._seed, "order", number)[:16])

    def tell(self, number: int, created_at: int, wish: Wish = ANY) -> Story:
        """The order that was created then."""
        id_, reference, *words = _ORDER_SHAPE.unpack(draw(self._seed, "order", number))
        life = wish.life or self._order_lives.pick(words[0])
        requested_at = created_at + self._requested_in(life, wish, words[1])
        story = Story(
            order_id=uuid(id_),
            senders_reference=wish.senders_reference or _reference(reference, words[8]),
            requested_at=requested_at,
            steps=self._order_steps(life, created_at, requested_at, wish, words[2:]),
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
        return self._tempo.ahead(word) if life is OrderLife.DATED_AHEAD else 0

    def _order_steps(
        self, life: OrderLife, created_at: int, requested_at: int, wish: Wish, words: Sequence[int]
    ) -> list[Step]:
        steps: list[Step] = []
        at = created_at
        for index, status in enumerate(ORDER_PATHS[life]):
            if index and status is not OrderStatus.CANCELLED:
                at = max(at, requested_at)
            if index and not wish.is_processed:
                at += self._tempo.order_wait(status, words[index])
            append(steps, status, at, _DIGITS[words[index] % 16], self._start_at)
        return steps

    def _emails(self, plot: _Plot, word: int) -> Iterator[Notification]:
        count = plot.wish.emails
        if count is None:
            count = 0 if plot.life is OrderLife.SMS_ONLY else word % MOST_DRAWN_EMAILS + 1
        for index in range(count):
            id_, *words = _SHAPE.unpack(draw(self._seed, f"email/{plot.number}", index))
            stages = self._tempo.stages(self._email_path(plot, index, words[0]))
            email = self._notification(plot, Channel.EMAIL, id_, stages, words)
            if given := plot.wish.recipients:
                email.given = given[index % len(given)]
            yield email

    def _sms(self, plot: _Plot, word: int) -> Iterator[Notification]:
        count = plot.wish.sms
        if count is None:
            count = word % 2 + 1 if plot.life in (OrderLife.SMS_ONLY, OrderLife.SMS_TOO) else 0
        for index in range(count):
            id_, *words = _SHAPE.unpack(draw(self._seed, f"sms/{plot.number}", index))
            stages = self._tempo.stages(SMS_PATHS[words[0] % len(SMS_PATHS)])
            yield self._notification(plot, Channel.SMS, id_, stages, words)

    def _email_path(self, plot: _Plot, index: int, word: int) -> tuple[str, ...]:
        if plot.wish.email_paths:
            return plot.wish.email_paths[index % len(plot.wish.email_paths)]
        if plot.life is OrderLife.UNREACHABLE:
            return EMAIL_PATHS[EmailLife.RESERVED if word % 3 == 0 else EmailLife.NOT_IDENTIFIED]
        return EMAIL_PATHS[self._email_lives.pick(word)]

    def _notification(
        self, plot: _Plot, channel: Channel, id_: bytes, stages: Sequence[Stage], words: Sequence[int]
    ) -> Notification:
        steps: list[Step] = []
        at = plot.generated_at
        for index, (status, least, span, is_timed_out) in enumerate(stages):
            word = words[3 + index % _WAIT_WORDS]
            if is_timed_out:
                at = max(at, plot.requested_at + self._tempo.expiry)
            at += least + (span * word >> 16)
            append(steps, status, at, _DIGITS[word % 16], self._start_at)
        return Notification(channel, id_, words[1] << 16 | words[2], steps)

    def _late_by(self, wish: Wish, word: int) -> int | None:
        if wish.late_by_s is not None:
            return ticks(wish.late_by_s)
        return ticks(self._late_by_s) if word < self._late_share * 2**16 else None


def _reference(random: bytes, word: int) -> str | None:
    """One order in eight has none."""
    return f"ref-{random[:5].hex()}" if word % 8 else None
