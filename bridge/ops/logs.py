"""Log lines: one for each thing worth knowing, as JSON or for a terminal, redacted, on standard error.

    structlog.get_logger().warning("stream.poll_failed", stream=…, error=exc, retry_in_s=…)

The event is a dotted identifier; everything else is a key with a value. What libraries log goes through the same steps,
from WARNING on: httpx tells every URL, with its HER-ids, at INFO.
"""

import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from bridge.ops.redaction import describe, redact, redact_text

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]

MAX_TRACEBACK = 20_000
"""Characters."""

_OWN = "bridge"
"""The standard library's logger that all lines of ours go through."""


def configure(
    log_format: Format | None = None,
    level: Level = "info",
    *,
    debug: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Write every line of ours and of the libraries to `stream` (default: standard error). May be called again.

    `log_format` None: `console` where the stream is a terminal, else `json`. `debug`: errors with their traceback;
    without it an error is its kind and message.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(ProcessorFormatter(processors=[_Line(debug=debug), _renderer(log_format, handler.stream)]))
    root = logging.getLogger()
    for previous in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(previous)
    root.addHandler(handler)
    root.setLevel(max(threshold, logging.WARNING))
    logging.getLogger(_OWN).setLevel(threshold)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=lambda *_: logging.getLogger(_OWN),
        cache_logger_on_first_use=False,
    )


class _Handler(logging.Handler):
    """Never fails whoever logs, and never shows what could not be redacted."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; where the stream is gone or closed, there is nobody to tell."""
        with suppress(OSError, ValueError):
            self.stream.write(f"{self._line(record)}\n")
            self.stream.flush()

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except (TypeError, ValueError, LookupError) as exc:
            # A library's message whose arguments do not fit its text.
            return f'{{"level": "error", "event": "log.line_lost", "error": "{type(exc).__name__}"}}'


class _Line:
    """Makes the line: when, how grave, what, from which library, and the rest redacted."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug

    def __call__(self, _logger: object, _method: str, found: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record: logging.LogRecord = found.pop("_record")
        is_own = found.pop("_from_structlog")
        error = _error_of(found.pop("exc_info", None))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "timestamp": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": redact_text(str(found.pop("event", ""))),
        }
        if not is_own:
            line["logger"] = record.name
        if error is not None:
            line["error"] = redact_text(describe(error))
            if self._debug:
                line["exception"] = redact_text("".join(format_exception(error)), max_length=MAX_TRACEBACK)
        return line | {name: redact(name, value) for name, value in found.items() if name not in line}


def _error_of(exc_info: object) -> BaseException | None:
    """The error of whatever logging takes for `exc_info`: True, an error, or the triple of sys.exc_info()."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exception() if exc_info else None


def _renderer(log_format: Format | None, stream: TextIO) -> Processor:
    is_terminal = stream.isatty()
    if log_format == "json" or (log_format is None and not is_terminal):
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=is_terminal and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
        pad_event_to=0,
    )
