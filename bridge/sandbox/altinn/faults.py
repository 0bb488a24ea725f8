"""What can go wrong with Altinn's answers, and for whom. Pure."""

from enum import StrEnum

from bridge.sandbox.faults import ActiveFault, FaultKind, Plan, Rule


class Endpoint(StrEnum):
    """What can be asked."""

    EMAILS = "emails"
    """`/orders/{id}/notifications/email`."""
    SHIPMENT = "shipment"
    """`/future/shipment/{id}`."""
    FEED = "feed"
    """`/future/shipment/feed`."""


ALTINN_FAULTS = (
    FaultKind.BAD_REQUEST,
    FaultKind.UNAUTHORIZED,
    FaultKind.FORBIDDEN,
    FaultKind.NOT_FOUND,
    FaultKind.GATEWAY_NOT_FOUND,
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.SERVER_ERROR,
    FaultKind.UNAVAILABLE,
    FaultKind.TIMEOUT,
    FaultKind.SLOW_DRIP,
    FaultKind.CONNECTION_RESET,
    FaultKind.CONTENT_LENGTH_TOO_LONG,
    FaultKind.BODY_CUT,
    FaultKind.CHUNKED_BODY_CUT,
    FaultKind.JSON_CUT,
    FaultKind.HTML,
    FaultKind.WRONG_CONTENT_TYPE,
    FaultKind.OVERSIZED_BODY,
    FaultKind.GZIP_BOMB,
    FaultKind.NESTED_JSON,
    FaultKind.DUPLICATE_ITEMS,
    FaultKind.WRONG_TYPES,
    FaultKind.NOT_AN_OBJECT,
    FaultKind.WITHOUT_ID,
    FaultKind.MISSING_STATUS,
)
"""All of them faults of a request; the last five change what is listed in the answer, of which the last four one item
in its middle, so long as they are on. 404 for an order that is there: what may happen to one that is new."""


class AltinnFaultRule(Rule, frozen=True, kw_only=True, omit_defaults=True):
    """A fault of Altinn's API."""

    order_id: str | None = None
    """Only to requests for this order."""
    endpoint: Endpoint | None = None
    """Only to requests to this one."""


class AltinnFaults(Plan[AltinnFaultRule]):
    """The rules that are on."""

    def add(self, rule: AltinnFaultRule, now_s: float) -> ActiveFault[AltinnFaultRule]:
        """Switch a rule on. Raises ValueError for a fault that Altinn's API does not have here."""
        if rule.kind not in ALTINN_FAULTS:
            raise ValueError(f"{rule.kind} is no fault of Altinn's API; there are: {', '.join(ALTINN_FAULTS)}")
        return super().add(rule, now_s)

    def for_request(self, endpoint: Endpoint, order_id: str | None, now_s: float) -> AltinnFaultRule | None:
        """The rule that applies; counts as one application. `order_id` None: the feed."""
        return self.first(lambda rule: rule.endpoint in (None, endpoint) and rule.order_id in (None, order_id), now_s)
