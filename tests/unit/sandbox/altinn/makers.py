"""A simulation in virtual time, and what its answers say."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.lives import EmailLife, Pace
from bridge.sandbox.altinn.queries import FeedQuery
from bridge.sandbox.altinn.records import AltinnPlan, OrderRecord, OrderWish
from bridge.sandbox.altinn.simulation import AltinnSimulation
from tests.support.clock import FakeClock

START = datetime(2026, 2, 4, 11, 30, tzinfo=UTC)
A_DAY_S = 86_400.0


class World:
    """Orders that nobody but the test creates, unless `plan` says so."""

    def __init__(self, *, seed: int = 1, start: datetime = START, **plan: Any) -> None:
        self.clock = FakeClock(start=start)
        self.notices: list[str] = []
        self.altinn = AltinnSimulation(
            self.clock, seed=seed, plan=AltinnPlan(**{"late_share": 0.0, **plan}), on_notice=self.notices.append
        )

    def create(self, *lives: str, **wish: Any) -> OrderRecord:
        """One order; `lives` are those of its e-mails."""
        named = tuple(EmailLife(life) for life in lives)
        return self.altinn.create(OrderWish(email_lives=named, **wish))[0]

    def emails(self, order: OrderRecord, rule: AltinnFaultRule | None = None) -> dict[str, Any]:
        """What the endpoint of e-mails answers."""
        answer = self.altinn.emails(order.id, "ttd", rule)
        assert answer is not None
        body: dict[str, Any] = msgspec.json.decode(answer.body)
        return body

    def shipment(self, order: OrderRecord) -> dict[str, Any]:
        """What the endpoint of shipments answers."""
        answer = self.altinn.shipment(order.id, "ttd")
        assert answer is not None
        body: dict[str, Any] = msgspec.json.decode(answer.body)
        return body

    def feed(self, *, organisation: str = "ttd", **query: Any) -> list[dict[str, Any]]:
        """What the feed answers."""
        rows: list[dict[str, Any]] = msgspec.json.decode(self.altinn.feed(FeedQuery(**query), organisation).body)
        return rows

    def statuses(self, order: OrderRecord) -> list[str]:
        """Of its only e-mail, from the first to the last so far."""
        (email,) = self.altinn.order(order.id).notifications
        return [shown.status for shown in email.history]

    def order_statuses(self, order: OrderRecord) -> list[str]:
        """Its own, from the first to the last so far."""
        return [shown.status for shown in self.altinn.order(order.id).history]


QUICK = Pace(factor=0.001, expiry_s=0.1)
"""Whole lives in less than a second."""
