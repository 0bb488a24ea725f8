"""Look, release and discard, on a parked queue and a broker in memory whose every answer the test decides."""

import asyncio

import msgspec
import pytest

from bridge.events.parked import Reason, park, park_item
from bridge.parked import work
from bridge.parked.work import Choice, Done, Interrupted, discard, release, survey
from bridge.ports import Outcome
from tests.support.fake_broker import FakeBroker, Loss
from tests.support.fake_inbox import FakeInbox
from tests.unit.parked.test_message import AT, EVENT, delivered

ALL = Choice()


@pytest.fixture(autouse=True)
def _short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SILENCE_S", 0.05)
    monkeypatch.setattr(work, "GONE_S", 0.05)


class World:
    """A parked queue, and the broker that it is on."""

    def __init__(self, *names: str, reason: Reason = "unroutable") -> None:
        self.reader = FakeInbox(prefetch=10_000)
        self.broker = FakeBroker()
        self.steps = 0
        self.in_other_hands = 0
        """So many more are counted than can be taken."""
        self.uncounted = 0
        """So many come just after the count."""
        self.park(*names, reason=reason)

    def park(self, *names: str, reason: Reason = "unroutable") -> None:
        for name in names:
            message = msgspec.structs.replace(EVENT, id=name)
            self.reader.put(delivered(park(message, exchange="bridge.parked", reason=reason, detail="", at=AT)))

    def park_item(self, raw: bytes, reason: Reason = "invalid") -> None:
        parked = park_item(raw, source="nhn", exchange="bridge.parked", reason=reason, detail="", at=AT)
        self.reader.put(delivered(parked))

    async def release(self, choice: Choice = ALL) -> Done:
        return await release(self, self.broker.session, choice, self._step)

    async def discard(self, choice: Choice = ALL) -> Done:
        return await discard(self, choice, self._step)

    async def count(self) -> int:
        return len(self.reader.waiting) + self.in_other_hands - self.uncounted

    def inbox(self) -> FakeInbox:
        return self.reader

    def parked(self) -> list[str]:
        """Ids in the queue, in its order."""
        return [each.id or "" for each in self.reader.waiting]

    def arrived(self) -> list[str]:
        return [message.id for message in self.broker.arrived]

    def _step(self, count: int) -> None:
        self.steps += count


class TestLooking:
    async def test_all_are_counted_by_reason_and_the_first_that_were_chosen_are_shown_without_bodies(self) -> None:
        world = World("a", "b", "c")
        world.park_item(b"raw")
        seen = await survey(world, Choice(reason="unroutable", limit=2))
        assert (seen.total, seen.looked_at, seen.by_reason) == (4, 4, {"unroutable": 3, "invalid": 1})
        assert [(each.id, each.body) for each in seen.chosen] == [("a", b""), ("b", b"")]

    async def test_looking_leaves_everything_in_its_order(self) -> None:
        world = World("a", "b", "c")
        await survey(world, ALL)
        assert (world.parked(), world.reader.acknowledged) == (["a", "b", "c"], [])

    async def test_what_comes_meanwhile_is_not_looked_at(self) -> None:
        world = World("a", "b", "c")
        world.uncounted = 1
        assert (await survey(world, ALL)).looked_at == 2

    async def test_what_is_in_others_hands_is_not_waited_for(self) -> None:
        world = World("a")
        world.in_other_hands = 4
        seen = await survey(world, ALL)
        assert (seen.total, seen.looked_at) == (5, 1)


