"""What a source asks the store to remember, so that it is never told again.

The pipeline does not look inside a checkpoint: it only stores it after every message of its page is confirmed and
routed. One checkpoint is one transaction, of one stream.
"""

from bridge.checkpoints.altinn import (
    CLOSED_STATES,
    ORDER_STATES,
    ORDER_STREAMS,
    REOPENABLE_STATES,
    AltinnCheckpoint,
    ClosedState,
    EmailSeen,
    FeedMark,
    FeedRead,
    FeedRow,
    FeedState,
    OpenState,
    OrderPolled,
    OrdersPolled,
    OrderState,
    Registration,
    WatchedOrder,
    WatchOrders,
    order_stream,
)
from bridge.checkpoints.merge import merged
from bridge.checkpoints.nhn import Advance, Detach, Enrol, Join, NhnCheckpoint, RecentPage, StreamState
from bridge.checkpoints.seek import Sought, seek

__all__ = [
    "CLOSED_STATES",
    "ORDER_STATES",
    "ORDER_STREAMS",
    "REOPENABLE_STATES",
    "Advance",
    "AltinnCheckpoint",
    "ClosedState",
    "Detach",
    "EmailSeen",
    "Enrol",
    "FeedMark",
    "FeedRead",
    "FeedRow",
    "FeedState",
    "Join",
    "NhnCheckpoint",
    "OpenState",
    "OrderPolled",
    "OrderState",
    "OrdersPolled",
    "RecentPage",
    "Registration",
    "Sought",
    "StreamState",
    "WatchOrders",
    "WatchedOrder",
    "merged",
    "order_stream",
    "seek",
]
