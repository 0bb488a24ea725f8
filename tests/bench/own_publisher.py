"""The bridge's publisher alone: pages of messages that are there, three of them in flight as in the pipeline.

python -m tests.bench.own_publisher URL EVENTS PAGE_SIZE
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence

from bridge.events.message import Message
from bridge.ports import Outcome, Session
from bridge.rabbitmq.connection import RabbitBroker
from bridge.rabbitmq.topology import Topology
from tests.bench.messages import EXCHANGE, make_messages
from tests.bench.report import begin, report
from tests.support.observers import Recorder

PAGES_IN_FLIGHT = 3


async def publish(url: str, messages: Sequence[Message], page_size: int) -> float:
    """Seconds that it took. Fails where a message was not routed."""
    broker = RabbitBroker(
        lambda: [url],
        Topology(exchanges=(EXCHANGE,)),
        observer=Recorder(),
        confirm_timeout_s=60,
        max_in_flight=4000,
    )
    session = await broker.session()
    pages = iter([messages[start : start + page_size] for start in range(0, len(messages), page_size)])
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(PAGES_IN_FLIGHT):
            tasks.create_task(_publish_each(session, pages))
    seconds = time.perf_counter() - started
    await broker.close()
    return seconds


async def _publish_each(session: Session, pages: Iterator[Sequence[Message]]) -> None:
    for page in pages:
        if set(await session.publish(page)) != {Outcome.ROUTED}:
            raise RuntimeError("not every message was routed")


def main(url: str, events: str, page_size: str) -> None:
    messages = make_messages(int(events))
    begin()
    report(len(messages), asyncio.run(publish(url, messages, int(page_size))))


if __name__ == "__main__":
    main(*sys.argv[1:])
