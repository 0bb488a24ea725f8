"""What an answer of Altinn means for us. Pure. Facts: EmailNotificationsController, ShipmentController and
StatusFeedController of Altinn/altinn-notifications.
"""

from collections.abc import Mapping

from bridge.altinn.decode import problem_code
from bridge.errors import AuthenticationError, BridgeError, RequestRejected, SourceUnavailable

SHIPMENT_NOT_FOUND = "NOT-00003"
CLIENT_ERRORS = frozenset(range(400, 500)) - {408, 425, 499}
"""Statuses that blame the request. 408 (Request Timeout), 425 (Too Early) and 499 (a request that was cut off, as the
API says it) are no fault of what was asked."""


class OrderUnknown(BridgeError):
    """404: no such order, or another organisation's, or no such address at all."""

    def __init__(self, code: str | None) -> None:
        """`code`: of the problem details; None where there are none, as with the e-mail endpoint's empty body."""
        super().__init__("the API knows no such order")
        self.code = code


def raise_for(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise what an answer other than 200 with JSON means; return for that.

    Raises OrderUnknown, AuthenticationError, RequestRejected, SourceUnavailable.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    match status:
        case 200 if content_type == "application/json" or content_type.endswith("+json"):
            return
        case 200:
            raise SourceUnavailable("the API's answer is no JSON")
        case 401:
            raise AuthenticationError("the API does not accept our sign-in (401)")
        case 403:
            raise AuthenticationError(
                "the API refuses our rights (403): the token's scope or its organisation does not allow this"
            )
        case 404:
            raise OrderUnknown(problem_code(body))
        case _ if status in CLIENT_ERRORS:
            raise RequestRejected(f"the API rejects the request itself ({status}): check URL and settings")
        case _:
            raise SourceUnavailable(f"the API answered {status}")
