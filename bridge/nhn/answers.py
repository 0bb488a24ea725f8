"""What an answer of the API means for us. Pure. Facts: page "Troubleshooting" (24.04.2026) of NHN's portal."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from bridge.errors import AuthenticationError, BridgeError, RequestRejected, SourceUnavailable

MAX_TITLE_CHARS = 80
ABOUT_RECEIVERS = frozenset({400, 403, 404, 423})
"""Statuses that one HER-id of a request can cause for all of it."""
CLIENT_ERRORS = frozenset(range(400, 500)) - {408}
"""Statuses that blame the request. 408 (Request Timeout) is no fault of what was asked."""
TOO_LONG = frozenset({414, 431})


class Problem(msgspec.Struct, frozen=True):
    """Why the API refused a request: what of its problem details is fit to be shown. `detail` is not (it names ids)."""

    status: int
    error_code: int | None = None
    title: str | None = None

    def __str__(self) -> str:
        code = "" if self.error_code is None else f", error {self.error_code}"
        title = "" if self.title is None else f": {self.title}"
        return f"{self.status}{code}{title}"


class ReceiversRefused(BridgeError):
    """The API refuses this request, and one of its HER-ids may be why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"the API refuses the request ({problem})")
        self.problem = problem


class TooManyReceivers(BridgeError):
    """The request is too long for the API or a gateway (414, 431)."""


class _ProblemDetails(msgspec.Struct, rename="camel"):
    type: str | None = None
    title: str | None = None
    status: int | None = None
    error_code: int | None = None


_decode_problem = msgspec.json.Decoder(_ProblemDetails, strict=False).decode


def problem_of(status: int, body: bytes) -> Problem | None:
    """The problem details (RFC 9457 with NHN's `errorCode`) of an error's body; None where it has none."""
    try:
        details = _decode_problem(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if (details.type, details.title, details.status, details.error_code) == (None, None, None, None):
        return None
    title = None if details.title is None else _printable(details.title)
    return Problem(status=status, error_code=details.error_code, title=title)


def raise_for(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise what an answer other than a page means; return for a page (200 with JSON).

    Raises ReceiversRefused, TooManyReceivers, AuthenticationError, RequestRejected, SourceUnavailable.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    problem = None if status == HTTPStatus.OK else problem_of(status, body)
    match status:
        case 200 if content_type == "application/json" or content_type.endswith("+json"):
            return
        case 200:
            raise SourceUnavailable("the API's answer is no JSON, so it is no page")
        case 401:
            raise AuthenticationError(f"the API does not accept our sign-in ({problem or status})")
        case _ if status in TOO_LONG:
            raise TooManyReceivers(f"the request is too long ({status})")
        case _ if status in ABOUT_RECEIVERS and problem is not None:
            raise ReceiversRefused(problem)
        case _ if status in CLIENT_ERRORS:
            raise RequestRejected(f"the API rejects the request itself ({problem or status}): check URL and settings")
        case _:
            raise SourceUnavailable(f"the API answered {problem or status}")


def _printable(title: str) -> str:
    """The API's title as far as it is safe in a log line: short, printable, no digits that could be a person's."""
    text = "".join("#" if character.isdigit() else character for character in title if character.isprintable())
    return text[:MAX_TITLE_CHARS]
