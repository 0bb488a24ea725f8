"""Altinn's half of the demo: orders that live whole lives, registered by a queue or found through the status feed."""

from collections.abc import Iterator, Mapping
from typing import Any

import aio_pika
import msgspec

from bridge.demo.altinn_proof import ClosedReceived, CreatedOrder, StatusReceived, prove_altinn
from bridge.demo.proof import Claim
from bridge.sandbox.altinn.lives import DEFAULT_EMAIL_LIVES, EmailLife, Pace
from bridge.sandbox.altinn.records import AltinnPlan, OrderRecord
from bridge.sandbox.server import Sandbox
from bridge.sandbox.supply import SupplyPlan

PACE = Pace(factor=0.05, expiry_s=8.0)
"""Most lives take some six seconds."""
LIVES: Mapping[EmailLife, int] = {
    life: often
    for life, often in DEFAULT_EMAIL_LIVES.items()
    if life not in {EmailLife.BOUNCED_LATER, EmailLife.DELIVERED_LATER}
}
"""Without those that change once more after their order has ended: nobody asks for them any more."""
GIVE_UP_AFTER_S = 15.0
"""For the few that never end: later than any other can."""
ENDS = {"Completed": "completed", "Cancelled": "cancelled", "SendConditionNotMet": "condition-not-met"}
EVERY_OTHER = 2
"""Of the orders, one is registered by the queue; the rest is for the feed to find."""


def plan(seconds: float, orders: int) -> AltinnPlan:
    """Orders over so many seconds."""
    return AltinnPlan(
        supply=SupplyPlan(rate_per_s=orders / seconds, total=orders),
        pace=PACE,
        email_lives=LIVES,
        feed_delay_s=1.0,
        late_by_s=3.0,
    )


class AltinnHalf:
    """What was created, registered and received."""

    def __init__(self, sandbox: Sandbox, names: str) -> None:
        """`names`: prefix of what the demo makes on the broker."""
        self._altinn = sandbox.altinn
        self._sandbox = sandbox
        self._names = names
        self.exchange = f"{names}.altinn.notifications"
        self.registrations = f"{names}.altinn.orders"
        self.statuses: list[StatusReceived] = []
        self.closed: list[ClosedReceived] = []
        self._registered = 0
        """Orders up to this number are registered, as far as they are to be."""
        self._altinn.pause_supply()

    def settings(self) -> Mapping[str, str]:
        """The bridge's."""
        client = self._sandbox.altinn_client
        return {
            "BRIDGE_ALTINN__BASE_URL": self._sandbox.altinn_url,
            "BRIDGE_ALTINN__AUTH__ISSUER": self._sandbox.maskinporten_url,
            "BRIDGE_ALTINN__AUTH__CLIENT_ID": client.client_id,
            "BRIDGE_ALTINN__AUTH__PRIVATE_KEY": msgspec.json.encode(client.jwk).decode(),
            "BRIDGE_ALTINN__DISCOVERY": "feed",
            "BRIDGE_ALTINN__FEED_START": "earliest",
            "BRIDGE_ALTINN__FIRST_POLL_S": "0.5",
            "BRIDGE_ALTINN__MAX_POLL_S": "2",
            "BRIDGE_ALTINN__GIVE_UP_AFTER_S": str(GIVE_UP_AFTER_S),
            "BRIDGE_ALTINN__MAX_REQUESTS_PER_S": "200",
            "BRIDGE_ALTINN__ORDER_CLOSED_EVENTS": "on",
            "BRIDGE_BROKER__EXCHANGE_ALTINN": self.exchange,
            "BRIDGE_BROKER__QUEUE_ORDERS": self.registrations,
        }

    def begin(self) -> None:
        """Orders are placed from now on: once the bridge is there to see them live."""
        self._altinn.resume_supply()

    async def declare(self, channel: aio_pika.abc.AbstractChannel) -> None:
        """Make the queue of registrations before the bridge is there: what is published to none is gone."""
        await channel.declare_queue(self.registrations, durable=True, arguments={"x-queue-type": "quorum"})

    async def register(self, channel: aio_pika.abc.AbstractChannel) -> None:
        """Tell the bridge of new orders as a service does that has placed them; one in two, as far as they are new."""
        for order in self._altinn.created(after=self._registered):
            self._registered = order.number
            if _is_registered(order):
                body = msgspec.json.encode({"orderId": order.id, "sendersReference": order.senders_reference})
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, self.registrations)

    def arrived(self, event: Mapping[str, Any]) -> None:
        """An event of Altinn's exchange."""
        data = event["data"]
        if event["type"] == "no.altinn.notification.order-closed.v1":
            self.closed.append(ClosedReceived(event_id=event["id"], order_id=data["orderId"], reason=data["reason"]))
            return
        self.statuses.append(
            StatusReceived(
                event_id=event["id"],
                order_id=data["orderId"],
                notification_id=data["notificationId"],
                shown=(data["status"], data["lastUpdate"]),
                data=data,
            )
        )

    def score(self) -> str:
        """How it stands, in a line."""
        changes = len({each.event_id for each in self.statuses})
        ended = len({each.order_id for each in self.closed})
        return (
            f"{self._altinn.state().orders} orders placed, {ended} ended, {changes} changes received, "
            f"{len(self.statuses) - changes} repeats"
        )

    def is_complete(self) -> bool:
        """Whether every order that the bridge was told of has been told to have ended."""
        if not self._altinn.state().supply_finished:
            return False
        told = list(self._told())
        return all(order.is_settled for order in told) and {order.id for order in told} <= {
            each.order_id for each in self.closed
        }

    def prove(self) -> list[Claim]:
        """The claims about Altinn."""
        return prove_altinn([_created(order) for order in self._told()], self.statuses, self.closed)

    def _told(self) -> Iterator[OrderRecord]:
        """The orders that the bridge is told of: those registered, and those in the feed."""
        after = 0
        while page := self._altinn.created(after=after):
            after = page[-1].number
            yield from (order for order in page if _is_registered(order) or order.is_in_feed)


def _is_registered(order: OrderRecord) -> bool:
    return order.number % EVERY_OTHER == 1


def _emails(order: OrderRecord) -> Iterator[Any]:
    return (each for each in order.notifications if each.channel == "Email")


def _created(order: OrderRecord) -> CreatedOrder:
    return CreatedOrder(
        order_id=order.id,
        ended=None if order.ended is None else ENDS[order.ended],
        emails={email.id: [(shown.status, shown.last_update) for shown in email.history] for email in _emails(order)},
    )
