"""One order and all that becomes of it: its own steps, and those of each e-mail and SMS. Pure; times are ticks."""

from dataclasses import dataclass

from bridge.sandbox.altinn.recipients import Recipient, recipient
from bridge.sandbox.altinn.statuses import Channel, OrderStatus, is_pending
from bridge.sandbox.altinn.timeline import Step, append, current

_ENDS = frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.CONDITION_NOT_MET})


@dataclass(slots=True)
class Notification:
    """One e-mail or SMS."""

    channel: Channel
    random: bytes
    """16 bytes that make its id."""
    number: int
    """Makes its recipient."""
    steps: list[Step]
    given: Recipient | None = None
    """Its recipient, where it is not made up."""
    rendered: tuple[Step, bytes] | None = None
    """A step and how it was last written, so that an order of thousands is not written anew at every poll."""

    @property
    def id(self) -> str:
        """UUID."""
        return uuid(self.random)

    @property
    def recipient(self) -> Recipient:
        """Made up, it has no address where its first status says that Altinn found none."""
        return self.given or recipient(self.channel, self.number, self.steps[0].status)

    def final_at(self) -> int | None:
        """Since when it is, or will be, final for good, though perhaps in another way later; None: never."""
        at = None
        for step in reversed(self.steps):
            if is_pending(step.status):
                break
            at = step.at
        return at


@dataclass(slots=True)
class Story:
    """All steps of an order and its notifications, those to come included."""

    order_id: str
    senders_reference: str | None
    requested_at: int
    steps: list[Step]
    notifications: list[Notification]
    late_by: int | None
    """Ticks that its row in the feed comes late by; None: it does not."""

    def generated_at(self) -> int | None:
        """When its notifications are there; None: never."""
        return next((step.at for step in self.steps if step.status == OrderStatus.PROCESSED), None)

    def shown(self, now: int) -> list[Notification]:
        """Its notifications as far as there are any by then."""
        at = self.generated_at()
        return self.notifications if at is not None and at <= now else []

    def end(self) -> tuple[OrderStatus, int] | None:
        """How and when it ends; None: never."""
        last = self.steps[-1]
        return (OrderStatus(last.status), last.at) if last.status in _ENDS else None

    def settle(self, digits: int, start_at: int) -> None:
        """Say anew when it is complete: as soon as no notification is pending. For the rest see `append`."""
        if self.steps[-1].status == OrderStatus.COMPLETED:
            self.steps.pop()
        at = self.generated_at()
        if at is None:
            return
        for notification in self.notifications:
            final_at = notification.final_at()
            if final_at is None:
                return
            at = max(at, final_at)
        append(self.steps, OrderStatus.COMPLETED, at, digits, start_at)

    def is_settled(self, now: int) -> bool:
        """Whether nothing changes any more by itself."""
        lines = [self.steps, *(notification.steps for notification in self.notifications)]
        return all(steps[-1].at <= now for steps in lines)


def at_that_time(story: Story, now: int) -> tuple[Step, list[tuple[Notification, Step]]]:
    """The order's step then, and that of each notification which is there."""
    return current(story.steps, now), [(each, current(each.steps, now)) for each in story.shown(now)]


def uuid(random: bytes) -> str:
    """16 bytes as a UUID of version 4."""
    digits = random.hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
