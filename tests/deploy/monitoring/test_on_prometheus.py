"""What dashboard and alerts ask is answered by a real Prometheus that watched a real bridge through a bad hour."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from tests.support.broker import declare_queue, unbind
from tests.support.chart import ROOT, TOOLS, run
from tests.support.dashboard import ALERTS, ELSEWHERE, alerts, metrics_of, shown
from tests.support.prometheus import Prometheus, concrete, running_prometheus
from tests.support.system import EXCHANGE, QUEUE, System, running_system, until

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(600)]

SEEN_S = 120.0
"""How long Prometheus may take to see something, on a machine that has much else to do."""
PICTURE = os.environ.get("TEST_PICTURE")
"""Where the picture of the run is kept, if it is: `make picture`."""


async def seen(prometheus: Prometheus, expr: str, wanted: Callable[[float], bool]) -> None:
    """Return once Prometheus sees it so."""

    async def is_seen() -> bool:
        value = await prometheus.value(expr)
        return value is not None and wanted(value)

    try:
        await until(is_seen, timeout_s=SEEN_S)
    except AssertionError as error:
        raise AssertionError(f"not seen: {expr}") from error


async def calm(prometheus: Prometheus, events: int = 250) -> None:
    """So many events more, at the pace in which they are created."""
    delivered = "sum(bridge_events_confirmed_total)"
    before = await prometheus.value(delivered) or 0
    await seen(prometheus, delivered, lambda count: count >= before + events)


async def bad_hour(system: System, prometheus: Prometheus) -> None:
    """The broker is away, the API fails, a subscriber's queue is unbound, the bridge is killed: each until Prometheus
    sees it.
    """
    await seen(prometheus, "sum(bridge_events_confirmed_total)", lambda count: count > 400)
    await calm(prometheus)
    system.proxy.refuse()
    system.proxy.cut()
    await seen(prometheus, "min(bridge_broker_connected)", lambda value: value == 0)
    await seen(prometheus, "min(bridge_ready)", lambda value: value == 0)
    system.proxy.accept()
    await seen(prometheus, "min(bridge_ready)", lambda value: value == 1)
    await calm(prometheus)
    system.sandbox.nhn.add_fault(FaultRule(kind=FaultKind.SERVER_ERROR))
    await seen(prometheus, 'sum(bridge_polls_total{outcome="unavailable"})', lambda count: count >= 3)
    system.sandbox.nhn.clear_faults()
    await calm(prometheus)
    await seen(prometheus, "min(bridge_route_contract_ok)", lambda value: value == 1)
    await unbind(system.url, QUEUE, EXCHANGE, "#")
    await seen(prometheus, "min(bridge_route_contract_ok)", lambda value: value == 0)
    assert await prometheus.value(f'min(bridge_route_contract_ok{{queue="{QUEUE}"}})') == 0
    await seen(prometheus, 'sum(bridge_events_parked_total{reason="unroutable"})', lambda count: count > 20)
    await declare_queue(system.url, QUEUE, EXCHANGE, "#")
    await seen(prometheus, "min(bridge_route_contract_ok)", lambda value: value == 1)
    await calm(prometheus)
    await system.bridge.kill()
    await seen(prometheus, "min(up)", lambda value: value == 0)
    await system.bridge.start()
    await seen(prometheus, "min(up)", lambda value: value == 1)
    await seen(prometheus, "sum(bridge_events_confirmed_total)", lambda count: count > 0)
    await calm(prometheus)


async def test_every_panel_shows_a_bad_hour_and_every_alert_is_evaluated(
    broker_vhost: str, broker_management_url: str, tmp_path: Path
) -> None:
    contract = [{"queue": QUEUE, "bindings": ["#"], "on_missing": "continue"}]
    async with (
        running_system(
            tmp_path,
            broker_vhost,
            supply=SupplyPlan(rate_per_s=40),
            sign_in=SignInPlan(),
            her_ids=(6789, 7001, 7002),
            settings={
                "BRIDGE_BROKER__SUBSCRIPTIONS": json.dumps(contract),
                "BRIDGE_BROKER__MANAGEMENT_URL": broker_management_url,
            },
        ) as system,
        running_prometheus(tmp_path, ops_port=system.bridge._port, rules=ALERTS) as prometheus,
    ):
        start = time.time()
        await bad_hour(system, prometheus)
        end = time.time()
        answers = [(query, await prometheus.ranges(concrete(query.expr), start, end)) for query in shown()]
        for alert in alerts():
            await prometheus.value(alert.expr)
        assert await prometheus.value('ALERTS{alertname="BridgeEventsParked", reason="unroutable"}') == 1
    without_data = [query.panel for query, series in answers if not series]
    assert without_data == [query.panel for query, _ in answers if metrics_of(query.expr) & set(ELSEWHERE)]

    draw([{**query._asdict(), "series": series} for query, series in answers], tmp_path)


def draw(ranges: list[dict[str, Any]], directory: Path) -> None:
    """The documentation's picture can be made of it."""
    data, picture = directory / "ranges.json", Path(PICTURE or directory / "dashboard.png")
    data.write_text(json.dumps(ranges))
    run(TOOLS / "python", ROOT / "deploy" / "monitoring" / "picture.py", data, picture)
    assert picture.stat().st_size > 50_000
