"""One request of Altinn Notifications, exactly as documented; tries once and raises.

`GET /notifications/api/v1/orders/{id}/notifications/email` is the page "Get email notifications" of 08.08.2024 (whose
heading says `order`; its own example and the API say `orders`). The other two are of the pages "Notification status"
and "Status feed"; ids of legacy orders work there, too.
"""

from urllib.parse import urlencode

from bridge.altinn.answers import OrderUnknown, raise_for
from bridge.altinn.decode import (
    EmailSummary,
    FeedItem,
    NotUnderstood,
    Shipment,
    read_feed,
    read_shipment,
    read_summary,
)
from bridge.errors import RequestRejected, SourceUnavailable
from bridge.events.altinn import RecipientDetail
from bridge.http import HttpReader

PATH = "/notifications/api/v1"
MAX_FEED_PAGE = 500
MAX_DOUBTS = 50
"""So many answers of 404 that say nothing, without one that does, are more likely a gateway's than about orders: those
bring their own documented 404 at every poll."""


class AltinnApi:
    """The API at one platform's address, for one organisation."""

    def __init__(self, reader: HttpReader, *, base_url: str, recipient: RecipientDetail) -> None:
        """`base_url`: of the platform, without PATH. `recipient`: what may be kept of one that is not understood."""
        self._reader = reader
        self._url = f"{base_url.rstrip('/')}{PATH}"
        self._recipient = recipient
        self._doubts = MAX_DOUBTS
        """Answers of 404 without a word since the last documented answer."""

    @property
    def is_proven(self) -> bool:
        """Whether the API has given a documented answer lately, so that a 404 is not the address's fault."""
        return self._doubts < MAX_DOUBTS

    async def emails(self, order_id: str) -> EmailSummary:
        """All e-mails of an order (a UUID in canonical form). Raises OrderUnknown and what `raise_for` names."""
        body = await self._get(f"/orders/{order_id}/notifications/email")
        try:
            summary = read_summary(body, order_id=order_id, recipient=self._recipient)
        except NotUnderstood as error:
            raise SourceUnavailable(f"the API's answer on e-mails is {error}") from error
        self._doubts = 0
        return summary

    async def shipment(self, order_id: str) -> Shipment:
        """Where the order itself stands. Raises as `emails`."""
        body = await self._get(f"/future/shipment/{order_id}")
        try:
            shipment = read_shipment(body)
        except NotUnderstood as error:
            raise SourceUnavailable(f"the API's answer on the order is {error}") from error
        self._doubts = 0
        return shipment

    async def feed(
        self, *, after: int, limit: int = MAX_FEED_PAGE, newest_first: bool = False
    ) -> tuple[list[FeedItem], int]:
        """At most `limit` (1..500) rows with sequence numbers over `after` (≥ 0), and how many had none.

        `newest_first` with `after` 0: the newest rows, where the API knows `orderBy`. Raises as `emails`, but
        RequestRejected for 404.
        """
        params = {"seq": str(after), "pageSize": str(limit), **({"orderBy": "desc"} if newest_first else {})}
        try:
            body = await self._get("/future/shipment/feed", urlencode(params))
        except OrderUnknown as error:
            raise RequestRejected("there is no status feed (404): check BRIDGE_ALTINN__BASE_URL") from error
        try:
            rows = read_feed(body)
        except NotUnderstood as error:
            raise SourceUnavailable(f"the API's answer on the feed is {error}") from error
        self._doubts = 0
        return rows

    async def _get(self, path: str, query: str = "") -> bytes:
        answer = await self._reader.get(f"{self._url}{path}", query=query, headers={})
        try:
            raise_for(answer.status, answer.headers, answer.body)
        except OrderUnknown as error:
            self._doubts = self._doubts + 1 if error.code is None else 0
            raise
        return answer.body
