"""RabbitMQ behind a proxy."""

from collections.abc import AsyncIterator

import httpx
import pytest
from aio_pika.abc import AbstractChannel

from tests.support.broker import open_channel
from tests.support.labs import RabbitLab, rabbit_lab
from tests.support.vhost import Management


@pytest.fixture
async def lab(broker_vhost: str) -> AsyncIterator[RabbitLab]:
    """On a vhost of the test's own."""
    async with rabbit_lab(broker_vhost) as lab:
        yield lab


@pytest.fixture
async def channel(broker_vhost: str) -> AsyncIterator[AbstractChannel]:
    async with open_channel(broker_vhost) as channel:
        yield channel


@pytest.fixture
async def management(broker_management_url: str, broker_vhost: str) -> AsyncIterator[Management]:
    async with httpx.AsyncClient(base_url=broker_management_url, timeout=10) as client:
        yield Management(client, broker_vhost)
