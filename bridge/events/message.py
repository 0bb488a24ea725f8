"""One AMQP message: what the pipeline carries from a source to the broker."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

SourceName = Literal["nhn", "altinn"]

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class Message(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A message that has to be confirmed and routed before the checkpoint of its page is stored.

    A message for the parked exchange (see `parked`) is one like any other: it too has to be confirmed and routed.
    """

    id: str
    """AMQP `message_id`: the CloudEvents id. The broker names a returned message by nothing else."""
    source: SourceName
    event: str
    """Event name of product.md §4, e.g. `new-message`: a closed set, fit for a metric's label."""
    type: str
    """AMQP `type`: the CloudEvents type."""
    exchange: str
    routing_key: str
    body: bytes
    content_type: str = CONTENT_TYPE
    correlation_id: str | None = None
    created_at: datetime | None = None
    """AMQP `timestamp`; age and lag are counted from it. Aware."""
    headers: Mapping[str, str] = {}
    parked_reason: str | None = None
    """Set on a message for the parked exchange: the closed set of reasons of `bridge.events.parked`."""
