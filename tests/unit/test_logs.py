"""Log lines: what is written, and what must never be."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from bridge.errors import BrokerUnavailable
from bridge.ops.logs import _Handler, configure

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzb21lb25lIn0.c2lnbmF0dXJlLWJ5dGVz"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("bridge")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def fail(error: Exception) -> None:
    raise error


class Lines(io.StringIO):
    """A stream that is no terminal, and the JSON lines on it."""

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    @property
    def one(self) -> dict[str, Any]:
        (line,) = self.all
        return line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def lines() -> Lines:
    stream = Lines()
    configure("json", "info", stream=stream)
    return stream


def test_a_line_has_time_level_event_and_its_values(lines: Lines) -> None:
    structlog.get_logger().warning("stream.poll_failed", stream="nhn/default/1", retry_in_s=2.5)
    line = lines.one
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {"level": "warning", "event": "stream.poll_failed", "stream": "nhn/default/1", "retry_in_s": 2.5}


def test_the_context_that_is_bound_is_part_of_every_line(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(tenant="north"):
        structlog.get_logger().bind(stream="nhn/north/1").info("stream.opened")
    assert (lines.one["tenant"], lines.one["stream"]) == ("north", "nhn/north/1")


def test_a_value_cannot_take_the_place_of_time_level_or_event(lines: Lines) -> None:
    structlog.get_logger().info("stream.opened", level="none", timestamp="never")
    assert lines.one["level"] == "info"
    assert lines.one["timestamp"] != "never"


def test_lines_under_the_level_are_not_written() -> None:
    stream = Lines()
    configure("json", "error", stream=stream)
    structlog.get_logger().warning("stream.poll_failed")
    logging.getLogger("aio_pika").warning("closed")
    assert stream.getvalue() == ""


def test_without_a_format_it_is_json_elsewhere_and_readable_on_a_terminal() -> None:
    elsewhere, terminal = Lines(), Terminal()
    configure(None, "info", stream=elsewhere)
    structlog.get_logger().info("bridge.started")
    configure(None, "info", stream=terminal)
    structlog.get_logger().info("bridge.started", version="1")
    assert elsewhere.one["event"] == "bridge.started"
    assert not terminal.getvalue().startswith("{")
    assert "bridge.started" in terminal.getvalue()


def test_configuring_again_replaces_what_was() -> None:
    first, second = Lines(), Lines()
    configure("json", "info", stream=first)
    configure("json", "info", stream=second)
    structlog.get_logger().info("bridge.started")
    assert (len(first.all), len(second.all)) == (0, 1)


def test_what_libraries_log_goes_through_the_same_steps(lines: Lines) -> None:
    logging.getLogger("library.connection").warning("Cannot reach %s", "amqp://bridge:hunter2@rabbit:5672/")
    line = lines.one
    assert (line["level"], line["logger"]) == ("warning", "library.connection")
    assert line["event"] == "Cannot reach amqp://[redacted]@rabbit:5672/"


@pytest.mark.parametrize("library", ["httpx", "aio_pika", "aiormq", "aiohttp.access", "sqlalchemy.engine", "alembic"])
def test_what_libraries_say_below_warning_is_not_written_even_at_debug(library: str) -> None:
    stream = Lines()
    configure("json", "debug", stream=stream)
    logging.getLogger(library).info("GET /notifications?HerIds=8142520")
    structlog.get_logger().debug("stream.polled")
    assert [line["event"] for line in stream.all] == ["stream.polled"]


def test_warnings_of_python_become_lines(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert lines.one["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in lines.one["event"]


def test_an_error_is_its_kind_and_message_and_no_traceback(lines: Lines) -> None:
    try:
        fail(BrokerUnavailable("no route to amqp://bridge:hunter2@rabbit:5672/"))
    except BrokerUnavailable as exc:
        structlog.get_logger().error("broker.lost", error=exc)
        structlog.get_logger().exception("broker.lost")
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    sentence = "BrokerUnavailable: no route to amqp://[redacted]@rabbit:5672/"
    assert [line["error"] for line in lines.all] == [sentence, sentence, sentence]
    assert "Traceback" not in lines.getvalue()


def test_with_debug_an_error_has_its_traceback_redacted() -> None:
    stream = Lines()
    configure("json", "info", debug=True, stream=stream)
    try:
        fail(ValueError(f"got {JWT}"))
    except ValueError:
        structlog.get_logger().exception("stream.died")
    assert "Traceback (most recent call last):" in stream.one["exception"]
    assert stream.one["exception"].endswith("ValueError: got [redacted]\n")
    assert JWT.split(".")[1] not in stream.getvalue()


def test_a_traceback_is_readable_on_a_terminal() -> None:
    terminal = Terminal()
    configure("console", "info", debug=True, stream=terminal)
    try:
        fail(ValueError("cause"))
    except ValueError:
        structlog.get_logger().exception("stream.died")
    assert "ValueError: cause" in terminal.getvalue()


def test_a_message_of_a_library_that_does_not_fit_its_arguments_is_lost_without_harm(lines: Lines) -> None:
    record = logging.LogRecord("aio_pika", logging.WARNING, __file__, 1, "%d of hunter2", ("x",), None)
    (ours,) = (handler for handler in logging.getLogger().handlers if isinstance(handler, _Handler))
    ours.handle(record)
    assert lines.one == {"level": "error", "event": "log.line_lost", "error": "TypeError"}


def test_a_stream_that_is_gone_does_no_harm() -> None:
    stream = Lines()
    configure("json", "info", stream=stream)
    stream.close()
    structlog.get_logger().error("broker.lost")
