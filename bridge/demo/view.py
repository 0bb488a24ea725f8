"""What the demo shows: a live picture in a terminal, plain lines elsewhere."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.demo.proof import Claim

SHOWN_EVENTS = 8
SHOWN_NEWS = 8


class Score:
    """The figures of the demo as they are now."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.created = 0
        self.received = 0
        self.distinct = 0
        self.rate = 0.0
        """Events a second over the last few seconds."""
        self.cursor: int | None = None
        self.lag_s: float | None = None
        self.orders = "-"
        """Of Altinn."""
        self.bridge = "starting"

    def lines(self) -> Iterator[str]:
        """All of it."""
        cursor = "-" if self.cursor is None else str(self.cursor)
        lag = "-" if self.lag_s is None else f"{self.lag_s:.1f} s"
        yield (
            f"{self.elapsed_s:5.1f} s  created {self.created:>6}  received {self.distinct:>6}  "
            f"repeats {self.received - self.distinct:>4}  {self.rate:>6.0f}/s  lag {lag:>6}  cursor {cursor:>8}  "
            f"bridge {self.bridge}"
        )
        yield f"{'':9}{self.orders}"


class View:
    """Shows the score, the latest events and what has happened."""

    def __init__(self, console: Console) -> None:
        self.score = Score()
        self._console = console
        self._events: deque[tuple[str, Mapping[str, Any]]] = deque(maxlen=SHOWN_EVENTS)
        self._news: deque[str] = deque(maxlen=SHOWN_NEWS)
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw a live picture while the block lasts, if this is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(
            console=self._console, refresh_per_second=8, get_renderable=self._picture, transient=True
        ) as self._live:
            yield
        self._live = None

    def event(self, routing_key: str, event: Mapping[str, Any]) -> None:
        """An event has arrived."""
        self._events.append((routing_key, event))

    def news(self, text: str) -> None:
        """Something has happened that is worth a line."""
        line = f"{self.score.elapsed_s:5.1f} s  {text}"
        self._news.append(line)
        if self._live is None:
            self._print(line)

    def tick(self) -> None:
        """A moment has passed: in plain output, lines with the score."""
        if self._live is None:
            for line in self.score.lines():
                self._print(line)

    def proof(self, claims: Sequence[Claim], exit_code: int) -> None:
        """The end: every claim, and whether it holds."""
        for line in self._news if self._console.is_terminal else ():
            self._print(line)
        self._print("")
        for claim in claims:
            self._print(f"{'ok    ' if claim.holds else 'BROKEN'}  {claim.text}")
        verdict = all(claim.holds for claim in claims)
        self._print("")
        self._print(f"proof: {'every claim holds' if verdict else 'A CLAIM DOES NOT HOLD'} (exit {exit_code})")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _picture(self) -> Group:
        score = self.score
        figures = Table.grid(padding=(0, 3))
        for name, value in (
            ("created at the API", f"{score.created}"),
            ("received, distinct", f"{score.distinct}"),
            ("repeats", f"{score.received - score.distinct}"),
            ("rate", f"{score.rate:.0f} events/s"),
            ("lag", "-" if score.lag_s is None else f"{score.lag_s:.1f} s"),
            ("cursor", "-" if score.cursor is None else f"{score.cursor}"),
            ("Altinn", score.orders),
            ("bridge", score.bridge),
            ("time", f"{score.elapsed_s:.0f} s"),
        ):
            figures.add_row(Text(name, style="dim"), Text(value, style="bold"))
        events = Table("routing key", "subject", "id", expand=True, box=None, header_style="dim")
        for routing_key, event in reversed(self._events):
            events.add_row(routing_key, event.get("subject") or "-", event["id"])
        return Group(
            Panel(figures, title="NHN and Altinn (sandbox) → bridge → RabbitMQ → subscriber", title_align="left"),
            Panel(events, title="arriving", title_align="left", height=SHOWN_EVENTS + 3),
            Panel(Text("\n".join(self._news)), title="what happened", title_align="left", height=SHOWN_NEWS + 2),
        )
