"""One stream of watched orders as a Source: those that are due are polled, several at a time, as they become due.

    due orders -> polls under way -> polls done -> what was published of them -> verdicts -> messages + checkpoint

An order is in hand from the moment it is found due until its checkpoint is stored: it is not polled meanwhile, so its
events keep their order. One whose poll fails rests by itself; when polls fail in a row, the whole stream does.
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import Protocol

import msgspec

from bridge.altinn.api import AltinnApi
from bridge.altinn.lifecycle import Observation, Seen, Verdict, conclude
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.poll import poll_order
from bridge.altinn.schedule import PollSchedule
from bridge.checkpoints import AltinnCheckpoint, EmailSeen, OrderPolled, OrdersPolled, WatchedOrder
from bridge.errors import AuthenticationError, TransientError
from bridge.events.message import Message
from bridge.ports import Batch, Clock
from bridge.retry import Backoff

POLLS_AT_A_TIME = 8
"""Requests under way a stream: enough to keep 20 requests a second busy at a slow API, with few connections."""
LOOK_AT_A_TIME = 100
"""Orders that one look at the store brings: it bounds the stream's memory."""
LOOK_S = 1.0
"""Between two looks while nothing is due, at most: how soon a new order is polled."""
GATHER_S = 0.1
"""How long a poll that is done waits for others, so that they share a read and a commit of the store: little next to
the seconds between two polls of an order."""
MAX_MESSAGES = 1000
"""A batch is handed out once it has so many; one order may bring more."""
FAILURES_IN_A_ROW = 3
"""So many failed polls without one that worked are taken for the API's state, not for their orders'."""
ORDER_BACKOFF = Backoff(base_s=2.0, cap_s=300.0)
"""Of one order whose polls fail while others work."""
FORGET_REST_S = 900.0
"""So long after its rest an order that has not been polled again is no longer remembered: it was removed."""


class OrderStore(Protocol):
    """What of the store the source reads. All raise StoreUnavailable."""

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        """At most `limit` orders whose time has come, the longest due first."""
        ...

    async def emails(self, order_ids: Sequence[str]) -> Mapping[str, Mapping[str, EmailSeen]]:
        """Order → notification id → the state that was published last."""
        ...


class OrdersObserver(Protocol):
    """What polling tells to whoever shows it: bridge.ops."""

    def polled(self, *, seconds: float, items: int, full: bool) -> None: ...
    def poll_failed(self, error: TransientError, *, attempt: int) -> None: ...
    def idle(self) -> None: ...
    def overdue(self, seconds: float) -> None: ...
    def anomaly(self, kind: str, count: int) -> None: ...
    def order_missing(self, order_id: str) -> None: ...
    def order_closed(self, order_id: str, reason: str) -> None: ...
    def unknown_status(self, status: str) -> None: ...


class _Done(msgspec.Struct, frozen=True):
    """A poll that worked."""

    order: WatchedOrder
    observation: Observation
    at: float
    """When it began, in seconds since the epoch: it shows all that had changed by then."""


class _Rest(msgspec.Struct, frozen=True):
    """An order whose poll failed."""

    until: float
    """Monotonic second."""
    failures: int
    """Its own, without those of the API."""


