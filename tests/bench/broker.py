"""The broker of a bench: a fresh queue for each run, what CPU it used, what is in the queue."""

import asyncio
import os
import re
import shlex
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Self

import aio_pika

from tests.bench.messages import EXCHANGE, QUEUE
from tests.bench.peers import NotThere
from tests.bench.processes import cpu_s

COUNT_S = 10.0


class Broker:
    """At one URL."""

    def __init__(self, url: str, pid: int | None) -> None:
        """`pid`: of its process, where that is known."""
        self.url = url
        self._pid = pid

    @classmethod
    async def at(cls, url: str) -> Self:
        """Its process is found where TEST_RABBITMQCTL runs rabbitmqctl on it."""
        command = shlex.split(os.environ.get("TEST_RABBITMQCTL", ""))
        if not command:
            return cls(url, None)
        process = await asyncio.create_subprocess_exec(
            *command, "--quiet", "eval", "os:getpid().", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        found = re.search(rb"\d+", output)
        return cls(url, int(found.group()) if found else None)

    def cpu_s(self) -> float:
        """What it has used so far; 0 where that is not known."""
        return 0.0 if self._pid is None else cpu_s(self._pid)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Half of the cores for the broker alone, the other half for this process and those that it starts meanwhile.

        Raises NotThere where there is one core, or where the broker's process is not known.
        """
        cores = sorted(os.sched_getaffinity(0))
        if self._pid is None or len(cores) < 2:
            raise NotThere("it takes two cores, and a broker whose process is known")
        half = len(cores) // 2
        try:
            self._keep_to(cores[:half])
            os.sched_setaffinity(0, cores[half:])
            yield
        finally:
            self._keep_to(cores)
            os.sched_setaffinity(0, cores)

    def _keep_to(self, cores: Sequence[int]) -> None:
        for thread in Path(f"/proc/{self._pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)

    @asynccontextmanager
    async def queue(self, queue_type: str, exchange_name: str = EXCHANGE, count: int = 1) -> AsyncIterator[None]:
        """`count` empty queues of this type that each get every event of the exchange; QUEUE is the first."""
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(exchange_name, "topic", durable=True)
            names = [QUEUE, *(f"{QUEUE}.{number}" for number in range(1, count))]
            for name in names:
                await channel.queue_delete(name)
                queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": queue_type})
                await queue.bind(exchange, "#")
            yield
            for name in names:
                await channel.queue_delete(name)

    async def has(self, events: int) -> bool:
        """Whether so many messages are in the queue; a quorum queue tells of its last ones a moment later."""
        deadline = time.monotonic() + COUNT_S
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            while True:
                queue = await channel.declare_queue(QUEUE, passive=True)
                if (queue.declaration_result.message_count or 0) >= events:
                    return True
                if time.monotonic() >= deadline:
                    return False
                await asyncio.sleep(0.1)
