"""What belongs to no stream: an idle bridge knows whether its broker is there."""

import asyncio

from bridge.errors import BrokerUnavailable
from bridge.streams import stay_connected
from tests.support.clock import FakeClock


class Door:
    """A broker that is away for the first few times."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.knocks = 0
        self.knocked_five_times = asyncio.Event()

    async def connect(self) -> None:
        self.knocks += 1
        if self.knocks == 5:
            self.knocked_five_times.set()
        if self.knocks <= self.away:
            raise BrokerUnavailable("no broker takes a connection")


async def test_the_connection_is_kept_while_there_is_nothing_to_publish() -> None:
    door, stop, clock = Door(away=2), asyncio.Event(), FakeClock()
    keeping = asyncio.create_task(stay_connected(door, stop, clock=clock))
    await door.knocked_five_times.wait()
    stop.set()
    await keeping
    assert clock.slept[2:4] == [1.0, 1.0], "once connected, it looks every second"
    assert asyncio.all_tasks() == {asyncio.current_task()}
