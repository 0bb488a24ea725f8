"""Which stream an order belongs to: always the same, whatever version of UUID names it."""

from collections import Counter
from uuid import UUID, uuid5

import pytest

from bridge.checkpoints import ORDER_STREAMS, order_stream

NAMESPACE = UUID("f1a1cc30-197f-4f34-8304-006ce4945fd1")


@pytest.mark.parametrize(
    ("order_id", "stream"),
    [
        ("dddddddd-0000-4000-8000-000000000000", "altinn/orders/0"),
        ("aaaaaaaa-0000-4000-8000-000000000000", "altinn/orders/1"),
        ("cccccccc-0000-4000-8000-000000000000", "altinn/orders/2"),
        ("eeeeeeee-0000-4000-8000-000000000000", "altinn/orders/3"),
    ],
)
def test_an_order_keeps_its_stream_for_good(order_id: str, stream: str) -> None:
    """The store's rows name it: another answer in a later version would leave orders unpolled."""
    assert order_stream(order_id) == stream


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([uuid5(NAMESPACE, str(number)) for number in range(4000)], id="random"),
        # Of one machine, one after the other: only the time differs.
        pytest.param([UUID(fields=(number, 0x1234, 0x11F0, 0x80, 1, 0xA)) for number in range(4000)], id="version 1"),
        pytest.param([UUID(int=(0x018F << 112) + (7 << 76) + (2 << 62) + number) for number in range(4000)], id="7"),
    ],
)
def test_orders_are_shared_out_evenly(ids: list[UUID]) -> None:
    assert ORDER_STREAMS == 4
    counts = Counter(order_stream(str(each)) for each in ids)
    assert len(counts) == 4
    assert all(800 <= count <= 1200 for count in counts.values())
