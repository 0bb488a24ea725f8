"""A consumer of the bridge's events, to be copied: put your work into `handle`, and keep the rest.

    AMQP_URL=amqp://guest:guest@localhost:5672/   amqps://…?cafile=ca.pem for TLS
    QUEUE=my-service                              this service's own queue
    BINDINGS=nhn.notifications:new-message.*,altinn.notifications:email-status.*
    DATABASE=my-service.db                        the work and the ids of what is done

A service owns its queue: it declares the queue and its bindings, so that they change with the code that needs them.
Whoever runs the bridge names the queue in BRIDGE_BROKER__SUBSCRIPTIONS, so that nothing is published while it is
missing. Without BINDINGS nothing is declared: then the queue has to be there, made by the bridge ("declare": true) or
by hand. Exchanges are the bridge's, and have to be there before. One process a queue: two would share neither the order
nor this database.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Coroutine
from contextlib import closing

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustQueue
from pamqp.common import FieldTable

from bridge.events import InvalidEvent, KnownEvent, UnknownEvent, parse

PREFETCH = 50
"""Messages in hand: enough not to wait for the network, and little to be delivered again after a crash."""
TIMEOUT_S = 10.0
"""For whatever the broker is asked. Waiting for the next event alone has no end: the heartbeat watches over that."""
HEARTBEAT_S = 10
KEEP_S = 400 * 24 * 3600
"""How long ids are remembered. Repeats after a crash or a lost connection come as soon as that is over, but an operator
may release a parked event, replay a range or move a cursor back at any time, and a lost store does: as far back as the
API still has it. Altinn keeps 90 days, NHN does not say. No bound by number: one replay brings more than any number."""

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS handled (number INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT);
"""

QUORUM: FieldTable = {"x-queue-type": "quorum"}


def handle(database: sqlite3.Connection, event: KnownEvent, now: int) -> bool:
    """Do an event's work, once; False where it was done before. The work and the id are in one transaction: a crash
    leaves both or neither. Work outside of this database cannot be: make it harmless when it is done twice.
    """
    with database:
        database.execute("DELETE FROM seen WHERE at < ?", (now - KEEP_S,))
        seen = database.execute("INSERT INTO seen VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (event.id, now))
        if not seen.rowcount:
            return False
        # Your work. Go by the class of the event, never by `sequence`: it may be lower than one before.
        row = (event.id, event.type, event.subject)
        database.execute("INSERT INTO handled (id, type, subject) VALUES (?, ?, ?)", row)
    return True


async def take(message: AbstractIncomingMessage, database: sqlite3.Connection) -> None:
    """Handle one message, and only then acknowledge it. An error of the work ends the process with nothing
    acknowledged: whoever starts it again starts at this event.
    """
    try:
        event = parse(message.body)
    except InvalidEvent:
        # Never the bridge's. Kept in the dead-letter queue, where the queue has one; not tried again and again.
        print("rejected: a message that is no event", file=sys.stderr, flush=True)
        await settled(message.reject(requeue=False))
        return
    # Neither line says more: `data` may identify persons.
    if isinstance(event, UnknownEvent):
        print(f"passed over: {event.id!r} {event.type!r}", file=sys.stderr, flush=True)
    elif handle(database, event, int(time.time())):
        print(event.id, event.type, event.sequence or "-", flush=True)
    await settled(message.ack())


async def settled(answer: Coroutine[object, object, None]) -> None:
    """Send the broker our answer. With the connection lost it is lost, too, and the message comes again: a repeat. (The
    library then raises various things, or cancels what waits.)
    """
    async with asyncio.timeout(TIMEOUT_S):
        [error] = await asyncio.gather(answer, return_exceptions=True)
    if error is not None:
        print(f"not acknowledged: {type(error).__name__}", file=sys.stderr, flush=True)


async def declare(channel: AbstractRobustChannel, name: str, bindings: str) -> AbstractRobustQueue:
    """The queue, bound; the same after each reconnect."""
    if not bindings:
        return await channel.declare_queue(name, passive=True)
    dead = f"{name}.dead"
    await channel.declare_queue(dead, durable=True, arguments=QUORUM)
    arguments: FieldTable = {
        **QUORUM,
        # RabbitMQ 4 drops a message after 20 deliveries by default: a consumer that cannot start loses none.
        "x-delivery-limit": 1_000_000,
        # What is rejected goes, by the default exchange, to the dead-letter queue, and is not lost on the way.
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    queue = await channel.declare_queue(name, durable=True, arguments=arguments)
    for binding in bindings.split(","):
        exchange, _, pattern = binding.strip().partition(":")
        await queue.bind(exchange, pattern)
    return queue


async def consume(database: sqlite3.Connection) -> None:
    """Take one message after another, in their order, until SIGTERM; through restarts of the broker."""
    inbox: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()  # PREFETCH bounds it
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"], timeout=TIMEOUT_S, heartbeat=HEARTBEAT_S)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            channel = await connection.channel()
            await channel.set_qos(PREFETCH)
            queue = await declare(channel, os.environ["QUEUE"], os.environ.get("BINDINGS", ""))
            await queue.consume(inbox.put)
        end = asyncio.create_task(ending.wait())
        while not ending.is_set():
            arriving = asyncio.create_task(inbox.get())
            await asyncio.wait({arriving, end}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.is_set():
                await take(arriving.result(), database)
    finally:
        async with asyncio.timeout(TIMEOUT_S):
            await connection.close()  # what was in hand and not acknowledged is in the queue again


if __name__ == "__main__":
    with closing(sqlite3.connect(os.environ["DATABASE"])) as own:
        own.executescript(TABLES)
        asyncio.run(consume(own))
