"""Altinn Notifications as one object without a network: which orders there are, what became of them, what goes wrong.

The HTTP handlers, the control endpoint and tests in the same process all use this. Time comes from a clock alone, so
the same seed and the same times give the same lives. Nothing runs between two calls: each call first creates the
orders that have become due and ends those that have ended.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence

import msgspec

from bridge.ports import Clock
from bridge.sandbox.altinn import documents
from bridge.sandbox.altinn.documents import Answer
from bridge.sandbox.altinn.faults import AltinnFaultRule, AltinnFaults, Endpoint
from bridge.sandbox.altinn.lives import EMAIL_PATHS, OrderLife
from bridge.sandbox.altinn.orders import Orders
from bridge.sandbox.altinn.queries import FeedQuery, parse_id
from bridge.sandbox.altinn.records import ORGANISATION, AltinnPlan, AltinnRequest, AltinnState, OrderRecord, OrderWish
from bridge.sandbox.altinn.teller import ANY, Wish
from bridge.sandbox.altinn.timeline import Calendar, ticks
from bridge.sandbox.faults import ActiveFault
from bridge.sandbox.supply import Supply

REQUESTS_KEPT = 50
_PORTION = 2000
"""At most so many orders are created in one call, so that a long pause does not block the server."""


class AltinnSimulation:
    """Altinn's orders. `on_notice` is told, in a sentence, what an onlooker wants to know."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int,
        plan: AltinnPlan,
        faults: Sequence[AltinnFaultRule] = (),
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises ValueError where `plan.supply.total` is more than `plan.max_orders`, the plan has no lives, or a fault
        is none of Altinn's.
        """
        if (plan.supply.total or 0) > plan.max_orders:
            raise ValueError(f"{plan.max_orders} orders are kept: a total of {plan.supply.total} would lose the first")
        self._clock = clock
        self._started_s = clock.monotonic()
        self._calendar = Calendar(clock.now())
        self._orders = Orders(seed=seed, plan=plan, calendar=self._calendar)
        self._faults = AltinnFaults(seed)
        self._statuses: Counter[str] = Counter()
        self._recent: deque[AltinnRequest] = deque(maxlen=REQUESTS_KEPT)
        self._told = ""
        self._notice: Callable[[str], None] = lambda _: None
        for rule in faults:
            self.add_fault(rule)
        self._supply = Supply(plan.supply, clock.monotonic())
        if plan.supply.rate_per_s is None:
            while self._catch_up():
                pass
        self._notice = on_notice  # from here on: what was there at the start is no news

    # What the control endpoint offers.

    def create(self, wanted: OrderWish) -> list[OrderRecord]:
        """Create orders now, whatever the supply does. Raises ValueError where a wish contradicts itself."""
        wish = _wish_of(wanted)
        now = self._catch_up_to_now()
        first = self._orders.created + 1
        for _ in range(wanted.count):
            self._orders.add(now, wish, wanted.organisation)
        return list(self._orders.records(first, wanted.count, self._catch_up_to_now()))

    def move(self, order_id: str, notification_id: str, status: str) -> OrderRecord:
        """Give one e-mail or SMS this status now; what else would have become of it does not.

        Any text is taken. Raises Unknown where there is no such notification, as yet or at all.
        """
        self._orders.move(order_id, notification_id, status, self._catch_up_to_now())
        return self.order(order_id)

    def cancel(self, order_id: str) -> OrderRecord:
        """Cancel an order now. Raises Unknown, and ValueError where it is not Registered any more."""
        self._orders.cancel(order_id, self._catch_up_to_now())
        return self.order(order_id)

    def add_fault(self, rule: AltinnFaultRule) -> ActiveFault[AltinnFaultRule]:
        """Switch a fault on. Raises ValueError for one that Altinn's API does not have here, or an id that is none."""
        if rule.order_id is not None:
            rule = msgspec.structs.replace(rule, order_id=parse_id(rule.order_id))
        return self._faults.add(rule, self._clock.monotonic())

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Switch one fault off, or all; returns how many were on."""
        return self._faults.clear(fault_id)

    def faults(self) -> list[ActiveFault[AltinnFaultRule]]:
        """Those that are on."""
        return self._faults.active(self._clock.monotonic())

    def pause_supply(self) -> None:
        """Create nothing more by itself until `resume_supply`; lives go on."""
        self._catch_up()
        self._supply.pause(self._clock.monotonic())

    def resume_supply(self) -> None:
        self._supply.resume(self._clock.monotonic())

    def created(self, after: int = 0, limit: int = 1000) -> list[OrderRecord]:
        """The orders behind number `after` as they stand now, oldest first; forgotten ones are not there any more."""
        first = max(after, self._orders.forgotten) + 1
        return list(self._orders.records(first, limit, self._catch_up_to_now()))

    def order(self, order_id: str) -> OrderRecord:
        """One order as it stands now. Raises Unknown."""
        return self._orders.record(order_id, self._catch_up_to_now())

    def state(self) -> AltinnState:
        """Counts, what is switched on, and the last requests."""
        self._catch_up()
        return AltinnState(
            orders=self._orders.created,
            forgotten=self._orders.forgotten,
            ended=dict(self._orders.ended),
            last_sequence_number=self._orders.last_sequence_number,
            supply_paused=self._supply.is_paused,
            supply_finished=self._supply.is_finished,
            requests=self._statuses.total(),
            statuses=dict(self._statuses),
            faults=self.faults(),
            recent_requests=list(self._recent),
        )

    # What the HTTP handlers need.

    def fault_for(self, endpoint: Endpoint, order_id: str | None) -> AltinnFaultRule | None:
        """The fault that this request meets; it is then used up once. `order_id` None: the feed."""
        return self._faults.for_request(endpoint, order_id, self._clock.monotonic())

    def emails(self, order_id: str, organisation: str, rule: AltinnFaultRule | None = None) -> Answer | None:
        """The e-mails of an order; None where it is not there, or another's."""
        self._catch_up()
        story = self._orders.find(order_id, organisation)
        return None if story is None else documents.emails(story, self._now(), self._calendar, rule)

    def shipment(self, order_id: str, organisation: str, rule: AltinnFaultRule | None = None) -> Answer | None:
        """An order with all that it sent; None where it is not there, or another's."""
        self._catch_up()
        story = self._orders.find(order_id, organisation)
        return None if story is None else documents.shipment(story, self._now(), self._calendar, rule)

    def feed(self, query: FeedQuery, organisation: str, rule: AltinnFaultRule | None = None) -> Answer:
        """What the status feed shows to an organisation."""
        self._catch_up()
        return documents.feed(self._orders.feed(query, organisation, self._now()), self._calendar, rule)

    def record(self, request: AltinnRequest) -> None:
        """Remember what became of a request."""
        if not self._statuses:
            self._tell("The first request to Altinn's API arrived.")
        self._statuses[request.status] += 1
        self._recent.append(request)
        if request.errors:
            self._tell(f"Altinn's API answered {request.status}: {' '.join(request.errors)}")
        elif request.fault is not None:
            self._tell(f"Fault {request.fault.value} met a request to Altinn's API.")

    def request_number(self) -> int:
        """Of the request that is about to be answered, from 1."""
        return self._statuses.total() + 1

    def _now(self) -> int:
        return ticks(self._clock.monotonic() - self._started_s)

    def _catch_up(self) -> bool:
        """Create what the supply has made due since the last call, and end what has ended; whether more was created."""
        now_s = self._clock.monotonic()
        due = self._supply.take(now_s, _PORTION)
        now = until = ticks(now_s - self._started_s)
        for seconds_ago in due:
            until = round((now_s - self._started_s - seconds_ago) * 1_000_000) * 10
            self._orders.add(until, ANY, ORGANISATION)
        # While orders are still to be created, what ends after their creation must wait: numbers are given in order.
        self._orders.end_until(until if len(due) == _PORTION else now)
        if due and self._supply.is_finished:
            self._tell(f"The supply is finished: {self._orders.created} orders were created.")
        return bool(due)

    def _catch_up_to_now(self) -> int:
        while self._catch_up():
            pass
        return self._now()

    def _tell(self, notice: str) -> None:
        """Once, however often it happens in a row."""
        if notice != self._told:
            self._told = notice
            self._notice(notice)


def _wish_of(wanted: OrderWish) -> Wish:
    """Raises ValueError where it contradicts itself."""
    if wanted.email_lives and wanted.email_paths:
        raise ValueError("email_lives and email_paths exclude each other")
    paths = wanted.email_paths or tuple(EMAIL_PATHS[life] for life in wanted.email_lives)
    if not all(paths):
        raise ValueError("a path needs a status")
    emails = (max(len(paths), len(wanted.recipients)) or None) if wanted.emails is None else wanted.emails
    life = wanted.life
    if life is None and (emails is not None or wanted.sms is not None):
        life = OrderLife.ORDINARY
    return Wish(
        life=life,
        emails=emails,
        email_paths=paths,
        recipients=wanted.recipients,
        sms=wanted.sms,
        senders_reference=wanted.senders_reference,
        requested_in_s=wanted.requested_in_s,
        is_processed=wanted.is_processed,
        late_by_s=wanted.late_by_s,
    )
