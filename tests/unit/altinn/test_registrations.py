"""The source of registrations: what becomes of each message, and when it is acknowledged."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from bridge.altinn.registrations import RegistrationSource
from bridge.checkpoints import AltinnCheckpoint, Registration, WatchOrders
from bridge.delivery import Delivery
from bridge.errors import BrokerUnavailable, InvariantViolation, StoreUnavailable
from bridge.events.message import Message
from bridge.pipeline import Pipeline
from bridge.ports import Delivered
from tests.support.clock import FakeClock
from tests.support.fake_broker import FakeBroker
from tests.support.fake_inbox import FakeInbox
from tests.support.observers import Recorder

A, B, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
AT = 1_776_146_400.0
"""The clock's start, 2026-04-14T06:00:00Z."""


def body(order_id: str, **fields: object) -> bytes:
    return json.dumps({"orderId": order_id, **fields}).encode()


def watch(*orders: Registration) -> WatchOrders:
    return WatchOrders(stream="altinn/registrations", orders=orders, at=AT, reopens=True)


class Subject:
    """The source on a fake inbox."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.observer = Recorder()
        self.clock = FakeClock()
        self.source = RegistrationSource(
            self.inbox, parked_exchange="bridge.parked", clock=self.clock, observer=self.observer
        )


class TestABatch:
    async def test_it_has_all_that_the_queue_has(self) -> None:
        subject = Subject()
        subject.inbox.publish(body(A), body(B, sendersReference="17"))

        batch = await subject.source.next()

        assert batch.checkpoint == watch(Registration(order_id=A), Registration(order_id=B, senders_reference="17"))
        assert batch.messages == ()
        assert (batch.cursor, batch.caught_up) == (None, True)

    async def test_an_order_that_comes_twice_is_watched_once_with_what_either_message_knows(self) -> None:
        subject = Subject()
        subject.inbox.publish(
            body(A, sendersReference="first"),
            body(B),
            body(A.upper(), sendersReference="second", requestedSendTime="2026-04-14T06:00:00Z"),
        )

        batch = await subject.source.next()

        assert batch.checkpoint == watch(
            Registration(order_id=A, senders_reference="first", requested_send_time=1_776_146_400.0),
            Registration(order_id=B),
        )

    async def test_a_bad_one_is_parked_whole_and_the_others_are_watched(self) -> None:
        subject = Subject()
        subject.inbox.publish(body(A))
        subject.inbox.put(
            Delivered(
                body=b'{"orderId":"kari@nordmann.no"}',
                content_type="text/plain",
                exchange="orders",
                routing_key="placed",
                channel=0,
                tag=0,
            )
        )
        subject.inbox.publish(body(B))

        batch = await subject.source.next()

        assert batch.checkpoint == watch(Registration(order_id=A), Registration(order_id=B))
        assert batch.messages == (
            Message(
                id="4b4e1e30121fb4f89d278abad4c31e1cb66eb84eacd89bec1765ef5d494f47e9",
                source="altinn",
                event="invalid",
                type="no.altinn.invalid",
                exchange="bridge.parked",
                routing_key="",
                body=b'{"orderId":"kari@nordmann.no"}',
                content_type="text/plain",
                headers={
                    "x-parked-reason": "registration-invalid",
                    "x-parked-at": "2026-04-14T06:00:00+00:00",
                    "x-original-exchange": "orders",
                    "x-original-routing-key": "placed",
                    "x-parked-detail": "Invalid UUID - at `$.orderId`",
                },
                parked_reason="registration-invalid",
            ),
        )

    async def test_of_one_that_is_too_large_what_the_inbox_kept_is_parked(self) -> None:
        subject = Subject()
        subject.inbox.put(Delivered(body=b'{"sha256":"..."}', is_whole=False, channel=0, tag=0))

        batch = await subject.source.next()

        (parked,) = batch.messages
        assert (parked.body, parked.content_type) == (b'{"sha256":"..."}', "application/json")
        assert parked.headers["x-parked-detail"] == "over 1048576 bytes: only its hash is kept"
        assert batch.checkpoint == watch()

    async def test_it_is_told_that_the_source_waits_and_what_came(self) -> None:
        subject = Subject()
        receiving = asyncio.create_task(subject.source.next())
        await settle()
        assert subject.observer.told == [("idle", (), {})]

        subject.inbox.publish(b"", b"")
        await receiving

        assert subject.observer.told == [("idle", (), {}), ("received", (2,), {})]


class TestAcknowledging:
    async def test_only_what_is_committed_is_acknowledged_in_order(self) -> None:
        subject = Subject()
        subject.inbox.publish(body(A), b"bad")
        first = await subject.source.next()
        subject.inbox.publish(body(B))
        second = await subject.source.next()
        assert subject.inbox.acknowledged == []

        await subject.source.committed(first)
        assert subject.inbox.acknowledged == [body(A), b"bad"]

        await subject.source.committed(second)
        assert subject.inbox.acknowledged == [body(A), b"bad", body(B)]

    async def test_batches_that_are_committed_out_of_order_are_a_defect_and_nothing_is_acknowledged(self) -> None:
        subject = Subject()
        subject.inbox.publish(body(A))
        await subject.source.next()
        subject.inbox.publish(body(A))
        second = await subject.source.next()

        with pytest.raises(InvariantViolation):
            await subject.source.committed(second)

        assert subject.inbox.acknowledged == []

    async def test_after_a_lost_subscription_the_old_deliveries_are_not_acknowledged_and_come_again(self) -> None:
        subject = Subject()
        subject.inbox.publish(body(A))
        before = await subject.source.next()
        subject.inbox.lose()
        with pytest.raises(BrokerUnavailable):
            await subject.source.next()
        again = await subject.source.next()

        await subject.source.committed(before)
        assert subject.inbox.acknowledged == []
        await subject.source.committed(again)

        assert again.checkpoint == before.checkpoint == watch(Registration(order_id=A))
        assert subject.inbox.acknowledged == [body(A)]

    async def test_closing_closes_the_inbox(self) -> None:
        subject = Subject()
        await subject.source.close()
        assert subject.inbox.is_closed


async def test_where_nothing_can_be_received_it_does_not_say_that_it_waits() -> None:
    subject = Subject()
    subject.inbox.unavailable = 1

    with pytest.raises(BrokerUnavailable):
        await subject.source.next()

    assert subject.observer.told == []


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(200):
        await asyncio.sleep(0)


class Flow:
    """The source in its pipeline, with a delivery on a fake broker, and a store that notes what it is asked."""

    def __init__(self) -> None:
        self.subject = Subject()
        self.broker = FakeBroker()
        self.stop = asyncio.Event()
        self.stored: list[AltinnCheckpoint] = []
        self.store_failures = 0
        self.store_works = asyncio.Event()
        self.store_works.set()
        delivery = Delivery(
            self.broker,
            clock=self.subject.clock,
            observer=self.subject.observer,
            unroutable="park",
            parked_exchange="bridge.parked",
            parked_limit=100,
        )
        pipeline = Pipeline(
            self.subject.source, delivery, self, clock=self.subject.clock, observer=self.subject.observer
        )
        self.running = asyncio.create_task(pipeline.run(self.stop))

    async def commit(self, checkpoint: AltinnCheckpoint) -> None:
        await self.store_works.wait()
        if self.store_failures:
            self.store_failures -= 1
            raise StoreUnavailable("disk full")
        self.stored.append(checkpoint)

    @property
    def acknowledged(self) -> Sequence[bytes]:
        return self.subject.inbox.acknowledged

    async def end(self) -> None:
        self.stop.set()
        await self.running


class TestInThePipeline:
    async def test_a_registration_is_acknowledged_once_it_is_stored_and_not_before(self) -> None:
        flow = Flow()
        flow.store_works.clear()
        flow.subject.inbox.publish(body(A))
        await settle()
        assert flow.acknowledged == []

        flow.store_works.set()
        await settle()

        assert flow.stored == [watch(Registration(order_id=A))]
        assert flow.acknowledged == [body(A)]
        await flow.end()

    async def test_a_commit_that_fails_is_repeated_and_only_then_acknowledged(self) -> None:
        flow = Flow()
        flow.store_failures = 3
        flow.subject.inbox.publish(body(A))
        await settle()

        assert flow.stored == [watch(Registration(order_id=A))]
        assert flow.acknowledged == [body(A)]
        assert flow.subject.observer.names().count("commit_failed") == 3
        await flow.end()

    async def test_a_bad_one_is_acknowledged_once_its_parked_copy_is_confirmed_and_not_before(self) -> None:
        flow = Flow()
        flow.broker.hold()
        flow.subject.inbox.publish(b"bad")
        await settle()
        assert [(sent.exchange, sent.body) for sent in flow.broker.tried] == [("bridge.parked", b"bad")]
        assert flow.acknowledged == []

        flow.broker.release()
        await settle()

        assert flow.acknowledged == [b"bad"]
        await flow.end()

    async def test_a_batch_of_only_bad_ones_passes(self) -> None:
        flow = Flow()
        flow.subject.inbox.publish(*[b"bad %d" % number for number in range(100)])
        await settle()

        assert len(flow.broker.arrived) == 100
        assert len(flow.acknowledged) == 100
        assert not flow.subject.inbox.waiting
        await flow.end()

    async def test_where_receiving_fails_it_is_tried_again_and_told(self) -> None:
        flow = Flow()
        flow.subject.inbox.unavailable = 2
        flow.subject.inbox.publish(body(A))
        await settle()

        assert flow.acknowledged == [body(A)]
        assert flow.subject.observer.names()[:2] == ["poll_failed", "poll_failed"]
        await flow.end()

    async def test_asked_to_stop_it_finishes_what_it_has_and_leaves_the_rest(self) -> None:
        flow = Flow()
        flow.store_works.clear()
        flow.subject.inbox.publish(body(A))
        await settle()
        flow.stop.set()
        await settle()
        flow.subject.inbox.publish(body(B))
        flow.store_works.set()
        await flow.end()

        assert flow.acknowledged == [body(A)]
        assert [each.body for each in flow.subject.inbox.waiting] == [body(B)]
