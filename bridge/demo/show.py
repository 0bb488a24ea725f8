"""The demo's course: start everything, two accidents, wait until all has arrived, prove it.

sandbox APIs -> bridge (a process) -> proxy -> RabbitMQ -> subscriber
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from aio_pika.abc import AbstractChannel

from bridge.demo import altinn
from bridge.demo.altinn import AltinnHalf
from bridge.demo.nhn import HER_IDS, NhnHalf
from bridge.demo.process import BridgeProcess
from bridge.demo.proof import Claim
from bridge.demo.subscriber import subscriber
from bridge.demo.view import View
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from bridge.sandbox.tcp_proxy import Direction, TcpProxy

TICK_S = 0.25
PLAIN_LINE_EVERY = 8
"""Ticks between lines of plain output: 2 s."""
RATE_WINDOW_S = 3.0
IN_FLIGHT_TIMEOUT_S = 5.0
DEFAULT_AMQP_PORT = 5672
ORDERS_PER_S = 2.0
ORDERS_SHARE = 0.5
"""Of the time in which notifications are created orders are placed: their lives take as long again."""


class DemoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how much."""

    seconds: float = 30.0
    """How long notifications are created."""
    rate_per_s: float = 200.0
    burst: int = 40
    give_up_s: float = 60.0
    """How long to wait for the last event after that."""

    @property
    def total(self) -> int:
        """Notifications created in all."""
        return int(self.seconds * self.rate_per_s)

    @property
    def orders(self) -> int:
        """Orders placed in all."""
        return max(int(self.seconds * ORDERS_SHARE * ORDERS_PER_S), 1)