class OrdersSource:
    """The batches of one stream of orders."""

    def __init__(
        self,
        stream: str,
        *,
        api: AltinnApi,
        store: OrderStore,
        maker: OrderMessageMaker,
        schedule: PollSchedule,
        clock: Clock,
        observer: OrdersObserver,
        dice: random.Random | None = None,
        backoff: Backoff = ORDER_BACKOFF,
    ) -> None:
        """`dice`: for the jitter. `backoff`: of one order."""
        self._stream = stream
        self._api = api
        self._store = store
        self._maker = maker
        self._schedule = schedule
        self._clock = clock
        self._observer = observer
        self._dice = dice or random.SystemRandom()
        self._backoff = backoff
        self._waiting: deque[WatchedOrder] = deque()
        self._polling: dict[asyncio.Task[_Done], WatchedOrder] = {}
        self._done: deque[_Done] = deque()
        self._in_hand: set[str] = set()
        self._resting: dict[str, _Rest] = {}
        self._failures_in_a_row = 0
        self._looked_at = float("-inf")
        self._look_s = min(LOOK_S, schedule.first_poll_s)

    async def next(self) -> Batch[AltinnCheckpoint]:
        """See ports.Source."""
        until = inf
        while not self._done or self._gathers(until):
            await self._look()
            self._start_polls()
            if self._polling:
                await self._await_polls(self._look_s if until == inf else until - self._clock.monotonic())
            elif not self._done:
                self._observer.idle()
                await self._clock.sleep(self._look_s)
            if self._done:
                until = min(until, self._clock.monotonic() + GATHER_S)
        return await self._batch()

    def _gathers(self, until: float) -> bool:
        """Whether what is done waits for polls under way: not once it is a batch, which bounds the memory."""
        emails = sum(len(done.observation.summary.emails) for done in self._done if isinstance(done.observation, Seen))
        return bool(self._polling) and emails < MAX_MESSAGES and self._clock.monotonic() < until

    async def committed(self, batch: Batch[AltinnCheckpoint]) -> None:
        """Its orders are out of hand; those that have ended are told of, now that it is certain."""
        if not isinstance(batch.checkpoint, OrdersPolled):
            return
        for order in batch.checkpoint.orders:
            self._in_hand.discard(order.order_id)
            if order.due_at is None:
                self._observer.order_closed(order.order_id, order.state)

    async def close(self) -> None:
        """Cut the polls off; what they would have shown is asked for again."""
        polls = list(self._polling)
        for task in polls:
            task.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        self._polling.clear()

    async def _look(self) -> None:
        """Find what is due, unless enough is known to be. Those that failed before come after all others."""
        now = self._clock.monotonic()
        if self._waiting or len(self._polling) >= POLLS_AT_A_TIME or now - self._looked_at < self._look_s:
            return
        at = self._clock.now().timestamp()
        self._resting = {name: rest for name, rest in self._resting.items() if rest.until > now - FORGET_REST_S}
        skipped = len(self._in_hand) + len(self._resting)
        in_hand = set(self._in_hand)  # what is let go of meanwhile may be found as it was before its commit
        found = await self._store.due(self._stream, now=at, limit=LOOK_AT_A_TIME + skipped)
        free = [order for order in found if order.order_id not in in_hand and self._is_free(order.order_id, now)]
        fresh = sorted(free, key=lambda order: order.order_id in self._resting)[:LOOK_AT_A_TIME]
        if len(fresh) < LOOK_AT_A_TIME:
            self._looked_at = now  # there is no more
        self._waiting.extend(fresh)
        self._in_hand.update(order.order_id for order in fresh)
        self._observer.overdue(max((at - (order.due_at or at) for order in found), default=0.0))

    def _is_free(self, order_id: str, now: float) -> bool:
        rest = self._resting.get(order_id)
        return order_id not in self._in_hand and (rest is None or rest.until <= now)

    def _start_polls(self) -> None:
        while self._waiting and len(self._polling) < POLLS_AT_A_TIME:
            order = self._waiting.popleft()
            self._polling[asyncio.create_task(self._poll(order), name=f"poll {order.order_id}")] = order

    async def _poll(self, order: WatchedOrder) -> _Done:
        started, at = self._clock.monotonic(), self._clock.now().timestamp()
        observation = await poll_order(self._api, order.order_id)
        items = len(observation.summary.emails) if isinstance(observation, Seen) else 0
        self._observer.polled(seconds=self._clock.monotonic() - started, items=items, full=False)
        if isinstance(observation, Seen) and observation.trouble is not None:
            self._observer.poll_failed(observation.trouble, attempt=0)
        return _Done(order, observation, at)

    async def _await_polls(self, longest_s: float) -> None:
        """Take in polls that are done, or see after `longest_s` whether more orders are due.

        Raises TransientError where it is the API that fails, and not an order, once nothing is left to hand out.
        """
        moment = asyncio.create_task(self._clock.sleep(max(longest_s, 0.0)), name="moment")
        try:
            await asyncio.wait({moment, *self._polling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moment.cancel()
        trouble: TransientError | None = None
        for task in [task for task in self._polling if task.done()]:
            order = self._polling.pop(task)
            try:
                self._done.append(task.result())
            except TransientError as error:
                trouble = self._fail(order, error) or trouble
            else:
                self._failures_in_a_row = 0
                self._resting.pop(order.order_id, None)
        if trouble is not None and not self._done:
            raise trouble
        if trouble is not None:
            self._observer.poll_failed(trouble, attempt=0)

    def _fail(self, order: WatchedOrder, error: TransientError) -> TransientError | None:
        """Let the order rest; it is due still, and is found again. Returns the error where it is the API that fails:
        the order then rests no longer than it would have, so that all goes on as soon as the API does.
        """
        self._in_hand.discard(order.order_id)
        self._failures_in_a_row += 1
        is_api = isinstance(error, AuthenticationError) or self._failures_in_a_row >= FAILURES_IN_A_ROW
        rest = self._resting.get(order.order_id)
        failures = 0 if rest is None else rest.failures
        delay_s = self._backoff.delay_s(failures, error.retry_after_s)
        self._resting[order.order_id] = _Rest(self._clock.monotonic() + delay_s, failures + (not is_api))
        if is_api:
            return error
        self._observer.poll_failed(error, attempt=failures)
        return None

    async def _batch(self) -> Batch[AltinnCheckpoint]:
        """A batch of the polls that are done. Raises StoreUnavailable; they are then still done."""
        seen = await self._store.emails([done.order.order_id for done in self._done])
        messages: list[Message] = []
        orders: list[OrderPolled] = []
        while self._done and len(messages) < MAX_MESSAGES:
            done = self._done.popleft()
            verdict = conclude(
                done.order,
                seen.get(done.order.order_id, {}),
                done.observation,
                now=done.at,
                schedule=self._schedule,
                dice=self._dice,
            )
            self._tell(verdict)
            messages += self._maker.messages(verdict)
            orders.append(verdict.after)
        return Batch(
            messages=tuple(messages),
            checkpoint=OrdersPolled(stream=self._stream, orders=tuple(orders), at=self._clock.now().timestamp()),
            caught_up=not self._waiting,
        )

    def _tell(self, verdict: Verdict) -> None:
        for kind, count in (("repeated", verdict.changes.repeated), ("malformed", len(verdict.changes.parked))):
            if count:
                self._observer.anomaly(kind, count)
        for status in verdict.unknown_statuses:
            self._observer.unknown_status(status)
        if verdict.after.state == "missing" and verdict.order.missing_since is None:
            self._observer.order_missing(verdict.order.order_id)
