"""From a verdict on an order to its messages: events of its changes, parked items, the order's end."""

from collections.abc import Iterator

from bridge.altinn.lifecycle import Verdict
from bridge.events.altinn import RecipientDetail, email_status_message, order_closed_message
from bridge.events.message import Message
from bridge.events.parked import park_item
from bridge.ports import Clock


class OrderMessageMaker:
    """Makes the messages of one bridge: its exchanges, and what of a recipient they carry."""

    def __init__(
        self,
        *,
        exchange: str,
        parked_exchange: str,
        recipient: RecipientDetail,
        order_closed_events: bool,
        clock: Clock,
    ) -> None:
        self._exchange = exchange
        self._parked_exchange = parked_exchange
        self._recipient = recipient
        self._order_closed_events = order_closed_events
        self._clock = clock

    def messages(self, verdict: Verdict) -> Iterator[Message]:
        """Changes first, oldest first; the order's end last."""
        order = verdict.order
        reference = verdict.after.senders_reference or order.senders_reference
        for change in verdict.changes.changed:
            yield email_status_message(
                change.email.notification,
                order_id=order.order_id,
                senders_reference=reference,
                previous_status=change.previous_status,
                moment=change.email.moment,
                recipient=self._recipient,
                exchange=self._exchange,
            )
        for item in verdict.changes.parked:
            yield park_item(
                item.remains,
                source="altinn",
                exchange=self._parked_exchange,
                reason="invalid",
                detail=f"order {order.order_id}: {item.problem}",
                at=self._clock.now(),
            )
        if verdict.closed is not None and self._order_closed_events:
            summary, shipment = verdict.summary, verdict.shipment
            yield order_closed_message(
                order_id=order.order_id,
                senders_reference=reference,
                reason=verdict.closed,
                generated=None if summary is None else summary.generated,
                succeeded=None if summary is None else summary.succeeded,
                last_update=None if shipment is None else shipment.last_update,
                moment=None if shipment is None else shipment.moment,
                exchange=self._exchange,
            )
