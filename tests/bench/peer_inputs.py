"""What the peers are given, so that they do the same: mq-bridge its route, amqplib its messages."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.bench.api import FIRST_HER_ID
from tests.bench.messages import EXCHANGE, make_messages

IN_FLIGHT = 4
"""Batches of mq-bridge at a time: what it needs to be fast. The order between them is lost then."""
FIELDS = {
    "id": "$.notificationId",
    "subject": "$.relatedMessageId",
    "time": "$.createdAt",
    "partitionkey": "$.notificationReceiverHerId",
    "sequence": "$.offset",
    "data.notificationId": "$.notificationId",
    "data.notificationType": "$.type",
    "data.messageId": "$.relatedMessageId",
    "data.receiverHerId": "$.notificationReceiverHerId",
    "data.triggeredByHerId": "$.notificationTriggeredByHerId",
    "data.description": "$.description",
    "data.createdAt": "$.createdAt",
    "data.offset": "$.offset",
}


def route_of_mq_bridge(
    broker_url: str, api_url: str, cursors: Path, *, page_size: int, her_ids: int
) -> Mapping[str, object]:
    """Poll with a saved cursor, map each item's fields, publish persistently with confirms."""
    receivers = "&".join(f"HerIds={FIRST_HER_ID + each}" for each in range(her_ids))
    read = {
        "path": f"/notifications?{receivers}&Offset={{cursor}}&NotificationsToFetch={{limit}}",
        "items": "/notifications",
        "cursor": {"item": "/offset", "start": 0},
        "cursor_id": "bench",
        "checkpoint_store": f"file://{cursors}",
    }
    bench = {
        "concurrency": IN_FLIGHT,
        "batch_size": page_size,
        "input": {"http_bulk": {"url": api_url, "read": read}, "middlewares": [{"transform": {"mapping": FIELDS}}]},
        "output": {
            "amqp": {
                "url": f"{broker_url.rstrip('/')}/%2f" if broker_url.count("/") == len("//") + 1 else broker_url,
                "exchange": EXCHANGE,
                "queue": "new-message.8000000",
                "no_declare_queue": True,
            }
        },
    }
    return {"routes": {"bench": bench}}


def page_for_node(page_size: int) -> bytes:
    """Messages as amqplib takes them, one a line."""
    return msgspec.json.Encoder().encode_lines(
        [
            {
                "routing_key": message.routing_key,
                "body": message.body.decode(),
                "options": {
                    "mandatory": True,
                    "persistent": True,
                    "contentType": message.content_type,
                    "messageId": message.id,
                    "correlationId": message.correlation_id,
                    "timestamp": int(message.created_at.timestamp()) if message.created_at else None,
                    "type": message.type,
                    "appId": "bridge",
                },
            }
            for message in make_messages(page_size)
        ]
    )
