"""Which of many equal reports becomes a log line: the first, and then one a minute with a count."""

from dataclasses import dataclass

EVERY_S = 60.0


@dataclass(slots=True)
class _Topic:
    identity: str
    window_began: float
    lines: int
    unreported: int
    has_ended: bool


class Repeats:
    """Neither a flood nor a silence. Topics are a closed set of the caller's, so that memory is bounded.

    A recovery does not open the way for the same failure's next line: something that fails and recovers many times a
    second gives one line of each kind a minute, too.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._topics: dict[str, _Topic] = {}

    def due(self, topic: str, identity: str, now: float, *, burst: int = 1) -> int | None:
        """How many reports the line that is due now stands for, this one included; None where no line is due.

        A line is due when the topic's `identity` changed, for the first `burst` reports of a window, and for the first
        report after the window.
        """
        seen = self._topics.get(topic)
        if seen is None or seen.identity != identity or now - seen.window_began >= self._every_s:
            times = seen.unreported + 1 if seen is not None and seen.identity == identity else 1
            self._topics[topic] = _Topic(identity, now, lines=1, unreported=0, has_ended=False)
            return times
        if seen.lines < burst:
            seen.lines += 1
            seen.has_ended = False
            return 1
        seen.unreported += 1
        return None

    def ended(self, topic: str) -> bool:
        """The failure is over: whether that is worth a line, which it is when a line of it was given before."""
        seen = self._topics.get(topic)
        if seen is None or seen.has_ended:
            return False
        seen.has_ended = True
        return True
