"""What is told to and by the simulation, over the control endpoint and in the same process alike. Pure."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from bridge.sandbox.faults import ActiveFault, FaultKind, FaultRule
from bridge.sandbox.poll import Poll

NO_ANSWER = "none"
"""Stands for the status of a request that was not answered."""


class Creation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notifications wanted now."""

    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    her_ids: tuple[int, ...] = ()
    """In turn; none: those of the supply."""
    types: tuple[str, ...] = ()
    """In turn; none: drawn."""
    fields: dict[str, Any] = {}
    """Shown instead of what was made up; null is shown as null. A given `offset` is only shown: see `position`."""
    omit: tuple[str, ...] = ()
    """Names of fields that are not shown."""
    position: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Position of the first, behind all others so far."""
    fault: FaultRule | None = None
    """Of a notification; none: the rules that are switched on apply."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request for notifications and what became of it."""

    at: datetime
    status: str
    """`200`, …, or `none`."""
    poll: Poll | None
    """What it asked for; None where that was against the rules, or it was not signed as it should be."""
    errors: tuple[str, ...] = ()
    """The rules that it broke."""
    fault: FaultKind | None = None
    items: int = 0
    """Notifications in the page; 0 where what was sent is not a page."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where the simulation stands."""

    created: int
    purged: int
    last_offset: int
    """Highest position so far, 0 before the first."""
    receivers: int
    supply_paused: bool
    supply_finished: bool
    requests: int
    items_served: int
    statuses: dict[str, int]
    faults: list[ActiveFault[FaultRule]]
    recent_requests: list[Request]
    """The last 50, oldest first."""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """One notification as a checker needs it."""

    position: int
    her_id: int
    id: str | None
    """Id of its event; None: the item has none and cannot become an event."""
    offset: int | None
    fault: str | None
    visible: bool
    """False: a late row whose time has not come."""
