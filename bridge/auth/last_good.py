"""A secret that may change while the process runs: what it means now, or meant last."""

from collections.abc import Callable
from typing import Generic, TypeVar

from bridge.auth.diagnosis import Diagnosis, Problem
from bridge.auth.observer import SignInObserver
from bridge.errors import ConfigurationError

Value = TypeVar("Value")


class LastGood(Generic[Value]):
    """The value of a text as it is now; of the last good text where it is gone, half-written or wrong."""

    def __init__(
        self, what: str, read: Callable[[], str], parse: Callable[[str], Value], *, observer: SignInObserver
    ) -> None:
        """`what`: names it in sentences, e.g. `the private key`. `read` is called at every use, so it must be quick;
        it raises ConfigurationError with a sentence of its own. `parse` raises one with clauses that follow the name.
        Neither's words may hold the text.

        Raises ConfigurationError where the first value is no good.
        """
        self._what = what
        self._read = read
        self._parse = parse
        self._observer = observer
        self._text = read()
        self._value = self._parsed(self._text)
        self._complaint: str | None = None

    def current(self) -> Value:
        """The value now. Never raises: what is wrong with a changed text is told to the observer, once."""
        try:
            text = self._read()
            if text != self._text:
                self._value = self._parsed(text)
                self._text = text
            self._complaint = None
        except ConfigurationError as error:
            self._complain("; ".join(error.mistakes))
        return self._value

    def _parsed(self, text: str) -> Value:
        try:
            return self._parse(text)
        except ConfigurationError as error:
            raise ConfigurationError(*(f"{self._what} {mistake}" for mistake in error.mistakes)) from error

    def _complain(self, mistake: str) -> None:
        if mistake != self._complaint:
            self._complaint = mistake
            self._observer.trouble(Diagnosis(Problem.UNREADABLE, f"{mistake}; the last good one is used"))
