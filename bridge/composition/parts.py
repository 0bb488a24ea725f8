"""What the services of all sources share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from bridge.http import HostGate, HttpReader
from bridge.http_transport import make_client
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ownership import Ownership
from bridge.ports import Clock
from bridge.rabbitmq.connection import RabbitBroker
from bridge.route_contract import RouteContract
from bridge.settings import Settings
from bridge.store import Stores
from bridge.streams import Publishing, StreamRunner, Undelivered


@dataclass(frozen=True, slots=True)
class Parts:
    """One a process."""

    settings: Settings
    broker: RabbitBroker
    routes: RouteContract
    stores: Stores
    ownership: Ownership
    telemetry: BridgeTelemetry
    publishing: Publishing
    clock: Clock

    def runner(self) -> StreamRunner:
        """Runs streams on the broker."""
        broker = self.settings.broker
        undelivered = Undelivered(
            unroutable=broker.unroutable, parked_exchange=broker.exchange_parked, parked_limit=broker.parked_limit
        )
        return StreamRunner(
            self.broker,
            undelivered,
            is_ours=self.ownership.holds,
            gate=self.routes.why_closed,
            publishing=self.publishing,
            clock=self.clock,
        )


@asynccontextmanager
async def http_reader(
    settings: Settings, gate: HostGate, clock: Clock, auth: httpx.Auth | None
) -> AsyncIterator[HttpReader]:
    """GETs of one API, signed by `auth`. `gate`: one a host, whoever calls it."""
    http = settings.http
    async with make_client(timeout_s=http.timeout_s, auth=auth) as client:
        yield HttpReader(client, gate=gate, clock=clock, timeout_s=http.timeout_s, max_body_bytes=http.max_body_bytes)