class TestReleasing:
    async def test_each_goes_to_where_it_should_have_gone_in_the_order_of_parking(self) -> None:
        world = World("a", "b", "c")
        done = await world.release()
        assert [(m.id, m.exchange, m.routing_key, m.body) for m in world.broker.arrived] == [
            (name, EVENT.exchange, EVENT.routing_key, EVENT.body) for name in ("a", "b", "c")
        ]
        assert (done.count, done.unseen, world.parked(), world.steps) == (3, 0, [], 3)

    async def test_nothing_is_acknowledged_before_it_is_confirmed_and_routed(self) -> None:
        world = World("a", "b")
        world.broker.hold()
        releasing = asyncio.create_task(world.release())
        await world.broker.until(lambda: len(world.broker.in_flight) == 2)
        assert world.reader.acknowledged == []
        world.broker.release()
        await releasing
        assert len(world.reader.acknowledged) == 2

    async def test_what_no_queue_is_bound_for_stays_in_its_order_and_is_told(self) -> None:
        world = World("a", "b", "c", "d")
        world.broker.script("b", Outcome.RETURNED)
        world.broker.script("d", Outcome.REFUSED)
        done = await world.release()
        assert (world.arrived(), world.parked()) == (["a", "c"], ["b", "d"])
        assert done.kept == {
            "no queue is bound for the routing key": 1,
            "a queue refuses more (full, or without a leader)": 1,
        }

    async def test_what_never_was_an_event_stays_and_is_told(self) -> None:
        world = World("a")
        world.park_item(b"raw")
        world.park("b")
        done = await world.release()
        assert (world.arrived(), len(world.parked()), done.kept) == (["a", "b"], 1, {})
        assert done.unreleasable.total() == 1

    @pytest.mark.parametrize("loss", list(Loss)[:2])
    async def test_a_connection_that_is_lost_leaves_what_is_not_confirmed_parked(self, loss: Loss) -> None:
        world = World("a", "b", "c")
        world.broker.script("b", loss)
        with pytest.raises(Interrupted, match=r"before all was confirmed\. 1 released before that; of"):
            await world.release()
        assert world.parked() == ["b", "c"]
        await world.release()
        assert set(world.arrived()) == {"a", "b", "c"}
        assert world.parked() == []

    async def test_what_rabbitmq_forgets_of_the_acknowledgements_is_acknowledged_again_and_not_published(self) -> None:
        world = World("a", "b")
        world.park_item(b"raw")
        world.reader.lost_acknowledgements = 3
        done = await world.release()
        assert (world.arrived(), len(world.parked()), done.count) == (["a", "b"], 1, 2)

    async def test_what_is_lost_between_confirm_and_acknowledgement_for_good_comes_again(self) -> None:
        world = World("a", "b")
        world.reader.lost_acknowledgements = 100
        await world.release()
        assert (world.arrived(), world.parked()) == (["a", "b"], ["a", "b"])
        world.reader.lost_acknowledgements = 0
        await world.release()
        assert (world.arrived(), world.parked()) == (["a", "b", "a", "b"], [])

    async def test_what_is_parked_meanwhile_stays_for_the_next_time(self) -> None:
        world = World("a", "b", "c")
        world.uncounted = 1
        await world.release()
        assert (world.arrived(), world.parked()) == (["a", "b"], ["c"])

    async def test_one_that_the_broker_closes_the_channel_over_goes_alone_and_stays(self) -> None:
        world = World("a")
        world.park("p", reason="poison")
        world.park("b")
        world.broker.script("p", Loss.OVER_IT)
        done = await world.release()
        assert (world.arrived(), world.parked()) == (["a", "b"], ["p"])
        assert done.kept == {"the broker cannot take them": 1}

    async def test_only_what_was_chosen_goes_and_no_more_than_the_limit(self) -> None:
        world = World("a", "b", "c", "d")
        world.park("e", reason="poison")
        await world.release(Choice(ids=frozenset({"b", "d", "e"}), reason="unroutable"))
        assert (world.arrived(), world.parked()) == (["b", "d"], ["a", "c", "e"])
        done = await world.release(Choice(limit=1))
        assert (world.arrived(), world.parked(), done.unseen) == (["b", "d", "a"], ["c", "e"], 0)

    async def test_ids_that_were_not_found_can_be_told(self) -> None:
        done = await World("a", "b").release(Choice(ids=frozenset({"b", "z"})))
        assert (done.found_ids, done.looked_at) == ({"b"}, 2)

    async def test_more_than_fit_into_hand_go_as_long_as_those_before_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(work, "PAGE", 2)
        world = World(*"abcdefgh")
        world.reader.prefetch = 3
        done = await world.release()
        assert (world.arrived(), done.unseen) == ([*"abcdefgh"], 0)

    async def test_those_behind_a_hand_full_that_stays_are_told_as_unseen(self) -> None:
        world = World(*"abcde")
        world.reader.prefetch = 3
        world.broker.bound_keys = set()
        done = await world.release()
        assert (done.unseen, world.parked()) == (2, [*"abcde"])


class TestDiscarding:
    async def test_only_what_was_chosen_is_gone(self) -> None:
        world = World("a", "b", "c")
        world.park_item(b"raw")
        done = await world.discard(Choice(reason="unroutable", limit=2))
        assert (done.count, world.parked()[0], len(world.parked())) == (2, "c", 2)
        assert world.broker.tried == []

    async def test_ids_that_were_not_found_can_be_told(self) -> None:
        done = await World("a", "b").discard(Choice(ids=frozenset({"b", "z"})))
        assert (done.found_ids, done.count) == ({"b"}, 1)

    async def test_what_rabbitmq_forgets_of_the_acknowledgements_is_discarded_all_the_same(self) -> None:
        world = World("a", "b")
        world.reader.lost_acknowledgements = 1
        await world.discard(Choice(ids=frozenset({"a"})))
        assert world.parked() == ["b"]

    async def test_a_queue_that_is_lost_is_told(self) -> None:
        world = World("a")
        world.reader.unavailable = 1
        with pytest.raises(Interrupted, match="Up to 0 discarded before that"):
            await world.discard()
