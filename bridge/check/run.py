"""All checks, at the same time where they do not need one another, each within its bound, told in a fixed order."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence

from bridge import __version__
from bridge.check.altinn import altinn_findings
from bridge.check.altinn_api import NAME
from bridge.check.altinn_settings import altinn_settings_findings
from bridge.check.bounds import late, within
from bridge.check.broker import broker_findings
from bridge.check.nhn import nhn_findings
from bridge.check.ops_port import ops_port_finding
from bridge.check.report import Finding, Report, make_report
from bridge.check.settings import settings_findings
from bridge.check.store import StoreSeen, check_store
from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.settings import Receivers, Settings
from bridge.tls import client_context

STORE_S, NHN_S, ALTINN_S, BROKER_S, OPS_S = 10.0, 40.0, 45.0, 45.0, 5.0
"""Bounds. NHN's begins when the store has been looked at. With closing what is open, all of it takes under a minute."""

Progress = Callable[[Sequence[str]], None]
"""Told what is still being looked at, whenever that changes."""


async def run_checks(settings: Settings, *, on_progress: Progress) -> Report:
    """Look at everything. Raises ConfigurationError for what can be right under no circumstances."""
    settings.require_source()
    wanted = Receivers(settings.nhn.all_tenants).current() if settings.nhn.is_on else {}
    her_ids = frozenset[int]().union(*wanted.values())
    tls = settings.broker.tls
    context = client_context(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
    files = settings.store.tls
    to_store = client_context(
        "BRIDGE_STORE__TLS", ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file
    )
    clock = SystemClock()
    started = clock.monotonic()
    async with asyncio.TaskGroup() as group:
        looking = _store(settings, wanted, clock, to_store)
        store = group.create_task(looking, name="the store")
        nhn = group.create_task(_nhn(settings, wanted, store, clock), name="NHN's API")
        altinn = group.create_task(_altinn(settings, clock), name="Altinn's API")
        checking = within(BROKER_S, broker_findings(settings, her_ids, tls=context), [late("broker", BROKER_S)])
        broker = group.create_task(checking, name="the broker")
        trying = within(OPS_S, ops_port_finding(settings), late("ops port", OPS_S))
        ops_port = group.create_task(trying, name="the ops port")
        apis = [task for task, source in ((nhn, settings.nhn), (altinn, settings.altinn)) if source.is_on]
        _tell([store, *apis, broker, ops_port], on_progress)
    findings = [
        *(settings_findings(settings, wanted) if settings.nhn.is_on else ()),
        *(altinn_settings_findings(settings.altinn) if settings.altinn.is_on else ()),
        *nhn.result(),
        *altinn.result(),
        *broker.result(),
        *store.result().findings,
        ops_port.result(),
    ]
    return make_report(findings, version=__version__, seconds=clock.monotonic() - started)


async def _store(
    settings: Settings, wanted: Mapping[str, frozenset[int]], clock: Clock, tls: ssl.SSLContext
) -> StoreSeen:
    looking = check_store(settings, wanted, clock=clock, tls=tls)
    return await within(STORE_S, looking, StoreSeen([late("store", STORE_S)], []))


async def _nhn(
    settings: Settings, wanted: Mapping[str, frozenset[int]], store: asyncio.Task[StoreSeen], clock: Clock
) -> list[Finding]:
    """The API is asked from where the store says that the receivers stand."""
    if not settings.nhn.is_on:
        return []
    receivers = (await store).receivers
    return await within(NHN_S, nhn_findings(settings, wanted, receivers, clock=clock), [late("API", NHN_S)])


async def _altinn(settings: Settings, clock: Clock) -> list[Finding]:
    if not settings.altinn.is_on:
        return []
    return await within(ALTINN_S, altinn_findings(settings, clock=clock), [late("API", ALTINN_S, name=NAME)])


def _tell(tasks: Sequence[asyncio.Task[object]], on_progress: Progress) -> None:
    """Tell what is not done, now and whenever one is."""

    def tell(_done: object = None) -> None:
        on_progress([task.get_name() for task in tasks if not task.done()])

    for task in tasks:
        task.add_done_callback(tell)
    tell()
