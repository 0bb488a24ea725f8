"""Altinn's events as their subscribers see them: the statuses of e-mails, the ends of orders. Pure."""

from collections.abc import Collection, Mapping

import msgspec

from bridge.ops.topic import matches

EMAIL_STATUSES = (
    "new",
    "sending",
    "succeeded",
    "delivered",
    "failed",
    "failed-recipient-reserved",
    "failed-recipient-not-identified",
    "failed-invalid-email-format",
    "failed-supressed-recipient",
    "failed-bounced",
    "failed-filtered-spam",
    "failed-quarantined",
    "failed-ttl",
    "failed-transient-error",
    "failed-invalid-sas-url",
    "failed-payload-too-large",
)
"""Of a routing key (product.md §4), from EmailNotificationResultType of Altinn/altinn-notifications: `supressed` is how
Altinn writes it.
"""
CLOSINGS = ("completed", "cancelled", "condition-not-met", "given-up", "not-found")
LATER = "a-status-that-altinn-adds-later"
"""Stands for all that are not known yet: the list has grown before."""


class StatusEvents(msgspec.Struct, frozen=True):
    """All that is published to the exchange of Altinn's events."""

    with_closings: bool
    """ALTINN__ORDER_CLOSED_EVENTS."""
    name = "Altinn"

    @property
    def sample_keys(self) -> list[str]:
        """Every routing key that is known, and one that is not."""
        closings = [f"order-closed.{closing}" for closing in CLOSINGS] if self.with_closings else []
        return [*(f"email-status.{status}" for status in (*EMAIL_STATUSES, LATER)), *closings]

    def all(self) -> str:
        """All of them, in words."""
        return "email-status.*, order-closed.*" if self.with_closings else "email-status.*"

    def unbound(self, patterns: Collection[str]) -> Mapping[str, int]:
        """Routing key → 1, where no pattern takes it."""
        return {key: 1 for key in self.sample_keys if not any(matches(pattern, key) for pattern in patterns)}

    def listed(self, counts: Mapping[str, int]) -> str:
        """The routing keys; all of one event as one pattern."""
        told: list[str] = []
        for event in ("email-status", "order-closed"):
            of_event = [key for key in self.sample_keys if key.startswith(f"{event}.")]
            missing = [key for key in of_event if key in counts]
            told += [f"{event}.*"] if missing and missing == of_event else missing
        return ", ".join(told)

    def fix(self, counts: Mapping[str, int]) -> str:
        """What a person does about those without a queue."""
        event = next(iter(counts)).partition(".")[0]
        return f"Bind a queue for them (e.g. `{event}.#`), even one that only keeps what nobody else wants."
