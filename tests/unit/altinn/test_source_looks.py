"""A look at what is due takes its time, and what it finds may have changed when its answer is there."""

from collections.abc import Sequence

from bridge.checkpoints import WatchedOrder
from tests.support.altinn_world import OrdersStream
from tests.support.clock import FakeClock
from tests.support.fake_altinn_store import FakeAltinnStore


class SlowStore(FakeAltinnStore):
    """Answers late: what it read was so a while ago."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.late_by_s = 0.0

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        found = await super().due(stream, now=now, limit=limit)
        await self._clock.sleep(self.late_by_s)
        return found


async def test_an_order_whose_batch_is_committed_during_a_look_is_not_polled_for_what_it_was_before() -> None:
    here = OrdersStream()
    here.store = store = SlowStore(here.clock)
    here.api.order(0, "New")
    await here.watch(0)
    source = here.source()
    (batch,) = await here.uncommitted(source, 0.5)
    store.late_by_s = 0.4
    assert await here.uncommitted(source, 0.7) == []  # a look has begun, and found the order due
    await here.commit(source, batch)
    await here.run(source, 3.0)
    assert len(here.api.asked(0)) == 1
    await here.run(source, 4.0)
    assert len(here.api.asked(0)) == 2
