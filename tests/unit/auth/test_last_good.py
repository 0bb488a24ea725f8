"""Keys and tokens that change while the process runs are never given up for worse ones."""

import pytest

from bridge.auth.diagnosis import Diagnosis, Problem
from bridge.auth.last_good import LastGood
from bridge.errors import ConfigurationError
from tests.support.sign_in import RecordingObserver


class Text:
    """A text that a test changes; "" cannot be read."""

    def __init__(self, now: str) -> None:
        self.now = now

    def read(self) -> str:
        if not self.now:
            raise ConfigurationError("the file cannot be read")
        return self.now


def number(text: str) -> int:
    if not text.isdigit():
        raise ConfigurationError("is no number", "is too short")
    return int(text)


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


def test_a_changed_text_is_the_value_at_once(observer: RecordingObserver) -> None:
    text = Text("1")
    value = LastGood("the number", text.read, number, observer=observer)
    assert value.current() == 1
    text.now = "2"
    assert value.current() == 2
    assert observer.troubles == []


def test_a_text_is_parsed_once_as_long_as_it_stays(observer: RecordingObserver) -> None:
    parsed: list[str] = []
    value = LastGood("the text", lambda: "1", parsed.append, observer=observer)
    for _ in range(3):
        value.current()
    assert parsed == ["1"]


def test_a_half_written_text_keeps_the_last_good_value_until_it_is_whole(observer: RecordingObserver) -> None:
    text = Text("1")
    value = LastGood("the number", text.read, number, observer=observer)
    text.now = "2x"
    assert value.current() == 1
    text.now = "23"
    assert value.current() == 23


def test_a_text_that_cannot_be_read_keeps_the_last_good_value(observer: RecordingObserver) -> None:
    text = Text("1")
    value = LastGood("the number", text.read, number, observer=observer)
    text.now = ""
    assert value.current() == 1
    assert observer.troubles == [Diagnosis(Problem.UNREADABLE, "the file cannot be read; the last good one is used")]


def test_a_broken_text_is_told_once_and_again_when_it_breaks_anew(observer: RecordingObserver) -> None:
    text = Text("1")
    value = LastGood("the number", text.read, number, observer=observer)
    for now in ("x", "x", "y", "2", "x"):
        text.now = now
        value.current()
    sentence = "the number is no number; the number is too short; the last good one is used"
    assert [trouble.sentence for trouble in observer.troubles] == [sentence, sentence]


def test_a_first_text_that_is_no_good_is_a_mistake_of_configuration(observer: RecordingObserver) -> None:
    with pytest.raises(ConfigurationError, match=r"^the number is no number\nthe number is too short$"):
        LastGood("the number", lambda: "x", number, observer=observer)
    with pytest.raises(ConfigurationError, match=r"^the file cannot be read$"):
        LastGood("the number", Text("").read, number, observer=observer)
