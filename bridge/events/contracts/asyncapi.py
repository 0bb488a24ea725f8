"""The AsyncAPI 3.0 document: which exchange and routing key each event goes to, and how its message looks."""

from typing import Any

from bridge.events.altinn import EMAIL_STATUS, FINAL, ORDER_CLOSED, PENDING, kebab_case
from bridge.events.contracts.schemas import Schema, schemas
from bridge.events.message import CONTENT_TYPE

NHN_EXCHANGE = "nhn.notifications"
ALTINN_EXCHANGE = "altinn.notifications"
"""The settings' defaults: a document of one's own exchanges would be another contract at each place."""
CLOSED_REASONS = ("completed", "cancelled", "condition-not-met", "given-up", "not-found")
BINDING_VERSION = "0.3.0"
"""Of AsyncAPI's AMQP 0-9-1 bindings."""

_DESCRIPTION = """\
Notifications of NHN Meldingstjener and statuses of Altinn's e-mails, as CloudEvents 1.0 in structured mode on RabbitMQ.

This document describes the bridge, as AsyncAPI 3 describes an application: its operations are `send`. A consumer
receives what is sent here: bind a durable queue to the exchange with the routing keys that are wanted, `*` for any
parameter.

The names of the exchanges are the defaults of settings (`BROKER__EXCHANGE_NHN`, `BROKER__EXCHANGE_ALTINN`). Broker and
virtual host are the operator's, too. What a replay sends to one queue alone comes by the default exchange with the
queue's name as routing key: go by the event's `type`.

Each event comes at least once: deduplicate by `id`. Those of one receiver come in the order of their offsets, those of
one e-mail in the order of its changes, except what was refused, parked or replayed, or became visible late.

In v1 attributes, fields, events, statuses and reasons may be added: pass over what you do not know, and acknowledge
events of unknown types. What is there stays, with its type, its meaning and its routing key. What is never absent or
null stays so.
"""

_HER_ID = {"description": "The HER-id of the receiver.", "examples": ["8142520"]}
_STATUS = {
    "description": "The status in kebab-case, at most 200 characters. These are known; more may come.",
    "examples": sorted(kebab_case(status) for status in PENDING | FINAL),
}
_REASON = {"description": "Why it has ended. These are known; more may come.", "examples": list(CLOSED_REASONS)}


def asyncapi() -> dict[str, Any]:
    """The document as plain values. Each event has a channel: its routing keys on one of the two exchanges."""
    events = schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Notification bridge",
            "version": "v1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {event: _channel(event, schema) for event, schema in events.items()},
        "operations": {f"send-{event}": _operation(event) for event in events},
        "components": {
            "messages": {event: _message(event, schema) for event, schema in events.items()},
            "schemas": {event: _payload(schema) for event, schema in events.items()},
            "channelBindings": {"nhn": _exchange(NHN_EXCHANGE), "altinn": _exchange(ALTINN_EXCHANGE)},
            "operationBindings": {"confirmed": _published()},
        },
    }


def _is_altinns(event: str) -> bool:
    return event in {EMAIL_STATUS, ORDER_CLOSED}


def _channel(event: str, schema: Schema) -> dict[str, Any]:
    parameters = {EMAIL_STATUS: {"status": _STATUS}, ORDER_CLOSED: {"reason": _REASON}}
    parameter = parameters.get(event, {"receiverHerId": _HER_ID})
    (name,) = parameter
    return {
        "address": f"{event}.{{{name}}}",
        "title": event,
        "description": schema["description"],
        "messages": {event: _reference("components", "messages", event)},
        "parameters": parameter,
        "bindings": _reference("components", "channelBindings", "altinn" if _is_altinns(event) else "nhn"),
    }


def _operation(event: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": _reference("channels", event),
        "summary": f"Publishes {event}; a consumer's counterpart is `receive`.",
        "messages": [_reference("channels", event, "messages", event)],
        "bindings": _reference("components", "operationBindings", "confirmed"),
    }


def _message(event: str, schema: Schema) -> dict[str, Any]:
    event_type = schema["properties"]["type"]["enum"][0]
    related = "orderId" if _is_altinns(event) else "messageId"
    return {
        "name": event_type,
        "title": schema["title"],
        "summary": schema["description"],
        "contentType": CONTENT_TYPE,
        "correlationId": {
            "description": f"`{related}`; also the AMQP property correlation_id, which is absent where this is null.",
            "location": f"$message.payload#/data/{related}",
        },
        "payload": _reference("components", "schemas", event),
        "bindings": {"amqp": {"messageType": event_type, "bindingVersion": BINDING_VERSION}},
        "examples": [{"name": event, "payload": example} for example in schema["examples"]],
        "x-amqp-properties": {
            "content_type": CONTENT_TYPE,
            "delivery_mode": 2,
            "message_id": "$message.payload#/id",
            "type": "$message.payload#/type",
            "correlation_id": f"$message.payload#/data/{related}",
            "timestamp": "$message.payload#/time in whole seconds since 1970; absent where that is",
            "app_id": "bridge",
        },
    }


def _payload(schema: Schema) -> Schema:
    """As AsyncAPI 3.0 has schemas: by its own dialect, to which this one is the same."""
    return {key: value for key, value in schema.items() if key not in {"$schema", "$id", "examples"}}


def _exchange(name: str) -> dict[str, Any]:
    exchange = {"name": name, "type": "topic", "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDING_VERSION}}


def _published() -> dict[str, Any]:
    """Persistent, with a timestamp, and mandatory: unroutable events come back to the bridge, which keeps them."""
    return {"amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": BINDING_VERSION}}


def _reference(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}
