"""What happens to a stream of Altinn's, beyond what happens to every stream (`telemetry`). An order's id is no personal
data: it is logged, but no label.
"""

from bridge.ops.metrics import CLOSED_REASONS, closed
from bridge.ops.telemetry import StreamTelemetry

MAX_STATUS = 60
"""Characters kept of a status that the API made up since; those that are known have at most 34."""
_TROUBLE = {
    "given-up": "was given up: its e-mails were not final in time (ALTINN__GIVE_UP_AFTER_S)",
    "not-found": "was given up: the API has not known it for too long (404)",
}
"""Ends of an order that a person should know of, each as a claim about the order."""


class OrdersTelemetry(StreamTelemetry):
    """Of a stream that polls orders, each at its time."""

    def overdue(self, seconds: float) -> None:
        """How long the oldest order that is due has been so; 0 where none is."""
        self._progress.is_scheduled = True
        self._progress.overdue_since = self._now() - seconds if seconds > 0 else None

    def idle(self) -> None:
        """No order is to be polled now. Where one is due and rests because its polls failed, that is not well yet: a
        success is still waited for.
        """
        if self._progress.overdue_since is None or self._progress.poll.failure is None:
            super().idle()

    def order_missing(self, order_id: str) -> None:
        """The API does not know an order (404); told once an order. It is asked for again until it is given up."""
        self._order_trouble("missing", order_id, "is not known to the API (404)")

    def order_closed(self, order_id: str, reason: str) -> None:
        """An order has ended; `reason`: bridge.checkpoints.ClosedState."""
        reason = closed(reason, CLOSED_REASONS)
        self._metrics.orders_closed.add(1, reason)
        if reason in _TROUBLE:
            self._order_trouble(reason, order_id, _TROUBLE[reason])
        else:
            self._log.debug("order.closed", order_id=order_id, reason=reason)

    def unknown_status(self, status: str) -> None:
        """An e-mail has a status that is not documented; it is published all the same."""
        self._count_anomaly("unknown-status", 1)
        status = status[:MAX_STATUS]
        self._state.note_error(
            "unknown-status",
            f"an e-mail has a status that is not documented: {status}",
            stream=self._progress.name,
            is_latest_of_its_code=True,
        )
        times = self._repeats.due("unknown-status", status, self._now())
        if times is not None:
            self._log.warning("email.unknown-status", status=status, times=times)

    def _order_trouble(self, code: str, order_id: str, claim: str) -> None:
        """Each order has its line in the log; the recent errors show the latest, and count the others."""
        self._state.note_error(
            f"order-{code}", f"order {order_id} {claim}", stream=self._progress.name, is_latest_of_its_code=True
        )
        self._log.warning(f"order.{code}", order_id=order_id, reason=claim)


class RegistrationsTelemetry(StreamTelemetry):
    """Of the stream that reads registrations from a queue: what fails or works there is no request to the API."""

    def received(self, count: int) -> None:
        """So many messages came."""
        self._log.debug("registrations.received", messages=count)
        self._polls_work(is_idle=False)

    def _count_failed_poll(self, outcome: str) -> None:
        """Not among the API's."""
