"""Trace context in events: CloudEvents' attribute `traceparent`, written into messages that are made already."""

import msgspec

from bridge.events.message import Message
from bridge.events.parked import MAX_BODY_BYTES


def traced(message: Message, traceparent: str) -> Message:
    """The same event with this attribute, which its encoder would have written last, too. What is parked, and what
    would become larger than a broker has to take, stays as it is.
    """
    if message.parked_reason is not None:
        return message
    body = b'%s,"traceparent":"%s"}' % (message.body[:-1], traceparent.encode())
    return message if len(body) > MAX_BODY_BYTES else msgspec.structs.replace(message, body=body)
