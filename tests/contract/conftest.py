"""The implementations of `ports.Session` under test, each in the lab that makes things happen to it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.labs import LABS, FakeLab, Lab, RabbitLab


@pytest.fixture(params=["fake", *LABS])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """Every implementation."""
    if request.param == "fake":
        yield FakeLab()
        return
    async with LABS[request.param](request.getfixturevalue("broker_vhost")) as rabbit:
        yield rabbit


@pytest.fixture(params=LABS)
async def rabbit(request: pytest.FixtureRequest, broker_vhost: str) -> AsyncIterator[RabbitLab]:
    """Those that speak to RabbitMQ."""
    async with LABS[request.param](broker_vhost) as rabbit:
        yield rabbit
