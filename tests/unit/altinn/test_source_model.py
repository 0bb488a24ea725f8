"""The guarantees of Altinn's orders over all that can come together: G1, G2, G3 and G5 of product.md, on a naive model.

Orders and e-mails that move through any statuses, registrations and feed rows that poke meanwhile, answers that fail or
take their time, a store that fails before or after it stored; the process dies at any moment, between poll, publish,
confirm and commit, and starts again from the store. Each request, publish and commit is checked as it happens; at the
end, where everything is well again, nothing may be left.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.altinn.decode import EmailSummary, Shipment
from bridge.altinn.schedule import PollSchedule
from bridge.checkpoints import AltinnCheckpoint, OrdersPolled
from bridge.delivery import Delivery
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, StoreUnavailable
from bridge.events.message import Message
from bridge.pipeline import Pipeline
from tests.support.altinn_world import OrdersStream, Request, SimulatedEmail, SimulatedOrder, order_id
from tests.support.fake_altinn_store import FakeAltinnStore
from tests.support.observers import Recorder

ORDERS = 3
SCHEDULE = PollSchedule(first_poll_s=5.0, max_poll_s=60.0, give_up_after_s=3000.0)
STATUSES = ("New", "Sending", "Succeeded", "Delivered", "Failed_Bounced", "Failed_Unheard", "Unheard")
FINAL = {"Delivered", "Failed_Bounced", "Failed_Unheard"}
ENDS = {
    "completed": "Order_Completed",
    "cancelled": "Order_Cancelled",
    "condition-not-met": "Order_SendConditionNotMet",
}
ORDER_STATUSES = ("Order_Registered", "Order_Processing", "Order_Processed", *ENDS.values(), "Order_Unheard")
QUIET_S = 160.0
"""Long enough for every back-off."""


@dataclass(frozen=True)
class Step:
    """Something that happens after a while."""

    wait_s: float
    what: str
    order: int = 0
    email: int = 0
    status: int = 0


STEPS = st.builds(
    Step,
    wait_s=st.sampled_from([0.0, 0.0, 0.1, 0.1, 0.7, 0.7, 2.0, 2.0, 7.0, 40.0]),
    what=st.sampled_from(
        ["email"] * 8
        + ["order"] * 4
        + ["watch"] * 3
        + ["poke"] * 2
        + ["crash"] * 4
        + ["reopen", "gone", "malform", "nothing for long"]
    ),
    order=st.integers(0, ORDERS - 1),
    email=st.integers(0, 2),
    status=st.integers(0, 6),
)


class CheckedStore(FakeAltinnStore):
    """Takes its time, fails before or after it stored, and lets the model look at every commit."""

    def __init__(self, play: "Play") -> None:
        super().__init__()
        self._play = play

    async def commit(self, checkpoint: AltinnCheckpoint) -> None:
        trouble = self._play.trouble(["before", "after"]) if isinstance(checkpoint, OrdersPolled) else None
        await self._play.stream.clock.sleep(self._play.dice.choice([0.0, 0.2]))
        if trouble == "before":
            raise StoreUnavailable("told to fail")
        if isinstance(checkpoint, OrdersPolled):
            self._play.check_commit(checkpoint)
        await super().commit(checkpoint)
        if trouble == "after":
            raise StoreUnavailable("told to fail once it was stored")


class SlowDelivery:
    """Messages are published one by one, and confirmed a little later; pages overlap."""

    def __init__(self, play: "Play") -> None:
        self._play = play

    async def deliver(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._play.stream.clock.sleep(self._play.dice.choice([0.0, 0.1]))
            self._play.publish(message)
        await self._play.stream.clock.sleep(self._play.dice.choice([0.0, 0.5]))


class Play:
    """One world, from its first process to the end."""

    def __init__(self, steps: Sequence[Step], seed: int, fault_rate: float) -> None:
        self.steps = steps
        self.dice = random.Random(seed)
        self.fault_rate = fault_rate
        self.store = CheckedStore(self)
        self.stream = OrdersStream(schedule=SCHEDULE, store=self.store, longest_rest_s=30.0)
        self.api = self.stream.api
        self.api.seconds = lambda _request: self.dice.choice([0.01, 0.01, 0.3, 2.0])
        self.api.trouble = self._fail
        self.api.served = self._note
        self.history: dict[str, list[tuple[str, str]]] = {}
        """E-mail → every state that it ever had, in order."""
        self.published: dict[str, list[tuple[str, str]]] = {}
        self.parked: set[str] = set()
        """Orders of which something was parked."""
        self.shown: dict[str, EmailSummary | Shipment | None] = {}
        """`emails <order>`, `shipment <order>` → what was answered last; None: 404."""
        self.standing: dict[str, dict[str, tuple[str, str]]] = {}
        """Order → how its e-mails stood when it was last said how it stands itself."""
        self.updates = 0

    def trouble(self, kinds: Sequence[str]) -> str | None:
        return self.dice.choice(kinds) if self.dice.random() < self.fault_rate else None

    async def to_the_end(self) -> None:
        await self.stream.watch(*range(ORDERS - 1))
        running = self._start()
        for step in self.steps:
            await self.stream.clock.sleep(step.wait_s)
            if step.what == "crash":
                await self._kill(running)
                running = self._start()
            else:
                await self._do(step)
            assert not running.done(), running.exception()
        self.fault_rate = 0.0
        await self.stream.clock.sleep(QUIET_S)
        assert not running.done(), running.exception()
        orders = await self.store.orders(limit=100)
        self._check_end([order.order_id for order in orders if order.due_at is not None])
        await self._kill(running)

    def _start(self) -> asyncio.Task[None]:
        """A process that knows what the store knows."""

        async def live() -> None:
            source = self.stream.source()
            delivery = cast("Delivery", SlowDelivery(self))
            pipeline = Pipeline(source, delivery, self.store, clock=self.stream.clock, observer=cast("Any", Recorder()))
            try:
                await pipeline.run(asyncio.Event())
            finally:
                await source.close()

        return asyncio.create_task(live())

    async def _kill(self, running: asyncio.Task[None]) -> None:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled(), running.exception()

    async def _do(self, step: Step) -> None:
        order = self.api.orders.setdefault(order_id(step.order), SimulatedOrder("Order_Registered"))
        match step.what:
            case "email":
                self._move(order, step)
            case "malform":
                for each in order.emails[step.email :]:
                    each.changes = {} if each.changes else {"succeeded": "?"}
            case "order":
                order.status = ORDER_STATUSES[step.status]
            case "gone":
                del self.api.orders[order_id(step.order)]
            case "nothing for long":
                await self.stream.clock.sleep(950.0)
            case "poke":
                await self.stream.poke(step.order)
            case _:
                await self.stream.watch(step.order, reopens=step.what == "reopen")

    def _move(self, order: SimulatedOrder, step: Step) -> None:
        """An e-mail is made, or changes."""
        self.updates += 1
        state = (STATUSES[step.status], f"2026-04-14T06:00:00.{self.updates:06}Z")
        if step.email >= len(order.emails):
            order.emails.append(SimulatedEmail(f"{step.order}-{len(order.emails)}-{self.updates}", *state))
            moved = order.emails[-1]
        else:
            moved = order.emails[step.email]
            moved.status, moved.last_update = state
        self.history.setdefault(moved.notification_id, []).append(state)

    def _fail(self, request: Request) -> None:
        stored = self.store._memory.orders[request.order_id]
        assert stored.due_at is not None, "an order that has ended is polled"
        assert stored.due_at <= self.stream.epoch_s() + 1e-3, "an order is polled before it is due"
        trouble = self.trouble(["api", "sign-in", "request"])
        if trouble == "api":
            raise SourceUnavailable("told to fail", retry_after_s=self.dice.choice([None, 5.0]))
        if trouble is not None:
            raise {"sign-in": AuthenticationError, "request": RequestRejected}[trouble]("told to fail")
        self.shown[f"{request.kind} {request.order_id}"] = None

    def _note(self, request: Request, answer: EmailSummary | Shipment) -> None:
        self.shown[f"{request.kind} {request.order_id}"] = answer
        if request.kind == "shipment":
            emails = self.api.orders[request.order_id].emails
            self.standing[request.order_id] = {e.notification_id: e.state for e in emails if not e.changes}

    def publish(self, message: Message) -> None:
        """The broker has it now: it has to be a state of its e-mail, none before the last, and say what was before."""
        if message.parked_reason:
            self.parked.add(message.headers["x-parked-detail"].split(":")[0].removeprefix("order "))
            return
        event = json.loads(message.body)
        data, name = event["data"], event["subject"]
        state = (data["status"], data["lastUpdate"])
        assert event["id"] == f"{name}-{data['status']}-{data['lastUpdate']}"
        assert state in self.history[name], "an event is invented"
        before = self.published.setdefault(name, [])
        at = self.history[name].index(state)
        assert not before or self.history[name].index(before[-1]) <= at, "events of an e-mail are out of order"
        stored = self.store._memory.emails.get(data["orderId"], {}).get(name)
        assert data["previousStatus"] == (stored.status if stored else None)
        assert stored is None or (stored.status, stored.last_update) != state, "what is stored is published again"
        before.append(state)

    def check_commit(self, checkpoint: OrdersPolled) -> None:
        """What is to be remembered was published; an order that ends was seen to, with all that it showed published."""
        for order in checkpoint.orders:
            for each in order.emails:
                if each.status == "invalid":
                    assert order.order_id in self.parked
                else:
                    assert (each.status, each.last_update) in self.published[each.notification_id]
            if order.due_at is None:
                self._check_close(order.order_id, order.state)

    def _check_close(self, name: str, state: str) -> None:
        summary, stored = self.shown[f"emails {name}"], self.store._memory.orders[name]
        if stored.due_at is None:
            return  # the same commit again
        if state == "not-found":
            assert summary is None
            assert stored.missing_since is not None
            assert self.stream.epoch_s() - stored.missing_since >= 900.0
            return
        assert isinstance(summary, EmailSummary)
        shown = [each.notification for each in summary.emails]
        for each in shown:
            state_now = (each.send_status.status, each.send_status.last_update)
            assert state_now in self.published[each.id], "an order ends with something unpublished"
        if state == "given-up":
            assert stored.left_registered_at is not None
            assert self.stream.epoch_s() - stored.left_registered_at >= SCHEDULE.give_up_after_s
            return
        shipment = self.shown[f"shipment {name}"]
        assert isinstance(shipment, Shipment)
        assert shipment.status == ENDS[state]
        assert all(each.send_status.status in FINAL for each in shown)
        for each_name, stood in self.standing[name].items():
            known = self.history[each_name]
            assert known.index(self.published[each_name][-1]) >= known.index(stood), "its end was not the last word"

    def _check_end(self, watched: Sequence[str]) -> None:
        """What is shown of open orders is published and remembered; those that have ended are not open any more."""
        for name in watched:
            if (order := self.api.orders.get(name)) is None:
                continue
            remembered = self.store._memory.emails.get(name, {})
            for each in order.emails:
                if each.changes:
                    assert name in self.parked
                    continue
                assert self.published[each.notification_id][-1] == each.state, "something stays unpublished"
                seen = remembered[each.notification_id]
                assert (seen.status, seen.last_update) == each.state
            can_end = all(each.status in FINAL or each.changes for each in order.emails)
            assert not (can_end and order.status in ENDS.values()), "an order never ends"


@pytest.mark.timeout(90)
@settings(max_examples=20)
@given(
    st.lists(STEPS, min_size=20, max_size=60),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.1, 0.3]),
)
@example([], 0, 0.0)
async def test_every_change_that_is_still_shown_is_published_in_order_whatever_happens(
    steps: list[Step], seed: int, fault_rate: float
) -> None:
    await Play(steps, seed, fault_rate).to_the_end()
