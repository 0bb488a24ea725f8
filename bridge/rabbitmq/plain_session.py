"""A session that publishes each message by itself, by aiormq's documented `basic_publish`, all of a page at once."""

import asyncio
from functools import partial

import aiormq

from bridge.ports import Outcome
from bridge.rabbitmq.errors import is_library_error
from bridge.rabbitmq.properties import properties_of
from bridge.rabbitmq.session import ENCODING_ERRORS, ChannelSession, Page

Publishing = asyncio.Task[object]


class PlainSession(ChannelSession):
    """Needs nothing of aiormq that is not documented, and costs twenty times the CPU of a PageSession."""

    async def _start(self, page: Page, indexes: range) -> None:
        for index in indexes:
            message = page.messages[index]
            # Not `Exchange.publish`, which waits until the socket has taken the message: while the broker blocks,
            # aiormq would wait there with its heartbeats behind it, and give up a connection that is well. What may
            # pile up in the socket's buffer instead is bounded by the budget.
            publishing = self._channel.basic_publish(
                message.body,
                exchange=message.exchange,
                routing_key=message.routing_key,
                properties=properties_of(message),
                mandatory=True,
                wait=False,
            )
            task: Publishing = asyncio.create_task(publishing)
            self._tasks.add(task)
            task.add_done_callback(partial(self._on_answer, page, index))

    def _on_answer(self, page: Page, index: int, task: Publishing) -> None:
        # aiormq ends what waits for a confirm by cancelling it, too.
        error = EOFError() if task.cancelled() else task.exception()
        self._tasks.discard(task)
        if not self._is_open:
            return
        match error:
            case None:
                outcome = Outcome.ROUTED
            case aiormq.PublishError():
                outcome = Outcome.RETURNED
            case aiormq.DeliveryError():
                outcome = Outcome.REFUSED
            case _ if isinstance(error, ENCODING_ERRORS):
                outcome = Outcome.POISON
            case _:
                if not is_library_error(error):
                    page.fail(error)  # a defect: whoever publishes must hear of it
                self._lost(error)
                return
        self._settle(page, (index,), outcome)
