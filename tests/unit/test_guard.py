"""Nothing is written for a stream that is somebody else's by now."""

import pytest

from bridge.errors import BrokerUnavailable
from bridge.guard import GuardedBroker
from bridge.ports import Outcome
from tests.support.fake_broker import FakeBroker
from tests.support.labs import page


async def test_what_is_ours_is_published_and_what_is_not_never_reaches_the_broker() -> None:
    broker, owned = FakeBroker(), {"a"}
    guarded = GuardedBroker(broker, is_ours=lambda: "a" in owned)
    session = await guarded.session()
    assert await session.publish(page(1, 2)) == [Outcome.ROUTED, Outcome.ROUTED]
    owned.clear()
    assert await session.publish(page(3, 4)) == [Outcome.UNKNOWN, Outcome.UNKNOWN]
    assert len(broker.tried) == 2
    with pytest.raises(BrokerUnavailable, match="does not own the stream"):
        await guarded.session()
    await session.close()
