"""NHN's API as one object without a network: what was created, what goes wrong, what was asked.

The HTTP handlers, the control endpoint and tests in the same process all use this. Time comes from a clock alone, so
the same seed and the same times give the same notifications. Nothing runs between two calls: each call first creates
what has become due.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from bridge.ports import Clock
from bridge.sandbox import pages
from bridge.sandbox.faults import NHN_FAULTS, NOTIFICATION_FAULTS, ActiveFault, FaultKind, FaultPlan, FaultRule
from bridge.sandbox.feed import DEFAULT_MAX_ROWS, Feed, Row
from bridge.sandbox.items import make_row
from bridge.sandbox.notifications import EXAMPLE_HER_ID, PAGE_EXAMPLE, Composer, Fields
from bridge.sandbox.poll import Poll
from bridge.sandbox.records import Created, Creation, Request, State
from bridge.sandbox.supply import Supply, SupplyPlan

REQUESTS_KEPT = 50
_PORTION = 20_000
"""At most so many notifications are created in one call, so that a long pause does not block the server."""
_LATE_AFTER_POLLS = 2


class NhnSimulation:
    """NHN's notifications for `her_ids`. `on_notice` is told, in a sentence, what an onlooker wants to know."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int,
        her_ids: Sequence[int],
        supply: SupplyPlan,
        faults: Sequence[FaultRule] = (),
        max_rows: int = DEFAULT_MAX_ROWS,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises ValueError where there is no receiver, or `supply.total` would not fit into `max_rows`."""
        if not her_ids:
            raise ValueError("at least one HER-id is needed")
        if (supply.total or 0) > max_rows:
            raise ValueError(f"the log keeps {max_rows} notifications: a total of {supply.total} would lose the first")
        self.her_ids = tuple(her_ids)
        self._clock = clock
        self._feed = Feed(seed=seed, max_rows=max_rows)
        self._composer = Composer(self.her_ids, seed)
        self._faults = FaultPlan(seed)
        self._statuses: Counter[str] = Counter()
        self._recent: deque[Request] = deque(maxlen=REQUESTS_KEPT)
        self._items_served = 0
        self._told = ""
        self._notice: Callable[[str], None] = lambda _: None
        for rule in faults:
            self.add_fault(rule)
        if EXAMPLE_HER_ID in self.her_ids and supply.total != 0:
            self._feed.append(make_row(self._feed.allocate(), EXAMPLE_HER_ID, dict(PAGE_EXAMPLE)))
            if supply.total is not None:
                supply = msgspec.structs.replace(supply, total=supply.total - 1)
        self._supply = Supply(supply, clock.monotonic())
        if supply.rate_per_s is None:
            while self._catch_up():
                pass
        self._notice = on_notice  # from here on: what was there at the start is no news

    # What the control endpoint offers.

    def create(self, wanted: Creation) -> list[Row]:
        """Create notifications now, whatever the supply does. Raises ValueError where a wish cannot be fulfilled."""
        if wanted.fault and wanted.fault.kind not in NOTIFICATION_FAULTS:
            raise ValueError(f"{wanted.fault.kind} is a fault of requests, not of notifications")
        self._catch_up()
        her_ids, types = wanted.her_ids or self.her_ids, wanted.types or (None,)
        rows = []
        for index in range(wanted.count):
            her_id = her_ids[index % len(her_ids)]
            position = self._feed.allocate(wanted.position if index == 0 else None)
            made = self._composer.compose(her_id, self._clock.now(), types[index % len(types)])
            fields = made | {"offset": position} | wanted.fields
            shown = {name: value for name, value in fields.items() if name not in wanted.omit}
            rows.append(self._add(position, her_id, shown, wanted.fault))
        return rows

    def add_fault(self, rule: FaultRule) -> ActiveFault[FaultRule]:
        """Switch a fault on. Raises ValueError for one that NHN's API does not have here."""
        if rule.kind not in NHN_FAULTS:
            raise ValueError(f"{rule.kind} is no fault of NHN's API; there are: {', '.join(NHN_FAULTS)}")
        return self._faults.add(rule, self._clock.monotonic())

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Switch one fault off, or all; returns how many were on."""
        return self._faults.clear(fault_id)

    def faults(self) -> list[ActiveFault[FaultRule]]:
        """Those that are on."""
        return self._faults.active(self._clock.monotonic())

    def pause_supply(self) -> None:
        """Create nothing more by itself until `resume_supply`."""
        self._catch_up()
        self._supply.pause(self._clock.monotonic())

    def resume_supply(self) -> None:
        self._supply.resume(self._clock.monotonic())

    def created(self, after: int = 0, limit: int = 1000) -> list[Created]:
        """What was created behind position `after`, oldest first; what was purged is not there any more."""
        self._catch_up()
        hidden = self._feed.hidden_positions()
        return [
            Created(
                position=row.position,
                her_id=row.her_id,
                id=row.id,
                offset=row.offset,
                fault=row.fault,
                visible=row.position not in hidden,
            )
            for row in self._feed.created(after, limit)
        ]

    def state(self) -> State:
        """Counts, what is switched on, and the last requests."""
        self._catch_up()
        return State(
            created=self._feed.created_total,
            purged=self._feed.purged_total,
            last_offset=self._feed.last_position,
            receivers=len(self.her_ids),
            supply_paused=self._supply.is_paused,
            supply_finished=self._supply.is_finished,
            requests=self._statuses.total(),
            items_served=self._items_served,
            statuses=dict(self._statuses),
            faults=self.faults(),
            recent_requests=list(self._recent),
        )

    # What the HTTP handlers need.

    def fault_for(self, poll: Poll) -> FaultRule | None:
        """The fault that this request meets; it is then used up once."""
        return self._faults.for_request(poll.her_ids, self._clock.monotonic())

    def page(self, poll: Poll, kind: FaultKind | None = None) -> list[Row]:
        """The rows of one page, wrong in the way of `kind` where that is a fault of pages."""
        self._catch_up()
        self._feed.release(self._clock.monotonic())
        rows = pages.rows_for(self._feed, poll, kind)
        self._feed.count_poll(poll.her_ids)
        return rows

    def record(self, request: Request) -> None:
        """Remember what became of a request."""
        if not self._statuses:
            self._tell("The first request for notifications arrived.")
        self._statuses[request.status] += 1
        self._items_served += request.items
        self._recent.append(request)
        if request.errors:
            self._tell(f"Answered {request.status}: {' '.join(request.errors)}")
        elif request.fault is not None:
            self._tell(f"Fault {request.fault.value} met a request.")

    def request_id(self) -> str:
        """For the error that is about to be answered."""
        return f"sandbox-{self._statuses.total() + 1:08d}"

    def _catch_up(self) -> bool:
        """Create what the supply has made due since the last call; whether there was anything."""
        due = self._supply.take(self._clock.monotonic(), _PORTION)
        now = self._clock.now()
        for seconds_ago in due:
            her_id, fields = self._composer.next(now - timedelta(seconds=seconds_ago))
            position = self._feed.allocate()
            self._add(position, her_id, fields | {"offset": position}, None)
        if due and self._supply.is_finished:
            self._tell(f"The supply is finished: {self._feed.created_total} notifications were created.")
        return bool(due)

    def _add(self, position: int, her_id: int, fields: Fields, rule: FaultRule | None) -> Row:
        now_s = self._clock.monotonic()
        rule = rule or self._faults.for_notification(her_id, now_s)
        row = make_row(position, her_id, fields, rule)
        if rule and rule.kind is FaultKind.STICKY_WITHOUT_OFFSET:
            self._feed.stick(row)
        elif rule and rule.kind is FaultKind.LATE_ROW:
            at_s = None if rule.visible_after_s is None else now_s + rule.visible_after_s
            polls = _LATE_AFTER_POLLS if at_s is None and rule.visible_after_polls is None else rule.visible_after_polls
            self._feed.hold(row, visible_at_s=at_s, visible_after_polls=polls)
        else:
            self._feed.append(row)
        return row

    def _tell(self, notice: str) -> None:
        """Once, however often it happens in a row."""
        if notice != self._told:
            self._told = notice
            self._notice(notice)
