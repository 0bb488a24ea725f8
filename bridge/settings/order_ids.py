"""Altinn's order ids from the texts that name them. Pure. An order that is named twice counts once."""

import re

from bridge.ops.redaction import redact_text
from bridge.settings.fields import listed

MAX_ORDERS = 10_000
"""In one setting. More than anybody writes by hand; the queue, `bridge orders add` and the feed have no such bound."""
MAX_QUOTED = 5
"""So many wrong values are told."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def order_ids_of(value: object) -> frozenset[str]:
    """A setting's value: JSON, comma-separated, or one; as the API writes them, in small letters.

    ValueError names what is wrong in it.
    """
    texts = [str(text).strip().lower() for text in listed(value)]
    if wrong := [text for text in texts if not _UUID.fullmatch(text)]:
        more = f" and {len(wrong) - MAX_QUOTED} more" if len(wrong) > MAX_QUOTED else ""
        quoted = ", ".join(f"`{redact_text(text)[:40]}`" for text in wrong[:MAX_QUOTED])
        raise ValueError(
            f"must be order ids (UUIDs such as f1a1cc30-197f-4f34-8304-006ce4945fd1), but names {quoted}{more}"
        )
    order_ids = frozenset(texts)
    if len(order_ids) > MAX_ORDERS:
        raise ValueError(
            f"names {len(order_ids)} orders, but takes at most {MAX_ORDERS}: give the others by the queue or the feed"
        )
    return order_ids
