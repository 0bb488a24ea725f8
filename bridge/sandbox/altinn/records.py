"""What is told to and by Altinn's simulation, over the control endpoint and in the same process alike. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bridge.sandbox.altinn.faults import AltinnFaultRule, Endpoint
from bridge.sandbox.altinn.lives import DEFAULT_EMAIL_LIVES, DEFAULT_ORDER_LIVES, EmailLife, OrderLife, Pace
from bridge.sandbox.altinn.recipients import Recipient
from bridge.sandbox.faults import ActiveFault, FaultKind
from bridge.sandbox.supply import SupplyPlan

ORGANISATION = "ttd"
"""Altinn's code for a test service owner: who asks where nobody signs in."""
DEFAULT_MAX_ORDERS = 200_000
"""About 150 MB once they have ended. Beyond it the oldest tenth is forgotten, and its rows in the feed."""

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Emails = Annotated[int, msgspec.Meta(ge=0, le=20_000)]


class AltinnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders come by themselves, and what their lives are like."""

    supply: SupplyPlan = SupplyPlan()
    """Of orders; as it is, none."""
    pace: Pace = Pace()
    order_lives: Mapping[OrderLife, int] = DEFAULT_ORDER_LIVES
    """How often each comes, relative to the others."""
    email_lives: Mapping[EmailLife, int] = DEFAULT_EMAIL_LIVES
    feed_delay_s: _Seconds = 2.0
    """So much older a row must be before the feed shows it."""
    late_share: _Share = 0.02
    """Of the rows become visible only after some with higher numbers."""
    late_by_s: _Seconds = 10.0
    """So much later."""
    max_orders: Annotated[int, msgspec.Meta(ge=10)] = DEFAULT_MAX_ORDERS


class OrderWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders wanted now."""

    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    life: OrderLife | None = None
    """None: drawn, but ordinary where e-mails or SMS are wished for."""
    emails: _Emails | None = None
    """E-mails an order; None: as many as lives or recipients are wished for, else drawn."""
    email_lives: tuple[EmailLife, ...] = ()
    """Of its e-mails, in turn; none: drawn."""
    email_paths: tuple[tuple[str, ...], ...] = ()
    """Or the statuses, any text, that its e-mails pass through, in turn."""
    recipients: tuple[Recipient, ...] = ()
    """Of its e-mails, in turn; none: made up."""
    sms: _Emails | None = None
    """SMS an order; None: drawn."""
    senders_reference: str | None = None
    """None: drawn; one order in eight has none."""
    requested_in_s: _Seconds | None = None
    """Seconds until its requested time; None: none, or as the life says."""
    is_processed: bool = False
    """Its notifications are there at once."""
    late_by_s: _Seconds | None = None
    """Its row in the feed becomes visible so much later than it should."""
    organisation: str = ORGANISATION
    """Whose; all others get 404 for it."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A status that the API has shown, or would have if it had been asked."""

    status: str
    """As the endpoint of e-mails writes it; of an SMS or an order as the shipment does."""
    last_update: str
    """As the API writes it."""


class NotificationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One e-mail or SMS as a checker needs it."""

    id: str
    channel: str
    recipient: Recipient
    history: list[Shown]
    """Up to now, oldest first, no two alike; the last is what the API shows."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One order as a checker needs it."""

    number: int
    """Of its creation, from 1."""
    id: str
    organisation: str
    senders_reference: str | None
    requested_send_time: str
    """As whoever placed the order would write it."""
    history: list[Shown]
    """Its own statuses."""
    notifications: list[NotificationRecord]
    """Those that are there."""
    ended: str | None
    """`Completed`, `Cancelled` or `SendConditionNotMet`; None: not yet, or never."""
    is_settled: bool
    """Whether nothing changes any more by itself; an order that is stuck is settled, too."""
    sequence_number: int | None
    """Of its row in the feed; None: it has none, as yet or for ever."""
    is_in_feed: bool
    """Whether the feed shows that row by now."""


class AltinnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    at: datetime
    status: str
    """`200`, …, or `none`."""
    endpoint: Endpoint
    order_id: str | None = None
    """None: the feed, or an id that is none."""
    seq: int | None = None
    """Of the feed."""
    errors: tuple[str, ...] = ()
    """The rules that it broke."""
    fault: FaultKind | None = None
    items: int = 0
    """Notifications, recipients or rows in the answer; 0 where what was sent is not the right answer."""


class AltinnState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the simulation stands."""

    orders: int
    """Created so far."""
    forgotten: int
    ended: dict[str, int]
    """By how."""
    last_sequence_number: int
    """The highest that the feed has given away, 0 before the first."""
    supply_paused: bool
    supply_finished: bool
    requests: int
    statuses: dict[str, int]
    faults: list[ActiveFault[AltinnFaultRule]]
    recent_requests: list[AltinnRequest]
    """The last 50, oldest first."""