class Demo:
    """One run of the demo."""

    def __init__(self, broker_url: str, directory: Path, view: View, plan: DemoPlan) -> None:
        """`directory`: for the store and the bridge's log; the caller removes it."""
        self._broker_url = broker_url
        self._directory = directory
        self._view = view
        self._plan = plan
        self._names = f"demo-{secrets.token_hex(4)}"
        """Prefix of what the demo makes on the broker, so that it never touches what is there."""
        supply = SupplyPlan(rate_per_s=plan.rate_per_s, burst=plan.burst, total=plan.total)
        self._sandbox = Sandbox(
            port=0,
            her_ids=HER_IDS,
            supply=supply,
            altinn=altinn.plan(plan.seconds * ORDERS_SHARE, plan.orders),
            sign_in=SignInPlan(),
        )
        self._nhn = NhnHalf(self._sandbox, self._names)
        self._altinn = AltinnHalf(self._sandbox, self._names)
        self._arrivals: deque[float] = deque()
        self._arrival = asyncio.Event()
        self._started = time.monotonic()

    async def run(self) -> list[Claim]:
        """Run to the end; every claim of the proof."""
        target = urlsplit(self._broker_url)
        async with AsyncExitStack() as stack:
            channel = await stack.enter_async_context(
                subscriber(
                    self._broker_url,
                    queue=f"{self._names}.subscriber",
                    exchanges=(self._nhn.exchange, self._altinn.exchange),
                    leftovers=(f"{self._names}.parked", self._altinn.registrations),
                    on_event=self._arrived,
                )
            )
            await self._altinn.declare(channel)
            proxy = await stack.enter_async_context(
                TcpProxy(target.hostname or "localhost", target.port or DEFAULT_AMQP_PORT)
            )
            await stack.enter_async_context(self._sandbox)
            bridge = BridgeProcess(self._settings(proxy.port), self._directory / "bridge.log")
            await bridge.start()
            stack.push_async_callback(bridge.close)
            self._view.news(
                f"bridge started (process {bridge.pid}); notifications for {len(HER_IDS)} HER-ids and orders begin"
            )
            await self._course(bridge, proxy, channel)
            exit_code = await bridge.stop()
            self._view.news(f"bridge asked to end: drained, exit code {exit_code}")
            drained = Claim(f"the bridge drained and ended with exit code {exit_code}", exit_code == 0)
            return [*await self._nhn.prove(self._store_file), *self._altinn.prove(), drained]

    async def _course(self, bridge: BridgeProcess, proxy: TcpProxy, channel: AbstractChannel) -> None:
        """Watch it run, with both accidents, until all has arrived or the time is up."""
        plan = self._plan
        accidents = [
            (plan.total / 3, partial(self._cut, proxy)),
            (plan.total * 2 / 3, partial(self._kill, proxy, bridge)),
        ]
        self._started = time.monotonic()
        ticks = 0
        while not await self._is_complete(bridge) or accidents:
            await self._altinn.register(channel)
            if accidents and len(self._nhn.distinct) >= accidents[0][0]:
                await accidents.pop(0)[1]()
            if self._elapsed_s() > plan.seconds + plan.give_up_s:
                self._view.news(f"gave up waiting; the end of the bridge's log:\n{bridge.end_of_log()}")
                return
            if ticks % PLAIN_LINE_EVERY == 0:
                self._view.tick()
            ticks += 1
            await asyncio.sleep(TICK_S)
        self._view.tick()

    async def _cut(self, proxy: TcpProxy) -> None:
        await self._hold_confirms_back(proxy)
        proxy.cut()
        proxy.resume()
        self._view.news("ACCIDENT: the bridge's connection to the broker is cut, with events unconfirmed")

    async def _kill(self, proxy: TcpProxy, bridge: BridgeProcess) -> None:
        await self._hold_confirms_back(proxy)
        pid = bridge.pid
        await bridge.kill()
        proxy.resume()
        await bridge.start()
        self._view.news(
            f"ACCIDENT: the bridge (process {pid}) is killed, with events unconfirmed; {bridge.pid} takes over"
        )

    async def _hold_confirms_back(self, proxy: TcpProxy) -> None:
        """Let the broker's confirms not through until events have come that the bridge does not know to be safe."""
        proxy.pause(frozenset({Direction.TO_CLIENT}))
        self._arrival.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrival.wait(), IN_FLIGHT_TIMEOUT_S)

    async def _is_complete(self, bridge: BridgeProcess) -> bool:
        """Take stock; True once everything that was created has arrived, and is known to have."""
        status, score, nhn = await bridge.status(), self._view.score, self._nhn
        nhn.look(status)
        score.elapsed_s, score.created = self._elapsed_s(), nhn.created
        score.received, score.distinct = len(nhn.received), len(nhn.distinct)
        score.cursor, score.lag_s, score.orders = nhn.cursor, nhn.lag_s, self._altinn.score()
        while self._arrivals and self._arrivals[0] < time.monotonic() - RATE_WINDOW_S:
            self._arrivals.popleft()
        score.rate = len(self._arrivals) / RATE_WINDOW_S
        if status is not None and status["is_ready"]:
            self._altinn.begin()
        score.bridge = "away" if status is None else ("ready" if status["is_ready"] else "not ready")
        return status is not None and nhn.is_complete() and self._altinn.is_complete()

    def _arrived(self, exchange: str, routing_key: str, event: Mapping[str, Any]) -> None:
        (self._nhn if exchange == self._nhn.exchange else self._altinn).arrived(event)
        self._arrivals.append(time.monotonic())
        self._arrival.set()
        self._view.event(routing_key, event)

    @property
    def _store_file(self) -> Path:
        return self._directory / "bridge.db"

    def _settings(self, broker_port: int) -> Mapping[str, str]:
        through_proxy = urlsplit(self._broker_url)
        credentials, at, _ = through_proxy.netloc.rpartition("@")
        netloc = f"{credentials}{at}{TcpProxy.host}:{broker_port}"
        return {
            **self._nhn.settings(),
            **self._altinn.settings(),
            "BRIDGE_BROKER__URLS": urlunsplit(through_proxy._replace(netloc=netloc)),
            "BRIDGE_BROKER__EXCHANGE_PARKED": f"{self._names}.parked",
            "BRIDGE_STORE__URL": f"sqlite:///{self._store_file}",
        }

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started
