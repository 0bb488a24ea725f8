"""RabbitMQ behind a proxy."""

from collections.abc import AsyncIterator

import pytest

from tests.support.labs import RabbitLab, rabbit_lab


@pytest.fixture
async def lab(broker_vhost: str) -> AsyncIterator[RabbitLab]:
    """On a vhost of the test's own."""
    async with rabbit_lab(broker_vhost) as lab:
        yield lab
